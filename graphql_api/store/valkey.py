"""The Valkey backend: compressed documents shared by replicas, each fetched by one replica at a time.

The replica that fetches holds a lease; the others wait for its result, at most until the lease expires.
"""

import asyncio
import logging
import secrets
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, NamedTuple

import orjson

from graphql_api.store.entry import UnusableEntry, pack, report, restore
from graphql_api.store.freshness import CacheEntry
from graphql_api.store.memory import Memory
from graphql_api.store.write_behind import PENDING_BYTES, WriteBehindQueue
from graphql_api.upstream.valkey import Shared

if TYPE_CHECKING:
    from valkey.asyncio import Valkey

log = logging.getLogger(__name__)

POLL_INTERVAL = 0.02
"""Seconds between polls for the result of another replica's fetch."""

FORMAT = 2
"""Version of the entry format: a line of JSON with path, time and validators, then the packed document."""
MAX_KEYS = 100
"""Maximum documents read in one round trip."""
MAX_REPLY_BYTES = 8_000_000
"""Maximum bytes of documents in one round trip, unless its first document is larger; the next round trip continues."""
MAX_HEADER_BYTES = 4_000
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
_RELEASE_LEASE = "if redis.call('get', KEYS[1]) == ARGV[1] then return redis.call('del', KEYS[1]) else return 0 end"


class _Lease(NamedTuple):
    """The result of a poll: the lease, the document, or neither yet."""

    is_held: bool
    entry: CacheEntry | None = None


