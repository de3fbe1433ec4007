"""Loads documents for the crawl of a Competent API in this process, such as the sandbox.

A call there costs less than guarding, sharing and caching it, and a document can be had again immediately. A crawl takes three
quarters of the CPU, and leaves the memory of the cache to what clients request.
"""

from collections.abc import Awaitable, Callable

from graphql_api.competent.fetch import Fetched
from graphql_api.competent.hal import Document
from graphql_api.errors import UpstreamError
from graphql_api.store.intake import normalise_fetched


class InProcessLoader:
    """Loads documents with one call each; `load_guarded` loads those that fail, with retries and limits."""

    def __init__(
        self, fetch_once: Callable[[str], Awaitable[Fetched]], load_guarded: Callable[[str], Awaitable[Document]]
    ) -> None:
        self._fetch_once = fetch_once
        self._load_guarded = load_guarded

    async def load(self, path: str) -> Document:
        """Return the normalised document at a path. Raises as `load_guarded`."""
        try:
            fetched = await self._fetch_once(path)
        except UpstreamError:
            return await self._load_guarded(path)
        if fetched.document is None:
            return await self._load_guarded(path)
        document, _ = await normalise_fetched(path, fetched.document, fetched.values)
        return document
