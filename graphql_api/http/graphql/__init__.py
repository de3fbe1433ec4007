"""GraphQL over HTTP: one operation in, one JSON answer out, with the status that the answer's type asks for.

Every refusal is JSON with a code; the documents that an operation reads are loaded by loaders of this request alone.
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
