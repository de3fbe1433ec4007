"""Logs and metrics of operations over WebSockets and server-sent events: one log line each, and the same counters as others."""

import asyncio
import logging
from contextlib import aclosing
from dataclasses import replace
from typing import Any

import pytest

from graphql_api.sandbox import Fault
from graphql_api.settings import Settings
from tests.conftest import CP_7, counted
from tests.http.streaming.conftest import SUBSCRIPTION, Live, live_server
from tests.http.streaming.test_sse import stream

NAMED = f'query LiveTold($u: UUID! = "{CP_7}") {{ technicalCompetence(uuid: $u) {{ code }} }}'


@pytest.fixture(autouse=True)
def _all_of_the_log(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "graphql_api.requests")


def lines(caplog: pytest.LogCaptureFixture) -> list[dict[str, Any]]:
    """The log lines of operations."""
    records = [record for record in caplog.records if record.name == "graphql_api.requests"]
    return [{"event": record.message} | record.__dict__["fields"] for record in records]


async def test_an_operation_over_a_websocket_is_logged_and_counted_once(
    live: Live, caplog: pytest.LogCaptureFixture
) -> None:
    of = {"name": "LiveTold", "outcome": "ok", "protocol": "websocket"}
    before = counted("competent_operations_total", **of)
    timed = counted("competent_operation_duration_seconds_count", name="LiveTold")
    answers = counted("competent_streaming_responses_total", protocol="websocket")
    socket = await live.opened()
    for id in ("1", "2"):
        socket.subscribe(id, NAMED, variables={"u": CP_7})
        assert (await socket.get())["type"] == "next"
        assert (await socket.get())["type"] == "complete"

    first, second = lines(caplog)
    assert first["request_id"] != second["request_id"]
    assert first.pop("duration_ms") >= 0
    assert first.pop("request_id")
    assert first.pop("upstream")["requests"] > 0
    assert first.pop("cost") > 0
    assert first == {
        "event": "operation",
        "operation_name": "LiveTold",
        "operation_type": "query",
        "protocol": "websocket",
        "responses": 1,
        "outcome": "ok",
    }
    assert counted("competent_operations_total", **of) == before + 2
    assert counted("competent_operation_duration_seconds_count", name="LiveTold") == timed + 2
    assert counted("competent_streaming_responses_total", protocol="websocket") == answers + 2


async def test_a_failure_over_a_websocket_is_logged_as_over_http(live: Live, caplog: pytest.LogCaptureFixture) -> None:
    down = counted("competent_errors_total", code="UPSTREAM_UNAVAILABLE")
    socket = await live.opened()
    socket.subscribe("1", "{ nothing }")
    error = (await socket.get())["payload"][0]
    live.faults.add(Fault("**", "status", status=503))
    socket.subscribe("2", '{ release(number: "3.9") { number } releases { number } }')
    assert (await socket.get())["payload"]["errors"]
    await socket.get()

    refused, partial = lines(caplog)
    assert (refused["outcome"], refused["error_codes"]) == ("refused", ["GRAPHQL_VALIDATION_FAILED"])
    assert refused["request_id"] == error["extensions"]["requestId"]
    assert (partial["outcome"], partial["error_codes"]) == ("partial", ["UPSTREAM_UNAVAILABLE"])
    assert counted("competent_errors_total", code="UPSTREAM_UNAVAILABLE") == down + 2


async def test_a_subscription_is_logged_at_its_end_without_latency(
    live: Live, caplog: pytest.LogCaptureFixture
) -> None:
    open_before = counted("competent_streaming_connections", protocol="websocket")
    timed = counted("competent_operation_duration_seconds_count", name="anonymous")
    socket = await live.opened()
    socket.subscribe("1", SUBSCRIPTION)
    await live.listened()
    await live.publish()
    await socket.get()
    assert lines(caplog) == []
    assert counted("competent_streaming_connections", protocol="websocket") == open_before + 1

    await socket.leave()

    (line,) = lines(caplog)
    assert (line["operation_type"], line["outcome"], line["responses"]) == ("subscription", "cancelled", 1)
    assert counted("competent_operation_duration_seconds_count", name="anonymous") == timed
    assert counted("competent_streaming_connections", protocol="websocket") == open_before


async def test_operations_over_event_streams_are_logged(live: Live, caplog: pytest.LogCaptureFixture) -> None:
    of = {"name": "LiveTold", "outcome": "ok", "protocol": "events"}
    before = counted("competent_operations_total", **of)
    await live.post(NAMED, Accept="text/event-stream")
    async with aclosing(stream(live, SUBSCRIPTION)) as chunks:
        coming = asyncio.ensure_future(anext(chunks))
        await live.listened()
        await live.publish()
        await coming

    query, subscription = lines(caplog)
    assert (query["protocol"], query["outcome"], query["responses"], query["status"]) == ("events", "ok", 1, 200)
    assert (subscription["operation_type"], subscription["outcome"], subscription["responses"]) == (
        "subscription",
        "cancelled",
        1,
    )
    assert counted("competent_operations_total", **of) == before + 1


async def test_a_websocket_operation_has_the_same_call_limit_as_over_http(live_settings: Settings) -> None:
    async with live_server(
        replace(live_settings, operation_calls=1, upstream_url="http://competent.test", store="memory:")
    ) as live:
        socket = await live.opened()
        socket.subscribe("1", "{ technicalCompetences(first: 5) { nodes { skill { code } } } }")
        payload = (await socket.get())["payload"]

    assert {error["extensions"]["code"] for error in payload["errors"]} == {"NOT_LOADED_YET"}


async def test_a_refused_websocket_is_logged_with_its_path(live: Live, caplog: pytest.LogCaptureFixture) -> None:
    socket = live.socket(headers={"Origin": "https://evil.example"})
    assert await socket.closed() == 1008

    (line,) = lines(caplog)
    assert (line["event"], line["method"], line["path"]) == ("request", "GET", "/graphql")
    assert (line["status"], line["outcome"]) == (403, "refused")


async def test_closing_an_open_websocket_logs_no_line(live: Live, caplog: pytest.LogCaptureFixture) -> None:
    socket = await live.opened()
    socket.send_text("no JSON")
    assert await socket.closed() == 4400

    assert [line for line in lines(caplog) if line["event"] == "request"] == []


@pytest.mark.parametrize(("switch", "logged"), [("off", None), ("on", "192.0.2.7")])
async def test_the_client_address_of_a_websocket_is_logged_on_request(
    live_settings: Settings, caplog: pytest.LogCaptureFixture, switch: str, logged: str | None
) -> None:
    async with live_server(replace(live_settings, log_addresses=switch)) as live:
        socket = await live.socket(address="192.0.2.7").opened()
        socket.subscribe("1", NAMED)
        assert (await socket.get())["type"] == "next"
        assert (await socket.get())["type"] == "complete"

    assert [line.get("client_address") for line in lines(caplog)] == [logged]
