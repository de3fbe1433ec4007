"""The log: one line an event, which nobody outside can forge, flood or read a key in."""

import asyncio
import io
import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest

from graphql_api.logs import A_REQUEST, Handler, Style, logging_for

log = logging.getLogger("tests.log")


class Lines(io.StringIO):
    """What was written, as lines."""

    def lines(self) -> list[str]:
        return self.getvalue().splitlines()

    def events(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.lines()]


@pytest.fixture
def stream() -> Lines:
    return Lines()


def handled(stream: Lines, style: Style, secret: str = "") -> Iterator[Lines]:
    handler = Handler(style, [secret], stream)
    log.addHandler(handler)
    log.setLevel("DEBUG")
    yield stream
    log.removeHandler(handler)


@pytest.fixture
def as_json(stream: Lines) -> Iterator[Lines]:
    yield from handled(stream, "json", "k3y-0f-a-plan")


@pytest.fixture
def console(stream: Lines) -> Iterator[Lines]:
    yield from handled(stream, "console")


def test_an_event_is_one_json_object_with_its_level_logger_and_time(as_json: Lines) -> None:
    log.warning("upstream %s %s", "/releases", "UPSTREAM_TIMEOUT", extra={"told": {"status": 503}})

    (event,) = as_json.events()
    assert event.pop("timestamp").endswith("Z")
    assert event == {
        "event": "upstream /releases UPSTREAM_TIMEOUT",
        "level": "warning",
        "logger": "tests.log",
        "status": 503,
    }


FORGED = "name\n2026-01-01T00:00:00Z [info     ] all is well\r\x1b[2K\u2028\x85"


@pytest.mark.parametrize("style", ["json", "console"])
def test_control_characters_begin_no_line_and_reach_no_terminal(stream: Lines, style: Style) -> None:
    for _ in handled(stream, style):
        log.info("asked by %s", FORGED, extra={"told": {"operation": FORGED}})

    assert len(stream.lines()) == 1
    assert "\x1b" not in stream.getvalue()


def test_no_line_of_a_trace_begins_at_the_margin_where_people_read(console: Lines) -> None:
    try:
        raise ValueError(FORGED)
    except ValueError:
        log.exception("unexpected")

    assert [line for line in console.lines() if not line.startswith(" ")] == [console.lines()[0]]
    assert "ValueError: name" in console.getvalue()


def test_a_trace_is_one_json_text_whose_end_is_kept(as_json: Lines) -> None:
    try:
        raise ValueError("x" * 100_000 + " at the end")
    except ValueError:
        log.exception("unexpected")

    (event,) = as_json.events()
    assert len(event["exception"]) < 6_100
    assert event["exception"].startswith("Traceback")
    assert event["exception"].endswith("at the end")


def test_a_secret_that_gets_into_a_line_is_not_shown(as_json: Lines) -> None:
    log.error("sent %r", {"X-IBM-Client-Id": "k3y-0f-a-plan"})

    assert "k3y" not in as_json.getvalue()
    assert "sent" in as_json.getvalue()


def test_a_request_writes_so_much_and_then_one_line_that_says_so(as_json: Lines) -> None:
    with logging_for("r1"):
        for _ in range(1000):
            log.warning("x" * 1500)
    log.info("the next one")

    *lines, left_out, after = as_json.events()
    assert len(as_json.getvalue()) < A_REQUEST + 2_500 < 64_000
    assert {line["request_id"] for line in lines} == {left_out["request_id"]} == {"r1"}
    assert "left out" in left_out["event"]
    assert after["event"] == "the next one"
    assert "request_id" not in after


async def test_what_requests_of_one_turn_tell_is_written_at_once_and_before_what_others_tell_later(
    as_json: Lines,
) -> None:
    (handler,) = log.handlers
    assert isinstance(handler, Handler)
    writes: list[str] = []
    as_json.write = lambda text: writes.append(text) or len(text)  # type: ignore[method-assign, func-returns-value]

    handler.tell("tests.log", logging.INFO, "operation", {"operation": "A", "duration_ms": 0.5})
    handler.tell("tests.log", logging.INFO, "operation", {"operation": "x" * 5_000 + FORGED, "query": "k3y-0f-a-plan"})
    assert writes == []
    await asyncio.sleep(0)

    first, second = (json.loads(line) for line in writes.pop().splitlines())
    assert first.pop("timestamp").endswith("Z")
    assert first == {
        "event": "operation",
        "level": "info",
        "logger": "tests.log",
        "operation": "A",
        "duration_ms": 0.5,
    }
    assert len(second["operation"]) < 2_010
    assert "k3y" not in second["query"]
    handler.tell("tests.log", logging.INFO, "before", {})
    log.warning("after")
    assert ["before" in writes[0], "after" in writes[1]] == [True, True]


def test_without_a_loop_a_line_is_written_where_it_is_told(as_json: Lines) -> None:
    (handler,) = log.handlers
    assert isinstance(handler, Handler)
    handler.tell("tests.log", logging.INFO, "operation", {"operation": "A"})

    assert as_json.events()[0]["operation"] == "A"
