"""The type of the answer: of the two that there are, the one that the client prefers."""

from graphql_api.http.content_negotiation import preferred
from graphql_api.http.graphql.errors import HTTPError

RESPONSE_JSON = "application/graphql-response+json"
JSON = "application/json"

_OFFERED = (JSON, RESPONSE_JSON)
"""Plain JSON first: who names neither may not know the newer type."""


def negotiate(accept: str) -> str:
    """The type that an `Accept` header asks for; refused with 406 where there is none to its liking."""
    chosen = preferred(accept, _OFFERED)
    if chosen is None:
        raise HTTPError(406, f"Not acceptable: this endpoint responds with {RESPONSE_JSON} or {JSON}.")
    return chosen