class ValkeyStore:
    """Documents by path, with a TTL of `ttl` seconds; the Valkey server itself bounds the total size.

    A fetch lease lasts `lease` seconds, which is longer than a fetch may take.
    """

    uses_leases = True

    def __init__(self, shared: Shared, ttl: float, lease: float = 8.0, document_bytes: int = 2_000_000) -> None:
        self._shared = shared
        self._ttl = max(1, int(ttl))
        self._lease_seconds = lease
        self._document_bytes = document_bytes
        self._queue = WriteBehindQueue(self._write, Memory(PENDING_BYTES))
        self._writes_fail = False

    async def get_many(self, paths: Iterable[str]) -> dict[str, CacheEntry]:
        """Read the stored entries among these paths, up to MAX_KEYS in a round trip."""
        unread = list(paths)
        entries = self._queue.pending(unread)
        while unread:
            keys = [self._document(path) for path in unread[:MAX_KEYS]]
            values = await self._shared.eval(_READ, keys, self._bounds())
            if not values:
                break
            entries = await self._decoded(dict(zip(unread, values, strict=False))) | entries
            unread = unread[len(values) :]
        return entries

    def _bounds(self) -> tuple[int, int]:
        return self._document_bytes + MAX_HEADER_BYTES, MAX_REPLY_BYTES

    async def _decoded(self, values: Mapping[str, bytes | int | None]) -> dict[str, CacheEntry]:
        """Decode the usable values, by path. Runs in a thread, because inflating and parsing many documents is slow."""
        stored = {path: value for path, value in values.items() if value is not None}
        return await asyncio.to_thread(_decode_all, stored, self._document_bytes) if stored else {}

    def put(self, path: str, entry: CacheEntry) -> None:
        """Queue a document; it is written soon, in a batch."""
        self._queue.put(path, entry)

    async def _write(self, batch: dict[str, CacheEntry]) -> None:
        await self._shared.run(lambda server: self._set_all(server, batch), None)

    async def _set_all(self, server: "Valkey", batch: dict[str, CacheEntry]) -> None:
        entries = await asyncio.to_thread(_encode_all, batch)
        async with server.pipeline(transaction=False) as pipe:
            for path, entry in entries.items():
                pipe.set(self._document(path), entry, ex=self._ttl)
            self._log_refusal(await pipe.execute(raise_on_error=False))

    def _log_refusal(self, results: list[object]) -> None:
        """Log once that the server accepts no writes; one that is full or read-only still serves reads."""
        refusal = next((result for result in results if isinstance(result, Exception)), None)
        if refusal is not None and not self._writes_fail:
            log.warning("the Valkey server accepts no documents (%s)", type(refusal).__name__)
        self._writes_fail = refusal is not None

    @asynccontextmanager
    async def fetch_lease(self, path: str, is_usable: Callable[[CacheEntry], bool]) -> AsyncIterator[CacheEntry | None]:
        """Hold the fetch lease of a path: yields None to the replica that holds it.

        The others wait for its result and get that entry once it is usable. If the server is unreachable, all callers get None.
        """
        token = secrets.token_hex(8)
        lease = await self._acquire(path, token, is_usable)
        try:
            yield lease.entry
        finally:
            if lease.is_held:
                await self._release(path, token)

    async def _acquire(self, path: str, token: str, is_usable: Callable[[CacheEntry], bool]) -> _Lease:
        alone = _Lease(True)
        loop = asyncio.get_running_loop()
        until = loop.time() + self._lease_seconds
        while True:
            # A lease that outlives its time was not written by this code: another type, or no expiry. Overwrite it.
            by_force = loop.time() > until
            lease = await self._shared.run(lambda server: self._lease_or_read(server, path, token, by_force), alone)  # noqa: B023
            if lease.entry is not None and is_usable(lease.entry):
                return lease
            if lease.is_held:
                return alone
            await asyncio.sleep(POLL_INTERVAL)

    async def _lease_or_read(self, server: "Valkey", path: str, token: str, by_force: bool) -> _Lease:
        async with server.pipeline(transaction=False) as pipe:
            pipe.set(self._lease(path), token, nx=not by_force, px=max(1, int(self._lease_seconds * 1000)))
            pipe.eval(_READ, 1, self._document(path), *map(str, self._bounds()))
            is_held, values = await pipe.execute()
        entries = await self._decoded(dict(zip([path], values, strict=False)))
        return _Lease(bool(is_held), entries.get(path))

    async def _release(self, path: str, token: str) -> None:
        await asyncio.shield(self._queue.flush())  # the result must be readable before the lease is free
        await self._shared.eval(_RELEASE_LEASE, [self._lease(path)], [token])

    def _document(self, path: str) -> str:
        return self._shared.key(f"document{FORMAT}", path)

    def _lease(self, path: str) -> str:
        return self._shared.key("lease", path)

    async def aclose(self) -> None:
        """Flush pending writes."""
        await self._queue.flush()


def _encode_all(batch: Mapping[str, CacheEntry]) -> dict[str, bytes]:
    return {path: encode(path, entry) for path, entry in batch.items()}


def _decode_all(values: Mapping[str, bytes | int], max_bytes: int) -> dict[str, CacheEntry]:
    entries: dict[str, CacheEntry] = {}
    unusable: dict[str, Exception | str] = {}
    for path, value in values.items():
        try:
            entries[path] = decode(path, value, max_bytes)
        except UnusableEntry as error:
            unusable[path] = error
    report(unusable)
    return entries


def encode(path: str, entry: CacheEntry) -> bytes:
    """Serialise an entry."""
    return orjson.dumps((path, entry.at, *entry.validators)) + b"\n" + pack(entry.document)


def decode(path: str, value: object, max_bytes: int) -> CacheEntry:
    """Deserialise an entry. Raises UnusableEntry if it has another format or belongs to another path."""
    if not isinstance(value, bytes):
        raise UnusableEntry("of another type, or of too many bytes")
    header, _, body = value.partition(b"\n")
    try:
        stored_path, at, etag, last_modified = orjson.loads(header[:MAX_HEADER_BYTES])
    except (ValueError, TypeError):
        raise UnusableEntry("not of this format") from None
    if stored_path != path:
        raise UnusableEntry("of another path")
    return restore(path, at, etag, last_modified, body, max_bytes)
