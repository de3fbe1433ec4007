"""Documents in a Valkey server that many replicas share: compressed, and each fetched by one of the replicas at a time.

A replica that is to wait for another's fetch waits no longer than that one's lease lasts.
"""

import asyncio
import logging
import secrets
import sys
import zlib
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, NamedTuple

import orjson

from graphql_api.fetching import Validators
from graphql_api.shared import Shared
from graphql_api.store.behind import Behind, packed, unpacked
from graphql_api.store.memory import Memory
from graphql_api.store.shelf import Kept

if TYPE_CHECKING:
    from valkey.asyncio import Valkey

log = logging.getLogger(__name__)

LOOK_EVERY = 0.02
"""Seconds between two looks at what another replica brings."""

_GIVE_BACK = "if redis.call('get', KEYS[1]) == ARGV[1] then return redis.call('del', KEYS[1]) else return 0 end"


class _Turn(NamedTuple):
    """What a look gave: the lease, or the document, or neither yet."""

    mine: bool
    kept: Kept | None = None


class ValkeyStore:
    """Documents by path, each let go of after `keep` seconds; how many bytes there may be is the server's own setting.

    One replica has the fetch of a path to itself for `lease` seconds, which is longer than a fetch may take.
    """

    takes_turns = True

    def __init__(self, shared: Shared, keep: float, lease: float = 8.0) -> None:
        self._shared = shared
        self._keep = max(1, int(keep))
        self._lease_ms = int(lease * 1000)
        self._behind = Behind(self._write, Memory(sys.maxsize, sys.maxsize))

    async def get_many(self, paths: Iterable[str]) -> dict[str, Kept]:
        """Those of the documents that are here, in one look."""
        asked = list(paths)
        waiting = self._behind.among(asked)
        keys = [self._document(path) for path in asked]
        values: list[bytes | None] = await self._shared.run(lambda server: server.mget(keys), [])
        found = {path: kept for path, value in zip(asked, values, strict=False) if (kept := _decoded(value))}
        return found | waiting

    def put(self, path: str, kept: Kept) -> None:
        """Keep a document; it is written soon, together with the others of this moment."""
        self._behind.put(path, kept)

    async def _write(self, batch: dict[str, Kept]) -> None:
        await self._shared.run(lambda server: self._written(server, batch), None)

    async def _written(self, server: "Valkey", batch: dict[str, Kept]) -> None:
        async with server.pipeline(transaction=False) as pipe:
            for path, kept in batch.items():
                pipe.set(self._document(path), _encoded(kept), ex=self._keep)
            await pipe.execute()

    @asynccontextmanager
    async def turn(self, path: str, good: Callable[[Kept], bool]) -> AsyncIterator[Kept | None]:
        """The right to fetch a path, for one replica at a time: None is given to the one that has it.

        The others are given what that one brought, as soon as it is `good`. With the server out of reach everybody has the right.
        """
        token = secrets.token_hex(8)
        turn = await self._wait(path, token, good)
        try:
            yield turn.kept
        finally:
            if turn.mine:
                await self._give_back(path, token)

    async def _wait(self, path: str, token: str, good: Callable[[Kept], bool]) -> _Turn:
        alone = _Turn(True)
        while True:
            turn = await self._shared.run(lambda server: self._look(server, path, token), alone)
            if turn.kept is not None and good(turn.kept):
                return turn
            if turn.mine:
                return alone
            await asyncio.sleep(LOOK_EVERY)

    async def _look(self, server: "Valkey", path: str, token: str) -> _Turn:
        async with server.pipeline(transaction=False) as pipe:
            pipe.set(self._lease(path), token, nx=True, px=self._lease_ms)
            pipe.get(self._document(path))
            mine, value = await pipe.execute()
        return _Turn(bool(mine), _decoded(value))

    async def _give_back(self, path: str, token: str) -> None:
        await asyncio.shield(self._behind.settle())  # what was brought is there before somebody else may fetch it again
        key = self._lease(path)
        await self._shared.run(lambda server: server.eval(_GIVE_BACK, 1, key, token), None)  # type: ignore[arg-type,return-value]

    def _document(self, path: str) -> str:
        return self._shared.key("document", path)

    def _lease(self, path: str) -> str:
        return self._shared.key("lease", path)

    async def aclose(self) -> None:
        """Write what waits to be written."""
        await self._behind.settle()


def _encoded(kept: Kept) -> bytes:
    head = orjson.dumps((kept.at, kept.size, *kept.validators))
    return head + b"\n" + packed(kept.document)


def _decoded(value: bytes | None) -> Kept | None:
    if value is None:
        return None
    try:
        head, _, body = value.partition(b"\n")
        at, size, etag, last_modified = orjson.loads(head)
        return Kept(unpacked(body), at, size, Validators(etag, last_modified))
    except (ValueError, TypeError, zlib.error) as error:
        log.warning("the shared store holds something that is no document of this version: %r", error)
        return None
