"""Fakes for tests of the store: a controllable upstream, a clock, and places that can be reopened."""

import asyncio
from collections.abc import Callable
from typing import Any, Protocol

import orjson

from graphql_api.competent.fetch import Fetched, Validators
from graphql_api.competent.hal import Document
from graphql_api.competent.normalise import normalise
from graphql_api.observability.fetch_context import FetchContext
from graphql_api.store import Backend, Store
from graphql_api.store.freshness import CacheEntry, FreshnessPolicy
from graphql_api.store.memory import Memory

SHELF = FreshnessPolicy(numbered=1000, moving=10, stale=5000)
UUID = "0005c397-6f9c-51be-a855-308956b1b950"
PROFILE = f"/releases/3.11/occupationalprofiles/{UUID}"
OTHER = PROFILE.replace("0005c397", "00d33eba")
CURRENT = "/releases/current"


def profile(number: int) -> str:
    """The path of a profile; each number has its own."""
    return PROFILE.replace("0005c397", f"{number:08x}")


NONE = Validators()


def entry_of(path: str, at: float = 1.0, validators: Validators = NONE, **raw: Any) -> CacheEntry:
    """The cache entry of a raw document at a path."""
    document = normalise(path, {"id": path[-36:], **raw})
    return CacheEntry(document, at, len(orjson.dumps(document)), validators)


class Clock:
    """A clock that a test sets."""

    def __init__(self) -> None:
        self.now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


class Upstream:
    """Records its requests; responds once it is released.

    `documents` has raw documents by path. All others contain the version; with `versioned` they have an ETag, which gets 304.
    """

    def __init__(self, versioned: bool = False) -> None:
        self.requests: list[tuple[str, FetchContext, Validators]] = []
        self.released = asyncio.Event()
        self.released.set()
        self.error: Exception | None = None
        self.version = 0
        self.versioned = versioned
        self.cancelled = 0
        self.documents: dict[str, Document] = {}

    @property
    def paths(self) -> list[str]:
        """The requested paths in order."""
        return [path for path, _, _ in self.requests]

    async def fetch(self, path: str, context: FetchContext, validators: Validators) -> Fetched:
        """Same interface as `graphql_api.upstream.Upstream.fetch`."""
        self.requests.append((path, context, validators))
        try:
            await self.released.wait()
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        if self.error:
            raise self.error
        own = Validators(f'"{self.version}"', "Wed, 01 Jul 2026 00:00:00 GMT") if self.versioned else Validators()
        unchanged = validators.etag is not None and validators.etag == own.etag
        document = None if unchanged else self.raw(path, self.version)
        return Fetched(document, own, size=len(orjson.dumps(self.document(path))))

    def raw(self, path: str, version: int) -> Document:
        """The HAL document of a path in a version."""
        said = {"id": path[-36:], "code": f"{version}"} if "profiles/" in path else {"number": f"3.{version}"}
        return self.documents.get(path, said)

    def document(self, path: str, version: int | None = None) -> Document:
        """The normalised document of a path in a version, by default the current one."""
        return normalise(path, self.raw(path, self.version if version is None else version))

    async def until(self, count: int) -> None:
        """Wait until `count` calls have started."""
        while len(self.requests) < count:
            await asyncio.sleep(0)


class Opened:
    """A store over a place, as seen by one process."""

    def __init__(self, upstream: Upstream, clock: Clock, memory: Memory, backend: Backend | None) -> None:
        self.upstream = upstream
        self.memory = memory
        self.backend = backend
        self.store = Store(upstream.fetch, SHELF, memory, backend, clock, not_found_ttl=60)

    async def ask(self, *paths: str, context: FetchContext | None = None) -> list[Document | Exception]:
        """The documents or errors for these paths."""
        documents = await self.store.get_many(paths, context or FetchContext())
        return [documents[path] for path in paths]


class Location(Protocol):
    """A place that stores documents; stores opened there are closed at the end of the test."""

    shared: bool
    """True if stores that open the same place, also later, see each other's documents."""

    def open(self) -> Opened:
        """Open the place as another process would, with the same upstream and clock."""


OpenBackend = Callable[[str], Backend]
"""Opens a backend for the documents of an origin."""
