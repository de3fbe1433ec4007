"""Runs an export: the formats, and the steps of one of them in the reader threads of an index."""

import asyncio
import sqlite3
from collections.abc import AsyncGenerator, Callable, Generator
from contextlib import closing
from hashlib import blake2s
from typing import NamedTuple, TypeVar
from weakref import WeakKeyDictionary

from graphql_api.errors import NotIndexedYet, ServerBusy
from graphql_api.export import csv_zip, json_ld, ndjson, turtle
from graphql_api.export.contents import DEFAULTS, Contents, Options, ReleaseFacts, Step, batches_in
from graphql_api.index.index import Index
from graphql_api.schema.loaders import Loaders

T = TypeVar("T")

RETRY_INCOMPLETE = 60.0
"""Seconds before a client retries the export of a release of which documents are missing."""
_MAX_BUSY = 60
"""Seconds that an export waits for a place in the queue of the index before it fails."""


class Format(NamedTuple):
    """A format: its name on the command line, the end of its file names, its media type and its steps."""

    name: str
    suffix: str
    media_type: str
    steps: Callable[[Contents], Generator[Step]]


NDJSON = Format("ndjson", ".ndjson", "application/x-ndjson", ndjson.steps)
CSV = Format("csv", ".csv.zip", "application/zip", csv_zip.steps)
TURTLE = Format("turtle", ".ttl", "text/turtle", turtle.steps)
JSON_LD = Format("json-ld", ".jsonld", "application/ld+json", json_ld.steps)
FORMATS = (NDJSON, CSV, TURTLE, JSON_LD)
"""All formats."""


async def release_facts(loaders: Loaders, number: str) -> ReleaseFacts:
    """What the Competent API, and the operator of this server, say about a release. Raises UpstreamError."""
    document = await loaders.releases.document(number)
    source = document["source"] or None
    return ReleaseFacts(number, document["publishedOn"], source, *loaders.supplements.terms(source))


def require_whole(index: Index, release: str) -> None:
    """Raise NotIndexedYet if documents are missing from an index: an export is complete or is refused."""
    if index.missing:
        raise NotIndexedYet(
            f"Documents of release {release} are still missing ({index.missing:,}), and an export needs all. Try again later.",
            retry_after=RETRY_INCOMPLETE,
        )


async def export(
    index: Index,
    release: ReleaseFacts,
    format: Format,
    options: Options = DEFAULTS,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> AsyncGenerator[bytes]:
    """Yield the bytes of an export, about as much at a time as CHUNK documents take.

    `progress` is called with the steps done and the steps in total. Raises NotIndexedYet if the index is not whole or its file
    is found corrupt.
    """
    require_whole(index, release.number)
    contents = Contents(release, await _query(index, batches_in), options)
    total = sum(1 for _ in format.steps(contents))
    with closing(format.steps(contents)) as steps:
        for done, step in enumerate(steps, 1):
            if piece := await _query(index, step):
                yield piece
            progress(done, total)


async def _query(index: Index, query: Callable[[sqlite3.Connection], T]) -> T:
    """Run a query; while the queue of the index is full, try again every second."""
    for _ in range(_MAX_BUSY):
        try:
            return await index.query(query)
        except ServerBusy as busy:
            await asyncio.sleep(busy.retry_after or 1.0)
    return await index.query(query)


class Digests:
    """Computes the digest of each index once: of all its documents, in the order and form of NDJSON.

    Entity tags made of it are the same on every server that has the same data.
    """

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
