"""Loads documents for the crawl of a Competent API in this process, such as the sandbox.

Reading one there costs less than a request, and than guarding, sharing and caching it, and it can be had again immediately. The
memory of the cache is left to what clients request.
"""

import asyncio
from collections.abc import Awaitable, Callable
from time import perf_counter

import orjson

from graphql_api.competent.hal import Document
from graphql_api.store.intake import normalised

SLICE = 0.005
"""Seconds of an event-loop pass after which no other document is read in it. One document takes up to 20 milliseconds."""


class InProcessLoader:
    """Loads documents by `read`; `load_guarded` requests those of which it returns None, with retries and limits."""

    def __init__(self, read: Callable[[str], bytes | None], load_guarded: Callable[[str], Awaitable[Document]]) -> None:
        self._read = read
        self._load_guarded = load_guarded
        self._pass_until = 0.0

    async def load(self, path: str) -> Document:
        """Return the normalised document at a path. Raises as `load_guarded`."""
        await self._turn()
        body = self._read(path)
        return await self._load_guarded(path) if body is None else normalised(path, orjson.loads(body))

    async def _turn(self) -> None:
        """Wait for a pass of the event loop in which there is time left."""
        while self._pass_until and perf_counter() > self._pass_until:  # noqa: ASYNC110  # waits for passes, not for an event
            await asyncio.sleep(0)
        if not self._pass_until:
            self._pass_until = perf_counter() + SLICE
            asyncio.get_running_loop().call_soon(self._end_pass)

    def _end_pass(self) -> None:
        self._pass_until = 0.0
