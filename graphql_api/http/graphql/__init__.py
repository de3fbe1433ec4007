"""GraphQL over HTTP: runs one operation per request and responds in JSON, with the status that the media type requires.

Every error is JSON with a code. Each request has its own loaders.
"""

from graphql_api.http.graphql.cache_control import Caching
from graphql_api.http.graphql.context import Context
from graphql_api.http.graphql.disconnect import ClientLeft
from graphql_api.http.graphql.document_lookup import Documents
from graphql_api.http.graphql.errors import HTTPError, InternalError, ServiceUnavailable
from graphql_api.http.graphql.handler import Endpoint
from graphql_api.http.graphql.request import Operation
from graphql_api.http.graphql.response import http_error, refused, unexpected
from graphql_api.http.graphql.response_type import JSON, RESPONSE_JSON
from graphql_api.http.graphql.status_codes import STATUSES

__all__ = [
    "JSON",
    "RESPONSE_JSON",
    "STATUSES",
    "Caching",
    "ClientLeft",
    "Context",
    "Documents",
    "Endpoint",
    "HTTPError",
    "InternalError",
    "Operation",
    "ServiceUnavailable",
    "http_error",
    "refused",
    "unexpected",
]
