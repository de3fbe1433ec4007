"""The log: one line an event on standard error, as JSON or for people, whichever library tells of it.

No client can forge a line, no request can write more than 64 KB, and a secret that gets into a line is not shown.
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
"""Bytes of log that one request may cause, besides the last line and the one that says that the rest is left out."""
A_TRACE = 6_000
"""Characters of a trace that are kept: its begin and, above all, its end."""
A_TEXT = 2_000
"""Characters of any other value."""
FLUSH_TIMEOUT = 0.5
"""Seconds that a process which ends waits for its last lines to be written."""

_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]")

_LEVELS = {level: logging.getLevelName(level).lower() for level in (logging.DEBUG, logging.INFO, logging.WARNING)}

Style = Literal["json", "console"]
Event = MutableMapping[str, Any]


@dataclass(slots=True)
class _Share:
    """What a request may still write, as long as it is not over; what goes on after it is nobody's."""

    request_id: str
    left: int = A_REQUEST
    over: bool = False


_share: ContextVar[_Share | None] = ContextVar("share of the log", default=None)


class logging_for:  # noqa: N801  # reads as a function, and is entered for every request
    """Within this, also in tasks begun within it, lines carry the id of the request and count for its share."""

    __slots__ = ("_share", "_token")

    def __init__(self, request_id: str) -> None:
        self._share = _Share(request_id)

    def __enter__(self) -> None:
        self._token = _share.set(self._share)

    def __exit__(self, *_: object) -> None:
        self._share.over = True
        _share.reset(self._token)


def tell(log: logging.Logger, level: int, event: str, told: dict[str, Any]) -> None:
    """Log an event with what there is to tell of it, for those that every request causes.

    Nobody asks in which line of the code it was logged: looking for that costs as much as the rest. Where our handler is the
    only one, it is written without a record for others to look at.
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
    """Send all that is logged from now on to standard error; without a style: for people where a terminal is.

    That includes Python's warnings and exceptions that nobody catches, which Python itself would write at once, and wait.
    """
    global _only
    terminal = sys.stderr.isatty()
    style = style or ("console" if terminal else "json")
    handler = Handler(style, secrets, colors=terminal)
    binary = sys.stderr.buffer
    writer = LogWriter(getattr(binary, "raw", binary), handler.dropped)
    handler.put, handler.drain = writer.put, writer.flush
    _only = handler if style == "json" else None
    # Nothing shows these, and finding them out would cost each line (Python's logging HOWTO, "Optimization").
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    logging.getLogger("httpx").setLevel("WARNING")  # it would tell of every request that the door tells of
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
    """Renders, takes secrets out, and counts what each request writes; `put` gets each line as bytes.

    `drain` waits at most so many seconds until they are written.
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
        """Write a line as JSON, for whoever has no record of `logging`."""
        found = _event(name, level, event, time.time()) | told
        line = _json(found)
        if len(line) > A_TEXT:  # else no value is longer
            line = _json(_bounded(None, "", found))
        self.put(_ended(self._hidden(line)))

    def dropped(self, lines: int) -> bytes:
        """The line that says that lines before it are missing."""
        told = f"{lines} log lines could not be written and are missing here"
        record = logging.LogRecord(log.name, logging.WARNING, "", 0, told, None, None)
        record.__dict__["told"] = {"dropped": lines}
        return _ended(super().format(record))

    def flush(self) -> None:
        """Wait until what was logged is written, and no longer than a process may take that stops."""
        self.drain(FLUSH_TIMEOUT)

    def emit(self, record: logging.LogRecord) -> None:
        """Write a line, unless its request has used up its share."""
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
        except Exception:  # arguments that do not fit the message, a `repr` that fails
            line = self.format(_unrendered(record))
        self.put(_ended(line))

    def format(self, record: logging.LogRecord) -> str:
        """The line."""
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
    """Have what was logged written, for a moment at most, before a process ends by a signal."""
    for handler in logging.root.handlers:
        if isinstance(handler, Handler):
            handler.flush()


_only: Handler | None = None
"""The handler that `start_logging` made, where it writes JSON."""


class _Objects(structlog.stdlib.ProcessorFormatter):
    """JSON by the processors where there is a trace, and by the shortest way to the same line where there is none."""

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
    """Adds the id of the request, and what stands in `extra={"told": {…}}`."""
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
    """Control characters are shown, not obeyed; the lines of a trace are set in, so that they begin no line."""
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
    # What is left of control characters in JSON ends lines for some who read it.
    return _CONTROL.sub(lambda match: f"\\u{ord(match[0]):04x}", line)
