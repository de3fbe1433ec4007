"""The fast path: responses from memory, from the bytes of a request to those of its response, without ASGI and its middleware.

The same checks are made as for any other request, and the same is logged and counted. A request that is not plain, or needs more
than memory, takes the ASGI path from its beginning: nothing has been started, renewed or counted for it.
"""

from graphql_api.server.fast_path.handler import FastPath
from graphql_api.server.fast_path.response_heads import ResponseHeads

__all__ = ["FastPath", "ResponseHeads"]
