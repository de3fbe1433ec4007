"""Logs and metrics of a request: one line, counters, and a response in all cases."""

import asyncio
import json
import logging
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette
from starlette.routing import Route
from starlette.types import Message, Receive, Scope, Send

from graphql_api.asyncio_tools import Broadcast
from graphql_api.execution.engine import Engine
from graphql_api.execution.schema import build_schema
from graphql_api.http.graphql import CachePolicy, Endpoint, PersistedQueries
from graphql_api.http.graphql.errors import HTTPError
from graphql_api.http.graphql.request import seconds_for
from graphql_api.http.middleware import base_middleware
from graphql_api.http.request_logging import RequestLoggingMiddleware
from graphql_api.observability.fetch_context import FetchContext
from graphql_api.observability.operation_log import OperationLog, OperationNames
from graphql_api.observability.request_context import record_of
from graphql_api.sandbox import Fault, Releases
from graphql_api.settings import Settings
from tests.conftest import Server, counted, running

PARENT = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


@pytest.fixture(autouse=True)
def _all_of_the_log(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, "graphql_api.requests")


def lines_in(caplog: pytest.LogCaptureFixture) -> list[dict[str, Any]]:
    """The lines about requests."""
    records = [record for record in caplog.records if record.name == "graphql_api.requests"]
    return [
        {"event": record.message, "level": record.levelname} | record.__dict__.get("fields", {}) for record in records
    ]


async def test_an_operation_is_logged_in_one_line_without_client_texts(
    server: Server, caplog: pytest.LogCaptureFixture
) -> None:
    await server.post(
        'query Mine($c: String = "OP-101") { secretAlias: occupationalProfile(code: $c) { code } }',
        {"c": "OP-112"},
        x_request_id="abc-1",
    )

    (line,) = lines_in(caplog)
    assert line.pop("duration_ms") > 0
    assert line.pop("upstream").keys() == {"requests", "cached", "stale"}
    line.pop("cost", None)
    assert line == {
        "event": "operation",
        "level": "INFO",
        "request_id": "abc-1",
        "operation_name": "Mine",
        "operation_type": "query",
        "status": 200,
        "outcome": "ok",
    }


async def test_the_documented_log_line_has_the_fields_of_a_real_one(
    server: Server, caplog: pytest.LogCaptureFixture
) -> None:
    page = (Path(__file__).parents[2] / "docs/operations.md").read_text(encoding="utf-8")
    shown = json.loads(page.partition("```json\n")[2].partition("```")[0])

    await server.post("query Profile { release { number } }")

    (line,) = lines_in(caplog)
    assert shown.keys() == line.keys()
    assert shown["upstream"].keys() == line["upstream"].keys()


async def test_client_texts_are_logged_if_the_setting_is_on(
    releases: Releases, settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    async with running(releases, replace(settings, log_documents="on")) as server:
        await server.post("query ($n: String!) { release(number: $n) { number } }", {"n": "3.10"})

    (line,) = lines_in(caplog)
    assert line["document"].startswith("query ($n")
    assert line["variables"] == {"n": "3.10"}


async def test_outcomes_are_logged_and_counted_by_operation_name(
    server: Server, caplog: pytest.LogCaptureFixture
) -> None:
    before = {
        outcome: counted("competent_operations_total", name="Outcomes", outcome=outcome, protocol="http")
        for outcome in ("ok", "partial")
    }
    timed = counted("competent_operation_duration_seconds_count", name="Outcomes")
    errors = counted("competent_errors_total", code="UPSTREAM_UNAVAILABLE")

    await server.post("query Outcomes { __typename }")
    await server.post("query Outcomes { nothing }")
    server.faults.add(Fault("**", "status", status=503))
    await server.post('query Outcomes { release(number: "3.10") { number } releases { number } }')

    assert [line["outcome"] for line in lines_in(caplog)] == ["ok", "refused", "partial"]
    assert lines_in(caplog)[1]["error_codes"] == ["GRAPHQL_VALIDATION_FAILED"]
    for outcome, count in before.items():
        assert counted("competent_operations_total", name="Outcomes", outcome=outcome, protocol="http") == count + 1
    assert counted("competent_operation_duration_seconds_count", name="Outcomes") >= timed + 2
    assert counted("competent_errors_total", code="UPSTREAM_UNAVAILABLE") > errors


async def test_health_checks_and_assets_are_logged_at_level_debug(
    server: Server, caplog: pytest.LogCaptureFixture
) -> None:
    await server.client.get("/health/live")
    await server.client.get("/nothing")

    assert [(line["level"], line["event"], line["outcome"]) for line in lines_in(caplog)] == [
        ("DEBUG", "request", "ok"),
        ("INFO", "request", "refused"),
    ]


async def test_other_requests_are_logged_with_method_and_path_only(
    server: Server, caplog: pytest.LogCaptureFixture
) -> None:
    await server.client.put(f"/nothing/{'x' * 500}?api_key=s3cret")
    await server.client.get("/")

    first, second = lines_in(caplog)
    assert (first["method"], first["path"], first["status"]) == ("PUT", f"/nothing/{'x' * 191}", 404)
    assert (second["method"], second["path"], second["status"]) == ("GET", "/", 200)
    assert "s3cret" not in str(first)
    assert {"address"}.isdisjoint(first)


class Leaving:
    """A client that sends these messages, waits until `late` is set, and leaves."""

    def __init__(self, *messages: Message) -> None:
        self._messages = list(messages)
        self.late = asyncio.Event()
        self.sent: list[Message] = []

    async def receive(self) -> Message:
        if self._messages:
            return self._messages.pop(0)
        await self.late.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: Message) -> None:
        self.sent.append(message)

    async def ask(self, app: Any, accept: bytes = b"application/json") -> None:
        headers = [(b"content-type", b"application/json"), (b"accept", accept)]
        scope = {"type": "http", "method": "POST", "path": "/graphql", "headers": headers, "query_string": b""}
        await app(scope | {"client": ("192.0.2.7", 4711)}, self.receive, self.send)


