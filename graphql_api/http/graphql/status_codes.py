"""Status code and media type of responses: as the audits of `graphql-http` require, or by the September 2026 edition.

Status codes are for proxies and monitoring; the body is the same in both and says all that a client needs.
"""

from graphql_api.http.graphql.errors import BadRequest, HTTPError
from graphql_api.http.graphql.response_type import JSON, RESPONSE_JSON
from graphql_api.observability.request_context import RequestContext

PARTIAL = 294
"""Partial Success: data and errors."""


class StatusPolicy:
    """As the audits of `graphql-http` require: in `application/json`, 200 for every well-formed GraphQL request."""

    def of_answer(self, media_type: str, record: RequestContext) -> tuple[int, str]:
        """Status and media type of the response to an operation, from its recorded outcome."""
        return (400 if media_type == RESPONSE_JSON and not record.executed else 200), media_type

    def of_refusal(self, media_type: str, refusal: HTTPError) -> tuple[int, str]:
        """Status and media type of the response to a request that cannot be executed."""
        return refusal.status, media_type


class Statuses2026(StatusPolicy):
    """As the September 2026 edition recommends; 4xx and 5xx use the newer type, even if the client accepts only JSON.

    Source: https://http-spec.graphql.org/September2026/, sections "Body" and "Status Codes". The edition does not define
    the status for an unknown persisted document; it is 422 here.
    """

    def of_answer(self, media_type: str, record: RequestContext) -> tuple[int, str]:
        if record.executed:
            return (PARTIAL if record.codes and media_type == RESPONSE_JSON else 200), media_type
        return (400 if record.codes[:1] == ["GRAPHQL_PARSE_FAILED"] else 422), RESPONSE_JSON

    def of_refusal(self, media_type: str, refusal: HTTPError) -> tuple[int, str]:
        status = 422 if isinstance(refusal, BadRequest) or refusal.status == 200 else refusal.status
        return status, (JSON if status == 406 else RESPONSE_JSON)


STATUSES = {"audits": StatusPolicy(), "2026": Statuses2026()}
"""Policies by value of the setting."""
