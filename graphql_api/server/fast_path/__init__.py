"""The fast path: answers that are at hand, from the bytes of a request to those of its answer, past ASGI and its layers.

The same checks stand before such an answer as before any other, and the same is told of it. Whatever is not plain, or not at
hand, goes the long way, which begins anew: nothing has been begun, renewed or counted for it.
"""

from graphql_api.server.fast_path.heads import Heads
from graphql_api.server.fast_path.path import FastPath

__all__ = ["FastPath", "Heads"]
