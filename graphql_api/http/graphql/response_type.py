"""Chooses the media type of a GraphQL response."""

from graphql_api.http.content_negotiation import preferred
from graphql_api.http.graphql.errors import HTTPError

RESPONSE_JSON = "application/graphql-response+json"
JSON = "application/json"

_OFFERED = (JSON, RESPONSE_JSON)
"""Plain JSON first: clients that name neither may not know the newer type."""


def negotiate(accept: str) -> str:
    """The media type that an `Accept` header prefers; raises HTTPError (406) if it accepts neither."""
    chosen = preferred(accept, _OFFERED)
    if chosen is None:
        raise HTTPError(406, f"Not acceptable: this endpoint responds with {RESPONSE_JSON} or {JSON}.")
    return chosen
