"""GraphQL over HTTP: runs one operation per request and responds in JSON, with the status that the media type requires.

Every error is JSON with a code. Each request has its own loaders.
"""

from graphql_api.http.graphql.cache_control import CachePolicy
from graphql_api.http.graphql.errors import (
    ClientLeft,
    HTTPError,
    InternalError,
    ServiceUnavailable,
)
from graphql_api.http.graphql.handler import Endpoint
from graphql_api.http.graphql.persisted_queries import PersistedQueries
from graphql_api.http.graphql.request import OperationRequest
from graphql_api.http.graphql.response import JSON, RESPONSE_JSON, STATUSES, error_response, http_error, internal_error

__all__ = [
    "JSON",
    "RESPONSE_JSON",
    "STATUSES",
    "CachePolicy",
    "ClientLeft",
    "Endpoint",
    "HTTPError",
    "InternalError",
    "OperationRequest",
    "PersistedQueries",
    "ServiceUnavailable",
    "error_response",
    "http_error",
    "internal_error",
]