BODY = json.dumps({"query": "query Left { release { number } }"}).encode()


@pytest.mark.parametrize("accept", [b"application/json", b"text/event-stream"])
async def test_a_client_that_disconnects_during_its_request_is_logged_as_gone(
    server: Server, caplog: pytest.LogCaptureFixture, accept: bytes
) -> None:
    errors = counted("competent_errors_total", code="BAD_REQUEST")
    client = Leaving({"type": "http.request", "body": BODY[:9], "more_body": True})
    client.late.set()

    await client.ask(server.app, accept)

    (line,) = lines_in(caplog)
    assert (line["outcome"], line.get("status"), line.get("error_codes")) == ("cancelled", None, None)
    assert client.sent == []
    assert counted("competent_errors_total", code="BAD_REQUEST") == errors


async def test_a_client_that_disconnects_before_its_response_is_logged_as_gone(
    server: Server, caplog: pytest.LogCaptureFixture
) -> None:
    server.faults.add(Fault("**", "hang"))
    client = Leaving({"type": "http.request", "body": BODY})
    asking = asyncio.create_task(client.ask(server.app))
    while not server.paths:
        await asyncio.sleep(0)
    client.late.set()
    await asking

    (line,) = lines_in(caplog)
    assert (line["operation_name"], line["outcome"], line.get("status")) == ("Left", "cancelled", None)
    assert client.sent == []


@pytest.mark.parametrize(("switch", "logged"), [("off", [None, None]), ("on", ["192.0.2.7", "192.0.2.7"])])
async def test_client_addresses_are_logged_if_the_setting_is_on(
    releases: Releases, settings: Settings, caplog: pytest.LogCaptureFixture, switch: str, logged: list[str | None]
) -> None:
    async with running(releases, replace(settings, log_addresses=switch)) as server:
        client = Leaving({"type": "http.request", "body": BODY})
        await client.ask(server.app)
        transport = httpx.ASGITransport(server.app, client=("192.0.2.7", 4711))
        async with httpx.AsyncClient(transport=transport, base_url="http://server.test") as other:
            await other.get("/")
        async with server.app.router.lifespan_context(server.app) as state:
            assert ("fast_path" in state) == (switch == "off")

    assert [line.get("client_address") for line in lines_in(caplog)] == logged


def test_the_number_of_operation_name_labels_is_bounded() -> None:
    names = OperationNames(["Known"], more=2)

    sent_names = ["a", "b", "c", "Known", "a", "", "no name", "x" * 200]
    assert [names.label(name) for name in sent_names] == [
        "a",
        "b",
        "other",
        "Known",
        "a",
        "anonymous",
        "other",
        "other",
    ]


def passed_on(**headers: str) -> dict[str, str]:
    """What goes upstream for a request with these headers."""
    raw = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    return record_of({"type": "http", "headers": raw}).fetch_context.headers


def test_request_id_and_trace_context_are_forwarded() -> None:
    passed = passed_on(x_request_id="abc-1", traceparent=PARENT, tracestate="a=1")

    assert passed == {"X-Request-ID": "abc-1", "traceparent": PARENT, "tracestate": "a=1"}


@pytest.mark.parametrize(
    "parent",
    [
        "",
        "ff" + PARENT[2:],
        PARENT.upper(),
        PARENT[:-1],
        PARENT + "-01",
        "00-" + "0" * 32 + PARENT[35:],
        PARENT[:36] + "0" * 16 + "-01",
    ],
)
def test_an_invalid_trace_context_is_dropped(parent: str) -> None:
    assert passed_on(traceparent=parent, tracestate="a=1").keys() == {"X-Request-ID"}


