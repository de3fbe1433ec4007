"""The Valkey backend: compressed documents shared by replicas, each fetched by one replica at a time.

The replica that fetches holds a lease; the others wait for its result, at most until the lease expires.
"""

import asyncio
import logging
import secrets
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, NamedTuple

import orjson

from graphql_api.store.entry import UnusableEntry, pack, report, restore
from graphql_api.store.freshness import CacheEntry
from graphql_api.store.memory import Memory
from graphql_api.store.write_behind import PENDING_BYTES, WriteBehindQueue
from graphql_api.upstream.valkey import Shared

if TYPE_CHECKING:
    from valkey.asyncio import Valkey

log = logging.getLogger(__name__)

LOOK_EVERY = 0.02
"""Seconds between polls for the result of another replica's fetch."""

FORMAT = 2
"""Version of the entry format: a line of JSON with path, time and validators, then the packed document."""
AT_ONCE = 100
"""Maximum documents read in one round trip."""
ANSWER_BYTES = 8_000_000
"""Maximum bytes of documents in one round trip, unless its first document is larger; the next round trip continues."""
HEAD_BYTES = 4_000
"""Maximum bytes of an entry beyond its document."""

_READ = """
local found, bytes = {}, 0
for place, key in ipairs(KEYS) do
  local size = redis.pcall('STRLEN', key)
  if type(size) ~= 'number' or size > tonumber(ARGV[1]) then
    found[place] = 0
  elseif place > 1 and bytes + size > tonumber(ARGV[2]) then
    return found
  else
    bytes = bytes + size
    found[place] = redis.call('GET', key)
  end
end
return found
"""
"""Lua script: the values of keys, null if missing and 0 if too large or of another type; stops early at the byte limit."""
_GIVE_BACK = "if redis.call('get', KEYS[1]) == ARGV[1] then return redis.call('del', KEYS[1]) else return 0 end"


class _Turn(NamedTuple):
    """The result of a poll: the lease, the document, or neither yet."""

    mine: bool
    kept: CacheEntry | None = None


