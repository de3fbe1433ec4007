"""The lines of the log: their fields, as JSON or for people, with bounded values and within the budget of their request."""

import logging
import re
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

import orjson
import structlog
from structlog.typing import EventDict, Processor

MAX_REQUEST_BYTES = 56_000
"""Maximum bytes of log per request, not counting its last line and the notice that the rest is omitted."""
MAX_TRACEBACK_CHARS = 6_000
"""Maximum characters of a traceback: its first quarter and, more important, its end are logged."""
MAX_VALUE_CHARS = 2_000
"""Maximum characters of any other value."""
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]")

_LEVELS = {level: logging.getLevelName(level).lower() for level in (logging.DEBUG, logging.INFO, logging.WARNING)}

Style = Literal["json", "console"]
Fields = dict[str, object]
"""Fields of a log line by name; JSON values, others are logged as text."""


@dataclass(slots=True)
class LogBudget:
    """The log budget of a request: bytes `left`. Tasks that outlive the request (`ended`) log without a budget or request id."""

    request_id: str
    left: int = MAX_REQUEST_BYTES
    ended: bool = False


current_budget: ContextVar[LogBudget | None] = ContextVar("log budget", default=None)


class bind_request_log:  # noqa: N801  # reads as a function, and is entered for every request
    """Context manager in which lines, also those of tasks started in it, carry a request id and count towards its log budget."""

    __slots__ = ("_budget", "_token")

    def __init__(self, request_id: str) -> None:
        self._budget = LogBudget(request_id)

    def __enter__(self) -> None:
        self._token = current_budget.set(self._budget)

    def __exit__(self, *_: object) -> None:
        self._budget.ended = True
        current_budget.reset(self._token)


class JsonFormatter(structlog.stdlib.ProcessorFormatter):
    """JSON lines: made by the processors if there is a traceback, otherwise by a faster path with the same result."""

    def format(self, record: logging.LogRecord) -> str:
        if record.exc_info or record.stack_info:
            return super().format(record)
        return json_line(record.name, record.levelno, record.getMessage(), record.created, _fields(record))


def json_line(logger: str, level: int, event: str, created: float, fields: Fields) -> str:
    line_fields = {
        "event": event,
        "level": _LEVELS.get(level) or logging.getLevelName(level).lower(),
        "logger": logger,
        "timestamp": datetime.fromtimestamp(created, UTC),
    } | fields
    line = _json(line_fields)
    return line if len(line) <= MAX_VALUE_CHARS else _json(_bounded(None, "", line_fields))


def processors_for(style: Style, colors: bool) -> list[Processor]:
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
    budget = current_budget.get()
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
