"""Digests of the contents of indexes, for entity tags that are the same on every server that has the same data."""

import asyncio
from hashlib import blake2s
from weakref import WeakKeyDictionary

from graphql_api.export.contents import ReleaseFacts
from graphql_api.export.export import NDJSON, export
from graphql_api.index.index import Index


class Digests:
    """Computes the digest of each index once: of all its documents, in the order and form of NDJSON."""

    def __init__(self) -> None:
        self._tasks: WeakKeyDictionary[Index, asyncio.Task[str]] = WeakKeyDictionary()

    async def get(self, index: Index, release: ReleaseFacts) -> str:
        """The digest of an index, computed once for concurrent callers; raises as `export`."""
        task = self._tasks.get(index)
        if task is None or (task.done() and (task.cancelled() or task.exception())):
            task = self._tasks[index] = asyncio.create_task(_digest(index, release))
        return await asyncio.shield(task)


async def _digest(index: Index, release: ReleaseFacts) -> str:
    digest = blake2s(digest_size=12)
    async for piece in export(index, release, NDJSON):
        digest.update(piece)
    return digest.hexdigest()
