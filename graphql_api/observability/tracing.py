"""OpenTelemetry traces: a span per operation and per call upstream, but not per field.

Without the extra `otel` or OTEL_EXPORTER_OTLP_ENDPOINT nothing is traced. The context is passed in the headers of the
FetchContext, not in context variables, because several operations may share a fetch.
Names follow the semantic conventions for GraphQL and HTTP (https://opentelemetry.io/docs/specs/semconv/).
"""

import asyncio
import logging
import os
import threading
from collections.abc import Mapping
from typing import TYPE_CHECKING

from graphql_api import NAME, how_to_install, own_version

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.trace import Span

log = logging.getLogger(__name__)

OPERATION_NAME = "graphql.operation.name"
OPERATION_TYPE = "graphql.operation.type"
URL_TEMPLATE = "url.template"
"""Attributes of the semantic conventions that are not stable yet; the library has them in private modules only."""

_tracing: "Tracing | None" = None


class Tracing:
    """Creates spans with one tracer provider."""

    def __init__(self, provider: "TracerProvider") -> None:
        from opentelemetry.semconv.schemas import Schemas
        from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

        self._provider = provider
        self._tracer = provider.get_tracer(NAME, own_version(), schema_url=Schemas.V1_43_0.value)
        self._propagator = TraceContextTextMapPropagator()

    def begin_operation(self, headers: dict[str, str]) -> "Span":
        """Start the span of an operation, as a child of the client's span; `headers` is updated with its context."""
        from opentelemetry.trace import SpanKind

        span = self._tracer.start_span("GraphQL Operation", self._propagator.extract(headers), SpanKind.SERVER)
        self._inject(span, headers)
        return span

    def begin_call(self, headers: Mapping[str, str], template: str) -> "tuple[Span, dict[str, str]]":
        """Start the span of a call upstream; return it with the headers to send, which carry its context."""
        from opentelemetry.semconv.attributes.http_attributes import HTTP_REQUEST_METHOD
        from opentelemetry.trace import SpanKind

        attributes = {HTTP_REQUEST_METHOD: "GET", URL_TEMPLATE: template}
        sent = dict(headers)
        parent = self._propagator.extract(sent)
        span = self._tracer.start_span(f"GET {template}", parent, SpanKind.CLIENT, attributes=attributes)
        self._inject(span, sent)
        return span, sent

    def _inject(self, span: "Span", headers: dict[str, str]) -> None:
        from opentelemetry.trace import set_span_in_context

        self._propagator.inject(headers, set_span_in_context(span))

    def close(self) -> None:
        """Export all queued spans and shut the provider down."""
        self._provider.shutdown()


def begin_tracing() -> None:
    """Export spans as the OTEL_… variables say, if an endpoint is set; logs a warning if the extra is missing."""
    global _tracing
    if _tracing is not None or not os.environ.get("OTEL_EXPORTER_OTLP_ENDPOINT"):
        return
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
    except ModuleNotFoundError:
        log.warning("OTEL_EXPORTER_OTLP_ENDPOINT is set, but the extra otel is missing: %s", how_to_install("otel"))
        return
    name = os.environ.get("OTEL_SERVICE_NAME", NAME)
    resource = Resource.create({"service.name": name, "service.version": own_version()})
    provider = TracerProvider(resource=resource, shutdown_on_exit=False)
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    use(Tracing(provider))


def is_on() -> bool:
    """True if tracing is on."""
    return _tracing is not None


def use(tracing: Tracing | None) -> None:
    """Set the tracing of this process; None turns it off."""
    global _tracing
    _tracing = tracing


async def end_tracing(seconds: float = 2.0) -> None:
    """Export all queued spans, within `seconds`, and turn tracing off."""
    if _tracing is None:
        return
    # A daemon thread, so that a collector that hangs does not keep the process from stopping.
    export = threading.Thread(target=_tracing.close, daemon=True)
    export.start()
    await asyncio.to_thread(export.join, seconds)
    use(None)


class OperationSpan:
    """The span of one operation; does nothing if tracing is off."""

    def __init__(self, headers: dict[str, str], method: str = "") -> None:
        self._span = _tracing.begin_operation(headers) if _tracing else None
        self._method = method

    def end(self, name: str, operation_type: str, status: int | None, outcome: str) -> None:
        """End the span with the result of the operation."""
        if self._span is None:
            return
        from opentelemetry.semconv.attributes import error_attributes, http_attributes
        from opentelemetry.trace import Status, StatusCode

        attributes: dict[str, str | int | None] = {
            OPERATION_NAME: name[:100],
            OPERATION_TYPE: operation_type,
            http_attributes.HTTP_REQUEST_METHOD: self._method,
            http_attributes.HTTP_ROUTE: "/graphql",
            http_attributes.HTTP_RESPONSE_STATUS_CODE: status,
        }
        self._span.set_attributes({key: value for key, value in attributes.items() if value})
        if operation_type:
            self._span.update_name(operation_type)
        if outcome in ("failed", "shed"):
            self._span.set_attribute(error_attributes.ERROR_TYPE, str(status))
            self._span.set_status(Status(StatusCode.ERROR))
        self._span.end()


class CallSpan:
    """The span of one call upstream; does nothing if tracing is off."""

    def __init__(self, headers: Mapping[str, str], template: str) -> None:
        self._span: Span | None = None
        self.headers = headers
        """The headers to send, with the context of this span."""
        if _tracing:
            self._span, self.headers = _tracing.begin_call(headers, template)

    def end(self, status: int | None, error: str | None) -> None:
        """End the span; `error` is an error code of this server, or None."""
        if self._span is None:
            return
        from opentelemetry.semconv.attributes import error_attributes, http_attributes
        from opentelemetry.trace import Status, StatusCode

        if status is not None:
            self._span.set_attribute(http_attributes.HTTP_RESPONSE_STATUS_CODE, status)
        if error is not None:
            self._span.set_attribute(error_attributes.ERROR_TYPE, error)
            self._span.set_status(Status(StatusCode.ERROR))
        self._span.end()
