"""The log: one line per event on standard error, as JSON or for people, for this server and its libraries alike.

Clients cannot forge lines, one request writes at most 64 KB, and secrets are redacted.
"""

import logging
import re
import sys
import threading
import time
from collections.abc import Callable, Iterable
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import UTC, datetime
from types import TracebackType
from typing import Literal

import orjson
import structlog
from structlog.typing import EventDict, Processor

from graphql_api.observability.log_writer import LogWriter

log = logging.getLogger(__name__)

MAX_REQUEST_BYTES = 56_000
"""Maximum bytes of log per request, not counting its last line and the notice that the rest is omitted."""
MAX_TRACEBACK_CHARS = 6_000
"""Maximum characters of a traceback: its first quarter and, more important, its end are logged."""
MAX_VALUE_CHARS = 2_000
"""Maximum characters of any other value."""
FLUSH_TIMEOUT = 0.5
"""Seconds that a stopping process waits until its last lines are written."""

_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]")

_LEVELS = {level: logging.getLevelName(level).lower() for level in (logging.DEBUG, logging.INFO, logging.WARNING)}

Style = Literal["json", "console"]
Fields = dict[str, object]
"""Fields of a log line by name; JSON values, others are logged as text."""


@dataclass(slots=True)
class _LogBudget:
    """The log budget of a request: bytes `left`. Tasks that outlive the request (`ended`) log without a budget or request id."""

    request_id: str
    left: int = MAX_REQUEST_BYTES
    ended: bool = False


_budget: ContextVar[_LogBudget | None] = ContextVar("log budget", default=None)


class bind_request_log:  # noqa: N801  # reads as a function, and is entered for every request
    """Context manager in which lines, also those of tasks started in it, carry a request id and count towards its log budget."""

    __slots__ = ("_budget", "_token")

    def __init__(self, request_id: str) -> None:
        self._budget = _LogBudget(request_id)

    def __enter__(self) -> None:
        self._token = _budget.set(self._budget)

    def __exit__(self, *_: object) -> None:
        self._budget.ended = True
        _budget.reset(self._token)


def emit(log: logging.Logger, level: int, event: str, fields: Fields) -> None:
    """Log an event that every request causes.

    The line of code that logged it is not determined. If our JSON handler is the only one and no request's budget is active, no
    LogRecord is made either (docs/decisions/0030).
    """
    if not log.isEnabledFor(level):
        return
    if _json_handler is not None and logging.root.handlers == [_json_handler] and _budget.get() is None:
        _json_handler.write(_json_line(log.name, level, event, time.time(), fields))
    else:
        record = logging.LogRecord(log.name, level, "", 0, event, None, None)
        record.__dict__["fields"] = fields
        log.handle(record)


def start_logging(level: str, style: Style | None = None, secrets: Iterable[str] = ()) -> None:
    """Log to standard error from now on; the default style is `console` on a terminal, otherwise `json`.

    This includes Python's warnings and uncaught exceptions, which Python itself would write with a blocking call.
    """
    global _json_handler
    terminal = sys.stderr.isatty()
    style = style or ("console" if terminal else "json")
    handler = Handler(style, secrets, colors=terminal)
    binary = sys.stderr.buffer
    writer = LogWriter(getattr(binary, "raw", binary), handler.dropped)
    handler.put, handler.drain = writer.put, writer.flush
    _json_handler = handler if style == "json" else None
    # No line shows these, and collecting them costs time for each (Python's logging HOWTO, "Optimization").
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    logging.getLogger("httpx").setLevel("WARNING")  # otherwise it logs each request, which our own lines already cover
    logging.captureWarnings(True)
    sys.excepthook, threading.excepthook, sys.unraisablehook = _uncaught, _uncaught_in_thread, _unraisable


