"""The log: one line per event; clients cannot forge or flood it, and it holds no key."""

import ast
import io
import json
import logging
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import graphql_api
from graphql_api.observability import logs
from graphql_api.observability.log_lines import MAX_REQUEST_BYTES, Style, bind_request_log
from graphql_api.observability.logs import Handler, emit

log = logging.getLogger("tests.log")


class Lines(io.StringIO):
    """What was written, as lines."""

    def put(self, line: bytes) -> None:
        self.write(line.decode())

    def lines(self) -> list[str]:
        return self.getvalue().splitlines()

    def events(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.lines()]


@pytest.fixture
def stream() -> Lines:
    return Lines()


def handled(stream: Lines, style: Style, secret: str = "") -> Iterator[Lines]:
    handler = Handler(style, [secret], stream.put)
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
    log.warning("upstream %s %s", "/releases", "UPSTREAM_TIMEOUT", extra={"fields": {"status": 503}})

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
def test_control_characters_start_no_line_and_reach_no_terminal(stream: Lines, style: Style) -> None:
    for _ in handled(stream, style):
        log.info("asked by %s", FORGED, extra={"fields": {"operation": FORGED}})

    assert len(stream.lines()) == 1
    assert "\x1b" not in stream.getvalue()


def test_every_line_of_a_traceback_is_indented_on_a_console(console: Lines) -> None:
    try:
        raise ValueError(FORGED)
    except ValueError:
        log.exception("unexpected")

    assert [line for line in console.lines() if not line.startswith(" ")] == [console.lines()[0]]
    assert "ValueError: name" in console.getvalue()


def test_a_long_traceback_is_one_json_string_with_its_end(as_json: Lines) -> None:
    try:
        raise ValueError("x" * 100_000 + " at the end")
    except ValueError:
        log.exception("unexpected")

    (event,) = as_json.events()
    assert len(event["exception"]) < 6_100
    assert event["exception"].startswith("Traceback")
    assert event["exception"].endswith("at the end")


def test_a_secret_in_a_log_line_is_masked(as_json: Lines) -> None:
    log.error("sent %r", {"X-IBM-Client-Id": "k3y-0f-a-plan"})

    assert "k3y" not in as_json.getvalue()
    assert "sent" in as_json.getvalue()


def test_a_request_over_its_log_budget_gets_one_last_line(as_json: Lines) -> None:
    with bind_request_log("r1"):
        for _ in range(1000):
            log.warning("x" * 1500)
    log.info("the next one")

    *lines, left_out, after = as_json.events()
    assert len(as_json.getvalue()) < MAX_REQUEST_BYTES + 2_500 < 64_000
    assert {line["request_id"] for line in lines} == {left_out["request_id"]} == {"r1"}
    assert "are omitted" in left_out["event"]
    assert after["event"] == "the next one"
    assert "request_id" not in after


def test_an_event_without_a_log_record_gives_the_same_line(stream: Lines, monkeypatch: pytest.MonkeyPatch) -> None:
    handler = Handler("json", ["k3y-0f-a-plan"], stream.put)
    monkeypatch.setattr(logging.root, "handlers", [handler])
    monkeypatch.setattr(logs, "_json_handler", handler)
    monkeypatch.setattr(logging, "LogRecord", None)
    log.setLevel("INFO")
    emit(log, logging.INFO, "operation", {"operation": "A", "duration_ms": 0.5})
    emit(log, logging.INFO, "operation", {"operation": "x" * 5_000 + FORGED, "query": "k3y-0f-a-plan"})

    first, second = stream.events()
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


class Unshowable:
    def __str__(self) -> str:
        raise RuntimeError("no text")


@pytest.mark.parametrize("value", ["text", Unshowable()])
def test_a_line_that_cannot_be_formatted_is_logged_as_such(
    stream: Lines, value: object, capsys: pytest.CaptureFixture[str]
) -> None:
    record = logging.LogRecord("tests.log", logging.WARNING, "", 0, "%d calls of %s", (value, value), None)

    Handler("json", put=stream.put).handle(record)

    (event,) = stream.events()
    assert event["event"] == "log line could not be formatted (TypeError): %d calls of %s"
    assert capsys.readouterr().err == ""


def test_the_notice_of_dropped_lines_is_an_event_too() -> None:
    event = json.loads(Handler("json").dropped(7))

    assert (event["level"], event["dropped"]) == ("warning", 7)
    assert Handler("console").dropped(7).count(b"\n") == 1


AT_END = """
import sys, threading, warnings
from graphql_api.observability.logs import start_logging

start_logging("info", "json")
warnings.warn("old")
thread = threading.Thread(target=lambda: 1 / 0)
thread.start()
thread.join()

class Broken:
    def __del__(self):
        raise KeyError("gone")

Broken()
raise ValueError("at the end")
"""


def test_warnings_and_uncaught_errors_of_python_are_events() -> None:
    ended = subprocess.run([sys.executable, "-c", AT_END], capture_output=True, check=False)

    events = [json.loads(line) for line in ended.stderr.splitlines()]
    assert ended.returncode == 1
    assert "UserWarning: old" in events[0]["event"]
    assert [event["exception"].splitlines()[-1] for event in events[1:]] == [
        "ZeroDivisionError: division by zero",
        "KeyError: 'gone'",
        "ValueError: at the end",
    ]


def test_the_formatter_reads_every_extra_of_the_package() -> None:
    keys = {
        ast.unparse(keyword.value).partition(":")[0]
        for file in Path(graphql_api.__file__).parent.rglob("*.py")
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call)
        for keyword in node.keywords
        if keyword.arg == "extra"
    }
    assert keys == {"{'fields'"}
