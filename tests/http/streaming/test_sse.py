"""Server-sent events: only if the client prefers them, one operation per request, ended with the connection or the server."""

import asyncio
import json
import re
from collections.abc import AsyncGenerator
from contextlib import aclosing, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from graphql_api.http.pages.examples import examples
from graphql_api.http.streaming.sse import EventStreams
from graphql_api.sandbox import Fault
from graphql_api.settings import Settings
from tests.conftest import Ticking
from tests.http.streaming.conftest import PUBLISHED, SUBSCRIPTION, Live, live_server

EVENTS = {"Accept": "text/event-stream"}


def events_of(text: str) -> list[tuple[str, Any]]:
    """The events of a stream that has ended, by the rules of the HTML standard for them."""
    results = []
    for block in text.split("\n\n"):
        fields = dict(line.split(":", 1) for line in block.splitlines() if line and not line.startswith(":"))
        if fields:
            data = fields["data"].strip()
            results.append((fields["event"].strip(), json.loads(data) if data else None))
    return results


async def stream(live: Live, query: str, app: Any = None) -> AsyncGenerator[bytes]:
    """The chunks of a stream as they come: httpx over ASGI gives a body only when it is whole."""
    sent: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
    body = [{"type": "http.request", "body": json.dumps({"query": query}).encode(), "more_body": False}]
    gone = asyncio.Event()

    async def receive() -> dict[str, Any]:
        if body:
            return body.pop()
        await gone.wait()
        return {"type": "http.disconnect"}

    headers = [(b"accept", b"text/event-stream"), (b"content-type", b"application/json"), (b"host", b"server.test")]
    scope = {"type": "http", "asgi": {"spec_version": "2.3"}, "http_version": "1.1", "method": "POST", "scheme": "http"}
    scope |= {"path": "/graphql", "raw_path": b"/graphql", "root_path": "", "query_string": b"", "headers": headers}
    task = asyncio.create_task((app or live.app)(scope | {"state": {}}, receive, sent.put))
    try:
        assert (await sent.get())["status"] == 200
        while (message := await sent.get()).get("more_body"):
            yield message["body"]
    finally:
        gone.set()
        with suppress(asyncio.CancelledError):
            await task


async def test_a_query_sends_one_event_and_completes(live: Live) -> None:
    response = await live.post("{ release { number } }", Accept="text/event-stream")

    assert response.headers["content-type"].startswith("text/event-stream")
    assert response.headers["cache-control"] == "no-store"
    assert events_of(response.text) == [("next", {"data": {"release": {"number": "3.10"}}}), ("complete", None)]


async def test_a_subscriber_gets_an_event_for_a_new_release(live: Live) -> None:
    async with aclosing(stream(live, SUBSCRIPTION)) as chunks:
        coming = asyncio.ensure_future(anext(chunks))
        await live.listened()
        await live.publish()
        ((event, payload),) = events_of((await coming).decode())

    assert event == "next"
    assert payload["data"]["releasePublished"].items() >= PUBLISHED["releasePublished"].items()
    assert live.services.published.subscribers == 0


async def test_a_browsers_event_source_can_subscribe_by_get(live: Live) -> None:
    request = asyncio.ensure_future(
        live.client.get("/graphql", params={"query": "subscription { releasePublished { number } }"}, headers=EVENTS)
    )
    await live.listened()
    await live.publish()
    live.app.state.stopping.set()
    result = await request

    assert events_of(result.text) == [("next", {"data": {"releasePublished": {"number": "3.11"}}})]


@pytest.mark.parametrize(
    "accept",
    [
        "application/graphql-response+json, application/graphql+json, application/json, text/event-stream, multipart/mixed",
        "application/json, text/event-stream",
        "text/event-stream;q=0.9, application/json",
        "*/*",
        "",
    ],
)
async def test_a_client_that_does_not_prefer_events_gets_json(live: Live, accept: str) -> None:
    response = await live.post("{ __typename }", Accept=accept)

    assert response.headers["content-type"].partition(";")[0].endswith("json")
    assert response.json() == {"data": {"__typename": "Query"}}


@pytest.mark.parametrize(
    "accept", ["text/event-stream", "text/event-stream, multipart/mixed", "text/event-stream, application/json"]
)
async def test_a_client_that_prefers_events_gets_a_stream(live: Live, accept: str) -> None:
    assert (await live.post("{ __typename }", Accept=accept)).headers["content-type"].startswith("text/event-stream")


