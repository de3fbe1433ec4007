"""What is told of an operation on a connection that stays: the same errors with the same codes as over HTTP, and one line
in the log with the same counts.
"""

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
    """An answer as it goes to the client."""
    record.executed |= answer.executed
    record.answers = (record.answers or 0) + 1
    STREAMING_RESPONSES.labels(record.protocol).inc()
    _sign(answer.errors, record)
    return body_of(answer, record, explain=False)


def refused(refusal: HTTPError, record: RequestContext) -> dict[str, Any]:
    """A refusal as an error of GraphQL."""
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
    """Within this an operation runs, whose lines in the log carry its id; it is told of when it is over.

    What is not refused and ends by being cancelled was left by its client.
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
