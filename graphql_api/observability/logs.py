"""The log: one line per event on standard error, as JSON or for people, for this server and its libraries alike.

Clients cannot forge lines, one request writes at most 64 KB, and secrets are redacted.
"""

import logging
import re
import sys
import threading
import time
from collections.abc import Callable, Iterable, MutableMapping
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, Literal

import orjson
import structlog
from structlog.typing import Processor

from graphql_api.observability.log_writer import LogWriter

log = logging.getLogger(__name__)

A_REQUEST = 56_000
"""Maximum bytes of log per request, not counting its last line and the notice that the rest is omitted."""
A_TRACE = 6_000
"""Maximum characters of a traceback: its first quarter and, more important, its end are logged."""
A_TEXT = 2_000
"""Maximum characters of any other value."""
FLUSH_TIMEOUT = 0.5
"""Seconds that a stopping process waits until its last lines are written."""

_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]")

_LEVELS = {level: logging.getLevelName(level).lower() for level in (logging.DEBUG, logging.INFO, logging.WARNING)}

Style = Literal["json", "console"]
Event = MutableMapping[str, Any]


@dataclass(slots=True)
class _Share:
    """The log budget of a request: bytes `left`. Tasks that outlive the request (`over`) log without a budget or request id."""

    request_id: str
    left: int = A_REQUEST
    over: bool = False


_share: ContextVar[_Share | None] = ContextVar("share of the log", default=None)


class logging_for:  # noqa: N801  # reads as a function, and is entered for every request
    """Context manager in which lines, also those of tasks started in it, carry a request id and count towards its log budget."""

    __slots__ = ("_share", "_token")

    def __init__(self, request_id: str) -> None:
        self._share = _Share(request_id)

    def __enter__(self) -> None:
        self._token = _share.set(self._share)

    def __exit__(self, *_: object) -> None:
        self._share.over = True
        _share.reset(self._token)


def tell(log: logging.Logger, level: int, event: str, told: dict[str, Any]) -> None:
    """Log an event with its fields, for events that every request causes.

    The line of code that logged it is not determined, because that would cost as much as the rest. If our JSON handler is the
    only one and no request's budget is active, no LogRecord is made either.
    """
    if not log.isEnabledFor(level):
        return
    if _only is not None and logging.root.handlers == [_only] and _share.get() is None:
        _only.tell(log.name, level, event, told)
    else:
        record = logging.LogRecord(log.name, level, "", 0, event, None, None)
        record.__dict__["told"] = told
        log.handle(record)


def start_logging(level: str, style: Style | None = None, secrets: Iterable[str] = ()) -> None:
    """Log to standard error from now on; the default style is `console` on a terminal, otherwise `json`.

    This includes Python's warnings and uncaught exceptions, which Python itself would write with a blocking call.
    """
    global _only
    terminal = sys.stderr.isatty()
    style = style or ("console" if terminal else "json")
    handler = Handler(style, secrets, colors=terminal)
    binary = sys.stderr.buffer
    writer = LogWriter(getattr(binary, "raw", binary), handler.dropped)
    handler.put, handler.drain = writer.put, writer.flush
    _only = handler if style == "json" else None
    # No line shows these, and collecting them costs time for each (Python's logging HOWTO, "Optimization").
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    logging.getLogger("httpx").setLevel("WARNING")  # otherwise it logs each request, which our own lines already cover
    logging.captureWarnings(True)
    sys.excepthook, threading.excepthook, sys.unraisablehook = _uncaught, _uncaught_in_thread, _unraisable


