"""Errors, log lines, metrics and traces of streaming operations; the same as over HTTP."""

import asyncio
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from graphql_api.execution.engine import Answer
from graphql_api.http.graphql import HTTPError
from graphql_api.http.graphql.response import body_of, sign
from graphql_api.observability.logs import logging_for
from graphql_api.observability.metrics import STREAMING_RESPONSES
from graphql_api.observability.operation_log import OperationLog
from graphql_api.observability.request_context import RequestContext
from graphql_api.observability.tracing import OperationSpan


def payload_of(answer: Answer, record: RequestContext) -> dict[str, Any]:
    """The response payload for the client; counts it and records its outcome."""
    record.executed |= answer.executed
    record.answers = (record.answers or 0) + 1
    STREAMING_RESPONSES.labels(record.protocol).inc()
    _sign(answer.errors, record)
    return body_of(answer, record, explain=False)


def refused(refusal: HTTPError, record: RequestContext) -> dict[str, Any]:
    """The GraphQL error object of an HTTPError; records the outcome."""
    if refusal.status >= 500:
        record.ended = "shed" if refusal.status == 503 else "failed"
    error = refusal.as_dict
    _sign([error], record)
    return error


def _sign(errors: list[dict[str, Any]], record: RequestContext) -> None:
    sign(errors, record)
    record.codes = list(dict.fromkeys(record.codes))  # a subscription may have errors for days


@contextmanager
def observed(record: RequestContext, outcomes: OperationLog) -> Iterator[None]:
    """Run an operation inside the block: log lines carry its id, and it is logged, counted and traced when it ends.

    A cancelled operation is recorded as `cancelled`, because its client left.
    """
    begun = time.perf_counter()
    span = OperationSpan(record.asker.headers)
    try:
        with logging_for(record.request_id):
            yield
    except asyncio.CancelledError:
        record.ended = "cancelled"
        raise
    finally:
        outcomes.tell(record, record.outcome, time.perf_counter() - begun)
        span.end(record.name, record.kind, None, record.outcome)