def test_a_duplicate_trace_header_is_ignored() -> None:
    headers = [(b"traceparent", PARENT.encode()), (b"traceparent", PARENT.replace("4", "5").encode())]

    assert record_of({"type": "http", "headers": headers}).fetch_context.headers.keys() == {"X-Request-ID"}


async def test_the_deadline_and_forwarded_headers_reach_the_fetch_context() -> None:
    contexts: list[FetchContext] = []

    def loaders(context: FetchContext) -> Any:
        contexts.append(context)
        return SimpleNamespace(close=lambda: None, fetch_context=context)

    sources: Any = SimpleNamespace(loaders=loaders, published=Broadcast())
    engine = Engine(build_schema(), sources, compiled=False)
    documents = PersistedQueries(trusted=None, only_trusted=False, automatic=None)
    endpoint = Endpoint(engine, documents, CachePolicy(0, 0), 1000, operation_timeout=5.0)
    app = Starlette(routes=[Route("/graphql", endpoint)])
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://server.test") as client:
        before = asyncio.get_running_loop().time()
        for headers in ({}, {"X-Competent-Timeout": "2", "traceparent": PARENT}):
            await client.post("/graphql", json={"query": "{ __typename }"}, headers=headers)
        after = asyncio.get_running_loop().time()

    assert before + 5 <= contexts[0].deadline <= after + 5
    assert before + 2 <= contexts[1].deadline <= after + 2
    assert contexts[1].headers["traceparent"] == PARENT


async def test_a_page_of_another_origin_can_read_an_unexpected_error() -> None:
    async def broken(scope: Scope, receive: Receive, send: Send) -> None:
        raise RuntimeError

    layers = base_middleware(Settings(cors_origins="https://app.example.org").checked())
    transport = httpx.ASGITransport(RequestLoggingMiddleware(broken, asyncio.Event(), OperationLog(), layers))
    async with httpx.AsyncClient(transport=transport, base_url="http://server.test") as client:
        response = await client.post("/graphql", headers={"Origin": "https://app.example.org"})

    assert response.status_code == 500
    assert response.headers["access-control-allow-origin"] == "https://app.example.org"
    assert response.headers["x-content-type-options"] == "nosniff"


async def test_an_unexpected_exception_is_logged_once_and_hidden_from_clients(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def broken(scope: Scope, receive: Receive, send: Send) -> None:
        raise RuntimeError("secret of /internal/host")

    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(RequestLoggingMiddleware(broken, asyncio.Event(), OperationLog())),
        base_url="http://server.test",
    ) as client:
        response = await client.post("/graphql")

    (error,) = response.json()["errors"]
    assert response.status_code == 500
    assert error["extensions"] == {
        "code": "INTERNAL_SERVER_ERROR",
        "requestId": response.headers["x-request-id"],
    }
    assert "secret" not in response.text
    assert caplog.text.count("RuntimeError: secret of /internal/host") == 1
    assert lines_in(caplog)[-1]["outcome"] == "failed"


async def test_a_request_cancelled_at_shutdown_gets_503_with_retry_after(
    caplog: pytest.LogCaptureFixture,
) -> None:
    started, stopping = asyncio.Event(), asyncio.Event()

    async def hanging(scope: Scope, receive: Receive, send: Send) -> None:
        started.set()
        await asyncio.Event().wait()

    transport = httpx.ASGITransport(RequestLoggingMiddleware(hanging, stopping, OperationLog()))
    async with httpx.AsyncClient(transport=transport, base_url="http://server.test") as client:
        names = asyncio.create_task(client.post("/graphql"))
        await started.wait()
        stopping.set()
        names.cancel()
        response = await names

    assert (response.status_code, response.headers["retry-after"]) == (503, "1")
    assert response.json()["errors"][0]["extensions"]["code"] == "SERVER_UNAVAILABLE"
    assert lines_in(caplog)[-1]["outcome"] == "shed"


def test_a_client_can_shorten_but_not_extend_the_operation_timeout() -> None:
    assert seconds_for({}, 5.0) == 5.0
    assert [seconds_for({b"x-competent-timeout": item}, 5.0) for item in (b"2.5", b"60", b"inf")] == [2.5, 5.0, 5.0]


@pytest.mark.parametrize("header", [b"", b"soon", b"0", b"-1", b"nan", b"\xff"])
def test_an_invalid_timeout_is_refused_with_a_message(header: bytes) -> None:
    with pytest.raises(HTTPError, match="positive number of seconds"):
        seconds_for({b"x-competent-timeout": header}, 5.0)


async def test_an_invalid_timeout_header_is_400(server: Server) -> None:
    response = await server.post("{ __typename }", x_competent_timeout="soon")

    assert response.status_code == 400
    assert response.json()["errors"][0]["extensions"]["code"] == "BAD_REQUEST"
