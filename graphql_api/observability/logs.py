"""The log: one line per event on standard error, as JSON or for people, for this server and its libraries alike.

Clients cannot forge lines, one request writes at most 64 KB, and secrets are redacted.
"""

import logging
import sys
import threading
import time
from collections.abc import Callable, Iterable
from types import TracebackType

import structlog

from graphql_api.observability.log_lines import (
    MAX_VALUE_CHARS,
    Fields,
    JsonFormatter,
    Style,
    current_budget,
    json_line,
    processors_for,
)
from graphql_api.observability.log_writer import LogWriter

log = logging.getLogger(__name__)

FLUSH_TIMEOUT = 0.5
"""Seconds that a stopping process waits until its last lines are written."""


def emit(log: logging.Logger, level: int, event: str, fields: Fields) -> None:
    """Log an event that every request causes.

    The line of code that logged it is not determined. If our JSON handler is the only one and no request's budget is active, no
    LogRecord is made either (decision 30).
    """
    if not log.isEnabledFor(level):
        return
    if _json_handler is not None and logging.root.handlers == [_json_handler] and current_budget.get() is None:
        _json_handler.write(json_line(log.name, level, event, time.time(), fields))
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
        formatter = JsonFormatter if style == "json" else structlog.stdlib.ProcessorFormatter
        self.setFormatter(formatter(processors=processors_for(style, colors)))

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
        budget = current_budget.get()
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
        if (budget := current_budget.get()) is not None:
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


def _omission(record: logging.LogRecord) -> logging.LogRecord:
    return logging.LogRecord(
        record.name, logging.WARNING, "", 0, "log limit of this request reached: further lines are omitted", None, None
    )


def flush_log() -> None:
    """Wait, at most FLUSH_TIMEOUT seconds per handler, until all lines are written, before a signal ends the process."""
    for handler in logging.root.handlers:
        if isinstance(handler, Handler):
            handler.flush()


_json_handler: Handler | None = None
"""The handler that `start_logging` made, if it writes JSON; otherwise None."""