class ValkeyStore:
    """Documents by path, with a TTL of `keep` seconds; the Valkey server itself bounds the total size.

    A fetch lease lasts `lease` seconds, which is longer than a fetch may take.
    """

    takes_turns = True

    def __init__(self, shared: Shared, keep: float, lease: float = 8.0, document_bytes: int = 2_000_000) -> None:
        self._shared = shared
        self._keep = max(1, int(keep))
        self._lease_seconds = lease
        self._document_bytes = document_bytes
        self._behind = WriteBehindQueue(self._write, Memory(PENDING_BYTES))
        self._refused = False

    async def get_many(self, paths: Iterable[str]) -> dict[str, CacheEntry]:
        """Read the stored entries among these paths, up to AT_ONCE in a round trip."""
        asked = list(paths)
        found = self._behind.among(asked)
        while asked:
            keys = [self._document(path) for path in asked[:AT_ONCE]]
            values = await self._shared.eval(_READ, keys, self._bounds())
            if not values:
                break
            found = await self._decoded(dict(zip(asked, values, strict=False))) | found
            asked = asked[len(values) :]
        return found

    def _bounds(self) -> tuple[int, int]:
        return self._document_bytes + HEAD_BYTES, ANSWER_BYTES

    async def _decoded(self, values: Mapping[str, bytes | int | None]) -> dict[str, CacheEntry]:
        """Decode the usable values, by path. Runs in a thread, because inflating and parsing many documents is slow."""
        there = {path: value for path, value in values.items() if value is not None}
        return await asyncio.to_thread(_decode_all, there, self._document_bytes) if there else {}

    def put(self, path: str, kept: CacheEntry) -> None:
        """Queue a document; it is written soon, in a batch."""
        self._behind.put(path, kept)

    async def _write(self, batch: dict[str, CacheEntry]) -> None:
        await self._shared.run(lambda server: self._set_all(server, batch), None)

    async def _set_all(self, server: "Valkey", batch: dict[str, CacheEntry]) -> None:
        entries = await asyncio.to_thread(_encode_all, batch)
        async with server.pipeline(transaction=False) as pipe:
            for path, entry in entries.items():
                pipe.set(self._document(path), entry, ex=self._keep)
            self._log_refusal(await pipe.execute(raise_on_error=False))

    def _log_refusal(self, results: list[Any]) -> None:
        """Log once that the server accepts no writes; one that is full or read-only still serves reads."""
        refusal = next((each for each in results if isinstance(each, Exception)), None)
        if refusal is not None and not self._refused:
            log.warning("the Valkey server accepts no documents (%s)", type(refusal).__name__)
        self._refused = refusal is not None

    @asynccontextmanager
    async def turn(self, path: str, good: Callable[[CacheEntry], bool]) -> AsyncIterator[CacheEntry | None]:
        """Hold the fetch lease of a path: yields None to the replica that holds it.

        The others wait for its result and get that entry once it is `good`. If the server is unreachable, all callers get None.
        """
        token = secrets.token_hex(8)
        turn = await self._wait(path, token, good)
        try:
            yield turn.kept
        finally:
            if turn.mine:
                await self._give_back(path, token)

    async def _wait(self, path: str, token: str, good: Callable[[CacheEntry], bool]) -> _Turn:
        alone = _Turn(True)
        loop = asyncio.get_running_loop()
        until = loop.time() + self._lease_seconds
        while True:
            # A lease that outlives its time was not written by this code: another type, or no expiry. Overwrite it.
            by_force = loop.time() > until
            turn = await self._shared.run(lambda server: self._lease_or_read(server, path, token, by_force), alone)  # noqa: B023
            if turn.kept is not None and good(turn.kept):
                return turn
            if turn.mine:
                return alone
            await asyncio.sleep(LOOK_EVERY)

    async def _lease_or_read(self, server: "Valkey", path: str, token: str, by_force: bool) -> _Turn:
        async with server.pipeline(transaction=False) as pipe:
            pipe.set(self._lease(path), token, nx=not by_force, px=max(1, int(self._lease_seconds * 1000)))
            pipe.eval(_READ, 1, self._document(path), *map(str, self._bounds()))
            mine, values = await pipe.execute()
        found = await self._decoded(dict(zip([path], values, strict=False)))
        return _Turn(bool(mine), found.get(path))

    async def _give_back(self, path: str, token: str) -> None:
        await asyncio.shield(self._behind.settle())  # the result must be readable before the lease is free
        await self._shared.eval(_GIVE_BACK, [self._lease(path)], [token])

    def _document(self, path: str) -> str:
        return self._shared.key(f"document{FORMAT}", path)

    def _lease(self, path: str) -> str:
        return self._shared.key("lease", path)

    async def aclose(self) -> None:
        """Flush pending writes."""
        await self._behind.settle()


def _encode_all(batch: Mapping[str, CacheEntry]) -> dict[str, bytes]:
    return {path: encode(path, kept) for path, kept in batch.items()}


def _decode_all(values: Mapping[str, bytes | int], max_bytes: int) -> dict[str, CacheEntry]:
    found: dict[str, CacheEntry] = {}
    unusable: dict[str, Exception | str] = {}
    for path, value in values.items():
        try:
            found[path] = decode(path, value, max_bytes)
        except UnusableEntry as error:
            unusable[path] = error
    report(unusable)
    return found


def encode(path: str, kept: CacheEntry) -> bytes:
    """Serialise an entry."""
    return orjson.dumps((path, kept.at, *kept.validators)) + b"\n" + pack(kept.document)


def decode(path: str, value: object, max_bytes: int) -> CacheEntry:
    """Deserialise an entry. Raises UnusableEntry if it has another format or belongs to another path."""
    if not isinstance(value, bytes):
        raise UnusableEntry("of another type, or of too many bytes")
    head, _, body = value.partition(b"\n")
    try:
        told, at, etag, last_modified = orjson.loads(head[:HEAD_BYTES])
    except (ValueError, TypeError):
        raise UnusableEntry("not of this format") from None
    if told != path:
        raise UnusableEntry("of another path")
    return restore(path, at, etag, last_modified, body, max_bytes)