async def test_the_error_of_a_subscription_over_json_names_the_transports(live: Live) -> None:
    response = await live.post(SUBSCRIPTION)

    (error,) = response.json()["errors"]
    assert error["extensions"]["code"] == "BAD_REQUEST"
    assert "event stream" in error["message"]


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("{ nothing }", "GRAPHQL_VALIDATION_FAILED"),
        ("{", "GRAPHQL_PARSE_FAILED"),
        ("subscription { releasePublished { nothing } }", "GRAPHQL_VALIDATION_FAILED"),
    ],
)
async def test_an_invalid_operation_is_one_event_with_its_code(live: Live, query: str, code: str) -> None:
    (event, payload), end = events_of((await live.post(query, Accept="text/event-stream")).text)

    assert event == "next"
    assert payload["errors"][0]["extensions"]["code"] == code
    assert payload["errors"][0]["extensions"]["requestId"]
    assert end == ("complete", None)


async def test_a_field_error_is_sent_with_the_data(live: Live) -> None:
    live.faults.add(Fault("**", "status", status=503))
    ((_, payload), _) = events_of((await live.post("{ releases { number } }", Accept="text/event-stream")).text)

    assert payload["data"] == {"releases": None}
    assert payload["errors"][0]["extensions"]["code"] == "UPSTREAM_UNAVAILABLE"


async def test_a_body_without_an_operation_is_refused_in_json(live: Live) -> None:
    response = await live.client.post("/graphql", content=b"[]", headers=EVENTS | {"Content-Type": "application/json"})

    assert response.status_code == 400
    assert response.json()["errors"][0]["extensions"]["code"] == "BAD_REQUEST"


async def test_a_stream_over_the_connection_limit_is_refused(live_settings: Settings) -> None:
    async with live_server(replace(live_settings, streaming_connections=0)) as live:
        response = await live.post("{ __typename }", Accept="text/event-stream")

    assert response.status_code == 503
    assert response.headers["retry-after"]


async def test_a_silent_stream_sends_heartbeats(live: Live) -> None:
    events = next(route.app for route in live.app.routes if isinstance(getattr(route, "app", None), EventStreams))
    async with aclosing(stream(live, SUBSCRIPTION, app=replace(events, heartbeat=0.0))) as chunks:
        assert await anext(chunks) == b":\n\n"
        assert await anext(chunks) == b":\n\n"


async def test_a_disconnected_client_leaves_no_task_or_subscription(live: Live) -> None:
    before = asyncio.all_tasks()
    async with aclosing(stream(live, SUBSCRIPTION)) as chunks:
        coming = asyncio.ensure_future(anext(chunks))
        await live.listened()
        await live.publish()
        await coming

    assert live.services.published.subscribers == 0
    assert asyncio.all_tasks() <= before


PAGE = (Path(__file__).parents[3] / "docs" / "subscriptions.md").read_text(encoding="utf-8")
DOCUMENTS = [
    *re.findall(r"```graphql live\n(.*?)```", PAGE, re.DOTALL),
    *(example.query for example in examples() if example.operation_type != "query"),
]


@pytest.mark.slow
@pytest.mark.parametrize("query", DOCUMENTS)
async def test_every_documented_subscription_reports_a_release(live: Live, query: str) -> None:
    async with aclosing(stream(live, query)) as chunks:
        coming = asyncio.ensure_future(anext(chunks))
        await live.listened()
        await live.publish()
        ((_, payload),) = events_of((await coming).decode())

    assert "errors" not in payload
    assert payload["data"]["releasePublished"]["occupationalProfiles"]["totalCount"] > 0


async def test_a_streaming_client_can_shorten_the_operation_timeout(live: Live) -> None:
    query = "{ skills(first: 500) { nodes { id description { nl } } } }"
    response = await live.post(query, Accept="text/event-stream", X_Competent_Timeout="0.000001")
    (_, payload), _ = events_of(response.text)

    assert {error["extensions"]["code"] for error in payload["errors"]} == {"UPSTREAM_TIMEOUT"}


async def test_a_stream_with_an_invalid_timeout_is_refused(live: Live) -> None:
    response = await live.post("{ __typename }", Accept="text/event-stream", X_Competent_Timeout="soon")

    assert response.status_code == 400
    assert response.json()["errors"][0]["extensions"]["code"] == "BAD_REQUEST"


async def test_subscription_events_yield_to_other_operations(live: Live) -> None:
    clock = live.app.state.scheduler.clock = Ticking()
    subscription = "subscription { releasePublished { skills(first: 50) { nodes { id } } } }"
    async with aclosing(stream(live, subscription)) as chunks:
        coming = asyncio.ensure_future(anext(chunks))
        await live.listened()
        before = clock.reads
        await live.publish()
        ((_, payload),) = events_of((await coming).decode())

    assert len(payload["data"]["releasePublished"]["skills"]["nodes"]) == 50
    assert clock.reads - before >= 50