def _uncaught(error_class: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    if issubclass(error_class, Exception):
        log.critical("unexpected error", exc_info=(error_class, error, trace))
    else:
        sys.__excepthook__(error_class, error, trace)  # Ctrl-C


def _uncaught_in_thread(uncaught: threading.ExceptHookArgs) -> None:
    if uncaught.exc_value is not None and uncaught.exc_type is not SystemExit:
        log.error("unexpected error in a thread", exc_info=uncaught.exc_value)


def _unraisable(raised: "sys.UnraisableHookArgs") -> None:
    fields = {"object": repr(raised.object)}
    log.error(raised.err_msg or "exception ignored", exc_info=raised.exc_value, extra={"fields": fields})


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
        formatter = _JsonFormatter if style == "json" else structlog.stdlib.ProcessorFormatter
        self.setFormatter(formatter(processors=_processors(style, colors)))

    def write(self, line: str) -> None:
        """Write a formatted line, outside of the budget of a request."""
        self.put(_encoded(self._redacted(line)))

    def dropped(self, lines: int) -> bytes:
        """The line that reports how many lines are missing before it."""
        message = f"{lines} log lines could not be written and are missing here"
        record = logging.LogRecord(log.name, logging.WARNING, "", 0, message, None, None)
        record.__dict__["fields"] = {"dropped": lines}
        return _encoded(super().format(record))

    def flush(self) -> None:
        """Wait until all lines are written, at most FLUSH_TIMEOUT seconds."""
        self.drain(FLUSH_TIMEOUT)

    def emit(self, record: logging.LogRecord) -> None:
        """Write a line, unless its request has used up its log budget."""
        budget = _budget.get()
        if budget is None or budget.ended:
            self._emit(record)
        elif budget.left > 0:
            self._emit(record)
            if budget.left <= 0:
                self._emit(_omission(record))

    def _emit(self, record: logging.LogRecord) -> None:
        try:
            line = self.format(record)
        except Exception as error:  # arguments that do not match the message, or a failing `repr`
            line = self.format(_unformattable(record, error))
        self.put(_encoded(line))

    def format(self, record: logging.LogRecord) -> str:
        """The formatted line without secrets; its bytes are deducted from the budget of the request."""
        line = self._redacted(super().format(record))
        if (budget := _budget.get()) is not None:
            budget.left -= len(line) if line.isascii() else len(line.encode("utf-8", "replace"))
        return line

    def _redacted(self, line: str) -> str:
        for secret in self._secrets:
            line = line.replace(secret, "…")
        return line


def _encoded(line: str) -> bytes:
    return line.encode("utf-8", "backslashreplace") + b"\n"


def _unformattable(record: logging.LogRecord, error: Exception) -> logging.LogRecord:
    message = f"log line could not be formatted ({type(error).__name__}): {str(record.msg)[:MAX_VALUE_CHARS]}"
    return logging.LogRecord(record.name, record.levelno, "", 0, message, None, None)


def flush_log() -> None:
    """Wait, at most FLUSH_TIMEOUT seconds per handler, until all lines are written, before a signal ends the process."""
    for handler in logging.root.handlers:
        if isinstance(handler, Handler):
            handler.flush()


_json_handler: Handler | None = None
"""The handler that `start_logging` made, if it writes JSON; otherwise None."""


class _JsonFormatter(structlog.stdlib.ProcessorFormatter):
    """JSON lines: made by the processors if there is a traceback, otherwise by a faster path with the same result."""

    def format(self, record: logging.LogRecord) -> str:
        if record.exc_info or record.stack_info:
            return super().format(record)
        return _json_line(record.name, record.levelno, record.getMessage(), record.created, _fields(record))


def _json_line(logger: str, level: int, event: str, created: float, fields: Fields) -> str:
    line_fields = {
        "event": event,
        "level": _LEVELS.get(level) or logging.getLevelName(level).lower(),
        "logger": logger,
        "timestamp": datetime.fromtimestamp(created, UTC),
    } | fields
    line = _json(line_fields)
    return line if len(line) <= MAX_VALUE_CHARS else _json(_bounded(None, "", line_fields))


def _omission(record: logging.LogRecord) -> logging.LogRecord:
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


def _add_fields(logger: object, method: str, event: EventDict) -> EventDict:
    event.update(_fields(event["_record"]))
    return event


def _fields(record: logging.LogRecord) -> Fields:
    """The request id, if a request is in progress, and the fields in `extra={"fields": {…}}`."""
    budget = _budget.get()
    fields: Fields = record.__dict__.get("fields", {})
    return fields if budget is None or budget.ended else {"request_id": budget.request_id} | fields


def _bounded(logger: object, method: str, event: EventDict) -> EventDict:
    for name, value in event.items():
        if isinstance(value, str):
            limit = MAX_TRACEBACK_CHARS if name == "exception" else MAX_VALUE_CHARS
            if len(value) > limit:
                event[name] = f"{value[: limit // 4]} … {value[-3 * limit // 4 :]}"
    return event


def _on_one_line(logger: object, method: str, event: EventDict) -> EventDict:
    """Escape control characters, and indent the lines of a traceback, so that a value cannot forge a log line."""
    for name, value in event.items():
        if isinstance(value, str):
            lines = ["  " + line for line in value.split("\n")] if name == "exception" else [value]
            event[name] = "\n".join(_CONTROL.sub(_escaped, line) for line in lines)
    return event


def _escaped(match: re.Match[str]) -> str:
    return match[0].encode("unicode_escape").decode()


def _json(event: object, **_: object) -> str:
    line = orjson.dumps(event, str, orjson.OPT_UTC_Z).decode()
    if line.isascii() and "\x7f" not in line:
        return line
    # JSON leaves these control characters unescaped, and some readers treat them as line ends.
    return _CONTROL.sub(lambda match: f"\\u{ord(match[0]):04x}", line)
