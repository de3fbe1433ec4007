"""What is told of an operation on a connection that stays: the same errors with the same codes as over HTTP."""

from typing import Any

from graphql_api.endpoint import Refused
from graphql_api.endpoint.answer import body_of, sign
from graphql_api.record import Record
from graphql_api.schema import Answer


def told(answer: Answer, record: Record) -> dict[str, Any]:
    """An answer as it goes to the client."""
    sign(answer.errors, record)
    return body_of(answer, record, explain=False)


def refused(refusal: Refused, record: Record) -> dict[str, Any]:
    """A refusal as an error of GraphQL."""
    extensions: dict[str, Any] = {"code": refusal.code}
    if refusal.retry_after is not None:
        extensions["retryAfter"] = refusal.retry_after
    error = {"message": str(refusal), "extensions": extensions}
    sign([error], record)
    return error