def _uncaught(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    if issubclass(kind, Exception):
        log.critical("unexpected error", exc_info=(kind, error, trace))
    else:
        sys.__excepthook__(kind, error, trace)  # Ctrl-C


def _uncaught_in_thread(uncaught: threading.ExceptHookArgs) -> None:
    if uncaught.exc_value is not None and uncaught.exc_type is not SystemExit:
        log.error("unexpected error in a thread", exc_info=uncaught.exc_value)


def _unraisable(raised: "sys.UnraisableHookArgs") -> None:
    told = {"object": repr(raised.object)}
    log.error(raised.err_msg or "exception ignored", exc_info=raised.exc_value, extra={"told": told})


class Handler(logging.Handler):
    """Formats lines, redacts secrets and enforces the log budget of each request.

    `put` receives each line as bytes; `drain(seconds)` waits up to that time until they are written.
    """

    def __init__(
        self,
        style: Style,
        secrets: Iterable[str] = (),
        put: Callable[[bytes], None] = lambda line: None,
        *,
        colors: bool = False,
    ) -> None:
        super().__init__()
        self.put = put
        self.drain: Callable[[float], object] = lambda seconds: None
        self._secrets = [secret for secret in secrets if secret]
        formatter = _Objects if style == "json" else structlog.stdlib.ProcessorFormatter
        self.setFormatter(formatter(processors=_processors(style, colors)))

    def tell(self, name: str, level: int, event: str, told: dict[str, Any]) -> None:
        """Write an event as a JSON line, without a LogRecord."""
        found = _event(name, level, event, time.time()) | told
        line = _json(found)
        if len(line) > A_TEXT:  # a shorter line has no value beyond the limit
            line = _json(_bounded(None, "", found))
        self.put(_ended(self._hidden(line)))

    def dropped(self, lines: int) -> bytes:
        """The line that reports how many lines are missing before it."""
        told = f"{lines} log lines could not be written and are missing here"
        record = logging.LogRecord(log.name, logging.WARNING, "", 0, told, None, None)
        record.__dict__["told"] = {"dropped": lines}
        return _ended(super().format(record))

    def flush(self) -> None:
        """Wait until all lines are written, at most FLUSH_TIMEOUT seconds."""
        self.drain(FLUSH_TIMEOUT)

    def emit(self, record: logging.LogRecord) -> None:
        """Write a line, unless its request has used up its log budget."""
        share = _share.get()
        if share is None or share.over:
            self._emit(record)
        elif share.left > 0:
            self._emit(record)
            if share.left <= 0:
                self._emit(_left_out(record))

    def _emit(self, record: logging.LogRecord) -> None:
        try:
            line = self.format(record)
        except Exception:  # arguments that do not match the message, or a failing `repr`
            line = self.format(_unrendered(record))
        self.put(_ended(line))

    def format(self, record: logging.LogRecord) -> str:
        """The formatted line without secrets; its bytes are deducted from the budget of the request."""
        line = self._hidden(super().format(record))
        if (share := _share.get()) is not None:
            share.left -= len(line) if line.isascii() else len(line.encode("utf-8", "replace"))
        return line

    def _hidden(self, line: str) -> str:
        for secret in self._secrets:
            line = line.replace(secret, "…")
        return line


def _ended(line: str) -> bytes:
    return line.encode("utf-8", "backslashreplace") + b"\n"


def _unrendered(record: logging.LogRecord) -> logging.LogRecord:
    told = f"log line could not be formatted: {str(record.msg)[:A_TEXT]}"
    return logging.LogRecord(record.name, record.levelno, "", 0, told, None, None)


def flush_log() -> None:
    """Wait, at most FLUSH_TIMEOUT seconds per handler, until all lines are written, before a signal ends the process."""
    for handler in logging.root.handlers:
        if isinstance(handler, Handler):
            handler.flush()


_only: Handler | None = None
"""The handler that `start_logging` made, if it writes JSON; otherwise None."""


class _Objects(structlog.stdlib.ProcessorFormatter):
    """JSON lines: made by the processors if there is a traceback, otherwise by a faster path with the same result."""

    def format(self, record: logging.LogRecord) -> str:
        if record.exc_info or record.stack_info:
            return super().format(record)
        event: Event = _event(record.name, record.levelno, record.getMessage(), record.created)
        event["_record"] = record
        event = _bounded(None, "", _add_fields(None, "", event))
        del event["_record"]
        return _json(event)


def _event(name: str, level: int, event: str, at: float) -> dict[str, Any]:
    return {
        "event": event,
        "level": _LEVELS.get(level) or logging.getLevelName(level).lower(),
        "logger": name,
        "timestamp": datetime.fromtimestamp(at, UTC),
    }


def _left_out(record: logging.LogRecord) -> logging.LogRecord:
    return logging.LogRecord(
        record.name, logging.WARNING, "", 0, "log limit of this request reached: further lines are omitted", None, None
    )


def _processors(style: Style, colors: bool) -> list[Processor]:
    shared: list[Processor] = [
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper("iso"),
        _add_fields,
        structlog.processors.format_exc_info,
        _bounded,
        structlog.stdlib.ProcessorFormatter.remove_processors_meta,
    ]
    if style == "json":
        return [*shared, structlog.processors.JSONRenderer(_json)]
    return [*shared, _on_one_line, structlog.dev.ConsoleRenderer(colors=colors, pad_event_to=0, sort_keys=False)]


def _add_fields(logger: Any, method: str, event: Event) -> Event:
    """Add the request id and the fields in `extra={"told": {…}}`."""
    share = _share.get()
    if share is not None and not share.over:
        event["request_id"] = share.request_id
    event.update(getattr(event["_record"], "told", {}))
    return event


def _bounded(logger: Any, method: str, event: Event) -> Event:
    for name, value in event.items():
        if isinstance(value, str):
            most = A_TRACE if name == "exception" else A_TEXT
            if len(value) > most:
                event[name] = f"{value[: most // 4]} … {value[-3 * most // 4 :]}"
    return event


def _on_one_line(logger: Any, method: str, event: Event) -> Event:
    """Escape control characters, and indent the lines of a traceback, so that a value cannot forge a log line."""
    for name, value in event.items():
        if isinstance(value, str):
            lines = ["  " + line for line in value.split("\n")] if name == "exception" else [value]
            event[name] = "\n".join(_CONTROL.sub(_shown, line) for line in lines)
    return event


def _shown(match: re.Match[str]) -> str:
    return match[0].encode("unicode_escape").decode()


def _json(event: Any, **_: Any) -> str:
    line = orjson.dumps(event, str, orjson.OPT_UTC_Z).decode()
    if line.isascii() and "\x7f" not in line:
        return line
    # JSON leaves these control characters unescaped, and some readers treat them as line ends.
    return _CONTROL.sub(lambda match: f"\\u{ord(match[0]):04x}", line)
