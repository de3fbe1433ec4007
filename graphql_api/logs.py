"""The log: one line an event on standard error, as JSON or for people, whichever library tells of it.

No client can forge a line, no request can write more than 64 KB, and a secret that gets into a line is not shown.
"""

import asyncio
import logging
import re
import sys
import time
from collections.abc import Iterable, MutableMapping
from contextlib import nullcontext, suppress
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

import orjson
import structlog
from structlog.typing import Processor

A_REQUEST = 56_000
"""Bytes of log that one request may cause, besides the last line and the one that says that the rest is left out."""
A_TRACE = 6_000
"""Characters of a trace that are kept: its begin and, above all, its end."""
A_TEXT = 2_000
"""Characters of any other value."""

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
    """Send all that is logged from now on to standard error; without a style: for people where a terminal is."""
    global _only
    style = style or ("console" if sys.stderr.isatty() else "json")
    handler = Handler(style, secrets)
    _only = handler if style == "json" else None
    # Nothing shows these, and finding them out would cost each line (Python's logging HOWTO, "Optimization").
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    logging.getLogger("httpx").setLevel("WARNING")  # it would tell of every request that the door tells of


class Handler(logging.StreamHandler[Any]):
    """Renders, takes secrets out, and counts what each request writes."""

    def __init__(self, style: Style, secrets: Iterable[str] = (), stream: Any = None) -> None:
        super().__init__(stream)
        self._secrets = [secret for secret in secrets if secret]
        formatter = _Objects if style == "json" else structlog.stdlib.ProcessorFormatter
        self.setFormatter(formatter(processors=_processors(style, self.stream)))
        self._waiting: list[str] = []

    def tell(self, name: str, level: int, event: str, told: dict[str, Any]) -> None:
        """Write a line as JSON, together with the others of this turn of the event loop: many requests end in one."""
        found = _event(name, level, event, time.time()) | told
        line = _json(found)
        if len(line) > A_TEXT:  # else no value is longer
            line = _json(_bounded(None, "", found))
        line = self._hidden(line)
        with self.lock or nullcontext():
            self._waiting.append(line)
            first = len(self._waiting) == 1
        if first:
            try:
                asyncio.get_running_loop().call_soon(self.flush)
            except RuntimeError:  # no loop, no turn
                self.flush()

    def flush(self) -> None:
        """Write what waits to be written."""
        with (
            self.lock or nullcontext(),
            suppress(OSError, ValueError),
        ):  # where it cannot be told, that cannot be told either
            if self._waiting:
                lines, self._waiting = self._waiting, []
                self.stream.write("\n".join(lines) + "\n")
            super().flush()

    def emit(self, record: logging.LogRecord) -> None:
        """Write a line, unless its request has used up its share."""
        if self._waiting:
            self.flush()  # they were told before
        share = _share.get()
        if share is None or share.over:
            super().emit(record)
        elif share.left > 0:
            super().emit(record)
            if share.left <= 0:
                super().emit(_left_out(record))

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


_only: Handler | None = None
"""The handler that `start_logging` made, where it writes JSON."""


class _Objects(structlog.stdlib.ProcessorFormatter):
    """JSON by the processors where there is a trace, and by the shortest way to the same line where there is none."""

    def format(self, record: logging.LogRecord) -> str:
        if record.exc_info or record.stack_info:
            return super().format(record)
        event: Event = _event(record.name, record.levelno, record.getMessage(), record.created)
        event["_record"] = record
        event = _bounded(None, "", _told(None, "", event))
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
        record.name, logging.WARNING, "", 0, "this request has logged enough: the rest is left out", None, None
    )


def _processors(style: Style, stream: Any) -> list[Processor]:
    shared: list[Processor] = [
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper("iso"),
        _told,
        structlog.processors.format_exc_info,
        _bounded,
        structlog.stdlib.ProcessorFormatter.remove_processors_meta,
    ]
    if style == "json":
        return [*shared, structlog.processors.JSONRenderer(_json)]
    colors = bool(getattr(stream, "isatty", bool)())
    return [*shared, _on_one_line, structlog.dev.ConsoleRenderer(colors=colors, pad_event_to=0, sort_keys=False)]


def _told(logger: Any, method: str, event: Event) -> Event:
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
