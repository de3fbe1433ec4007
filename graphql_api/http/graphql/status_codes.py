"""Which status an answer has, and in which type it is told: as the audits of `graphql-http` ask for, or by the newer edition.

A status is for those between client and server; what a client is to know is in the body, and the same in both.
"""

from graphql_api.http.graphql.errors import BadRequest, HTTPError
from graphql_api.http.graphql.response_type import JSON, RESPONSE_JSON
from graphql_api.observability.request_context import RequestContext

PARTIAL = 294
"""Partial Success: data and errors."""


class StatusPolicy:
    """As the audits of `graphql-http` ask for: 200 in `application/json` for all that is a GraphQL request."""

    def of_answer(self, media_type: str, record: RequestContext) -> tuple[int, str]:
        """Status and type of the answer to an operation, from what is recorded of it."""
        return (400 if media_type == RESPONSE_JSON and not record.executed else 200), media_type

    def of_refusal(self, media_type: str, refusal: HTTPError) -> tuple[int, str]:
        """Status and type where no operation can be run."""
        return refusal.status, media_type


class Statuses2026(StatusPolicy):
    """As the September 2026 edition recommends; 4xx and 5xx are in the newer type, also for who accepts JSON alone.

    Source: https://http-spec.graphql.org/September2026/, sections "Body" and "Status Codes". A persisted document that is not
    known, which the edition leaves open, is a request that cannot be processed: 422.
    """

    def of_answer(self, media_type: str, record: RequestContext) -> tuple[int, str]:
        if record.executed:
            return (PARTIAL if record.codes and media_type == RESPONSE_JSON else 200), media_type
        return (400 if record.codes[:1] == ["GRAPHQL_PARSE_FAILED"] else 422), RESPONSE_JSON

    def of_refusal(self, media_type: str, refusal: HTTPError) -> tuple[int, str]:
        status = 422 if isinstance(refusal, BadRequest) or refusal.status == 200 else refusal.status
        return status, (JSON if status == 406 else RESPONSE_JSON)


STATUSES = {"audits": StatusPolicy(), "2026": Statuses2026()}
"""By the value of the setting."""
