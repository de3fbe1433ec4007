"""Who may ask: clients with keys, each with a quota, or with a key of their own for the Competent API.

Everything needs a key but the pages that say what this server is, its health and its metrics. Refusals are JSON
with a code, on a WebSocket with a close code or an error, before anything else of the request is looked at.
"""

from graphql_api.http.auth.authenticators import ApiKeyAuth, Authenticator, PassthroughAuth, Principal
from graphql_api.http.auth.credentials import check_url, shown_by
from graphql_api.http.auth.middleware import Access, deciding, guarding, is_open, keys_file
from graphql_api.http.auth.policy import AccessPolicy
from graphql_api.http.auth.wrong_keys import WrongKeys

__all__ = [
    "Access",
    "AccessPolicy",
    "ApiKeyAuth",
    "Authenticator",
    "PassthroughAuth",
    "Principal",
    "WrongKeys",
    "check_url",
    "deciding",
    "guarding",
    "is_open",
    "keys_file",
    "shown_by",
]
