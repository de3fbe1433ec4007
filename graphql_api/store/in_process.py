"""Loads documents for the crawl of a Competent API in this process, such as the sandbox.

Reading one there costs less than a request, and than guarding, sharing and caching it, and it can be had again immediately. The
memory of the cache is left to what clients request.
"""

from collections.abc import Awaitable, Callable

import orjson

from graphql_api.competent.hal import Document
from graphql_api.store.intake import normalised

_BYTES_PER_VALUE = 30
"""Typical for Competent's documents."""


class InProcessLoader:
    """Loads documents by `read`; `load_guarded` requests those of which it returns None, with retries and limits."""

    def __init__(self, read: Callable[[str], bytes | None], load_guarded: Callable[[str], Awaitable[Document]]) -> None:
        self._read = read
        self._load_guarded = load_guarded

    async def load(self, path: str) -> Document:
        """Return the normalised document at a path. Raises as `load_guarded`."""
        body = self._read(path)
        if body is None:
            return await self._load_guarded(path)
        return await normalised(path, orjson.loads(body), len(body) // _BYTES_PER_VALUE)
