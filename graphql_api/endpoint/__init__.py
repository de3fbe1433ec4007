"""GraphQL over HTTP: one operation in, one JSON answer out, with the status that the answer's type asks for.

Every refusal is JSON with a code; the documents that an operation reads are loaded by loaders of this request alone.
"""

from graphql_api.endpoint.answer import http_error, refused, unexpected
from graphql_api.endpoint.caching import Caching
from graphql_api.endpoint.context import Context
from graphql_api.endpoint.documents import Documents
from graphql_api.endpoint.leaving import ClientLeft
from graphql_api.endpoint.negotiation import JSON, RESPONSE_JSON
from graphql_api.endpoint.operation import Operation
from graphql_api.endpoint.refusal import Refused, Unavailable, Unforeseen
from graphql_api.endpoint.respond import Endpoint
from graphql_api.endpoint.statuses import STATUSES

__all__ = [
    "JSON",
    "RESPONSE_JSON",
    "STATUSES",
    "Caching",
    "ClientLeft",
    "Context",
    "Documents",
    "Endpoint",
    "Operation",
    "Refused",
    "Unavailable",
    "Unforeseen",
    "http_error",
    "refused",
    "unexpected",
]
