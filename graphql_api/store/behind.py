"""Documents that are written behind their reader's back: kept here until they are, all of one moment together."""

import asyncio
import zlib
from collections.abc import Awaitable, Callable, Iterable

import orjson

from graphql_api.hal import Document
from graphql_api.store.memory import Memory
from graphql_api.store.shelf import Kept


class Behind:
    """What is `waiting` to be written, and the one task that has `write` do so; what no longer fits there is not written."""

    def __init__(self, write: Callable[[dict[str, Kept]], Awaitable[None]], waiting: Memory) -> None:
        self._write = write
        self._waiting = waiting
        self._writing: asyncio.Task[None] | None = None

    def put(self, path: str, kept: Kept) -> None:
        """Write a document soon."""
        self._waiting.put(path, kept)
        if self._writing is None or self._writing.done():
            self._writing = asyncio.ensure_future(self._written())

    def among(self, paths: Iterable[str]) -> dict[str, Kept]:
        """Those of these documents that wait."""
        return {path: kept for path in paths if (kept := self._waiting.get(path)) is not None}

    async def _written(self) -> None:
        while len(self._waiting):
            batch = self.among(tuple(self._waiting))
            await self._write(batch)
            for path, kept in batch.items():
                if self._waiting.get(path) is kept:
                    self._waiting.drop(path)

    async def settle(self) -> None:
        """Wait until all is written."""
        if self._writing is not None:
            await self._writing


def packed(document: Document) -> bytes:
    """A document as it is stored: its JSON text, compressed."""
    return zlib.compress(orjson.dumps(document), 1)


def unpacked(body: bytes) -> Document:
    """The document; raises ValueError or zlib.error for anything else."""
    document: Document = orjson.loads(zlib.decompress(body))
    return document
