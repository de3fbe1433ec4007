"""Traces: a span per operation and per upstream call, without secrets, and no traces without the extra."""

from collections.abc import Iterator
from typing import Any

import pytest
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode

from graphql_api.observability import tracing
from graphql_api.sandbox import Fault
from tests.conftest import Server

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
PARENT = f"00-{TRACE}-00f067aa0ba902b7-01"


@pytest.fixture
def spans() -> Iterator[InMemorySpanExporter]:
    exporter = InMemorySpanExporter()
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    tracing.use(tracing.Tracing(provider))
    yield exporter
    tracing.use(None)
    provider.shutdown()


def by_kind(exporter: InMemorySpanExporter) -> tuple[ReadableSpan, list[ReadableSpan]]:
    """The span of the operation, and those of the calls that it caused."""
    finished = exporter.get_finished_spans()
    (operation,) = [span for span in finished if span.kind is SpanKind.SERVER]
    return operation, [span for span in finished if span.kind is SpanKind.CLIENT]


def attributes(span: ReadableSpan) -> dict[str, Any]:
    return dict(span.attributes or {})


async def test_operation_spans_are_between_the_client_span_and_call_spans(
    server: Server, spans: InMemorySpanExporter
) -> None:
    await server.post(
        'query Mine { release { number } occupationalProfile(code: "OP-101") { title { nl } code } }',
        traceparent=PARENT,
    )

    operation, calls = by_kind(spans)
    assert operation.name == "query"
    assert attributes(operation) == {
        "graphql.operation.name": "Mine",
        "graphql.operation.type": "query",
        "http.request.method": "POST",
        "http.route": "/graphql",
        "http.response.status_code": 200,
    }
    assert operation.parent is not None
    assert f"{operation.parent.trace_id:032x}" == TRACE
    assert operation.status.status_code is StatusCode.UNSET
    assert calls
    assert operation.context is not None
    assert {call.parent.span_id for call in calls if call.parent} == {operation.context.span_id}
    assert {call.context.trace_id for call in calls if call.context} == {operation.context.trace_id}
    first = calls[0]
    assert first.name == "GET /releases/{release}"
    assert attributes(first) == {
        "http.request.method": "GET",
        "url.template": "/releases/{release}",
        "http.response.status_code": 200,
    }


async def test_the_span_of_a_failed_call_has_its_error(server: Server, spans: InMemorySpanExporter) -> None:
    server.faults.add(Fault("**", "html"))

    await server.post("{ release { number } }")

    operation, calls = by_kind(spans)
    assert {attributes(call)["error.type"] for call in calls} == {"UPSTREAM_INVALID_RESPONSE"}
    assert {call.status.status_code for call in calls} == {StatusCode.ERROR}
    assert operation.status.status_code is StatusCode.UNSET  # the operation was answered, with an error on its field


async def test_traces_contain_no_client_texts_and_no_fields(server: Server, spans: InMemorySpanExporter) -> None:
    await server.post("query ($n: String!) { mine: release(number: $n) { number } }", {"n": "3.10"})

    operation, calls = by_kind(spans)
    text = " ".join(f"{span.name} {attributes(span)}" for span in (operation, *calls))
    assert "mine" not in text
    assert "3.10" not in text


async def test_health_checks_have_no_span(server: Server, spans: InMemorySpanExporter) -> None:
    await server.client.get("/health/live")

    assert spans.get_finished_spans() == ()


def test_without_an_endpoint_tracing_is_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OTEL_EXPORTER_OTLP_ENDPOINT", raising=False)

    tracing.begin_tracing()

    headers = {"traceparent": PARENT}
    assert tracing.CallSpan(headers, "/releases").headers is headers


async def test_a_dead_trace_collector_does_not_block(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:9")
    tracing.begin_tracing()

    sent = tracing.CallSpan({"traceparent": PARENT}, "/releases").headers
    await tracing.end_tracing(seconds=0.1)

    assert sent["traceparent"].startswith(f"00-{TRACE}-")
    assert sent["traceparent"] != PARENT
