"""The crawler: reads all documents of a release and fills its index.

Each document is loaded once, through the store that requests use. A crawl that was interrupted resumes where it stopped. A
document that fails is recorded as missing, and the crawl continues.
"""

import asyncio
import logging
import sqlite3
import time
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import NamedTuple

from graphql_api.competent import routes
from graphql_api.competent.declarations import CONCEPT_TYPES, OCCUPATIONAL_PROFILE, TECHNICAL_COMPETENCE, ConceptType
from graphql_api.competent.hal import Document
from graphql_api.competent.pagination import Listing
from graphql_api.errors import UpstreamError, UpstreamInvalidResponse, UpstreamNotFound
from graphql_api.index.indexer import Indexer
from graphql_api.index.part import PartProgress, write_crawl
from graphql_api.index.tables import SEARCHED

log = logging.getLogger(__name__)

Load = Callable[[str], Awaitable[Document]]

COMMIT_ROWS = 1_000
"""Rows after which documents are committed: some milliseconds of the event loop."""
SLICE = 1_000
"""List items per turn of the event loop: three milliseconds."""
COMMIT_AFTER = 2.0
"""Seconds after which documents are committed, even if they are fewer: other processes see what is committed."""

_CRAWLED = [type for type in reversed(CONCEPT_TYPES) if type.route and type.collection and not type.is_block]
"""Types whose whole documents are crawled; embedded types come first, so that nothing has to be completed later."""
_LISTED = [type for type in CONCEPT_TYPES if type.collection and type.is_block]
"""Types whose list items are complete."""


class CrawlLimit(NamedTuple):
    """A limit of calls: at most `documents` are fetched in any period of `seconds`."""

    documents: int
    seconds: float


@dataclass(slots=True)
class CrawlProgress:
    """Progress of a crawl, in documents. `total` is 0 until the lists are read; `before` counts those of earlier crawls.

    `began`: when `total` became known, a time of `time.monotonic`. `limit`: that of fetched documents; None if there is none.
    """

    before: int = 0
    done: int = 0
    total: int = 0
    began: float = 0.0
    limit: CrawlLimit | None = None

    def start(self, done: int, total: int) -> None:
        """Set the numbers with which this process begins to crawl."""
        self.before = self.done = done
        self.total, self.began = total, time.monotonic()

    def follow(self, other: PartProgress) -> None:
        """Set the numbers of the process that crawls."""
        self.done, self.total, self.before, _ = other
        self.began = time.monotonic() - max(time.time() - other.began, 0)

    @property
    def remaining(self) -> float | None:
        """Seconds until all documents are read, at the mean pace so far, within the limit; None while that is unknown."""
        crawled, left = self.done - self.before, max(self.total - self.done, 0)
        if not self.total or (crawled <= 0 and left):
            return None
        passed = time.monotonic() - self.began
        return max(left * passed / max(crawled, 1), self._until_last_period(crawled, left, passed))

    def _until_last_period(self, crawled: int, left: int, passed: float) -> float:
        """Seconds until the period in which the last document can be fetched; 0 if the limit does not slow the crawl down.

        A crawl uses up the limit in the first seconds of a period, so that its mean pace is too high for the rest of it.
        """
        if self.limit is None or not left or crawled > self.limit.documents * (1 + passed // self.limit.seconds):
            return 0.0  # more documents than the limit allows came from the store
        return (crawled + left - 1) // self.limit.documents * self.limit.seconds - passed

    @property
    def share(self) -> float:
        """The fraction done, from 0 to 1."""
        return self.done / self.total if self.total else 0.0


class Crawler:
    """One crawl of one release, with `concurrency` workers."""

    def __init__(
        self,
        connection: sqlite3.Connection,
        load: Load,
        release: str,
        page_size: int,
        concurrency: int,
        progress: CrawlProgress,
    ) -> None:
        self._connection = connection
        self._indexer = Indexer(connection)
        self._load = load
        self._release = release
        self._page_size = page_size
        self._concurrency = concurrency
        self.progress = progress
        self._committed = time.monotonic()

    async def run(self) -> None:
        """Crawl the whole release. Raises an UpstreamError if the lists cannot be read."""
        lists: dict[ConceptType, list[Document]] = {}
        for type in _CRAWLED:
            lists[type] = await self._list(type, lists)
        for type in _LISTED:
            with suppress(UpstreamNotFound):  # profiles embed those that they use
                for item in await self._items(type):
                    await self._listed(type, item)
        paths = await self._paths(lists)
        done = {path for (path,) in self._connection.execute("SELECT path FROM crawled")}
        self.progress.start(len(done), len(paths))
        write_crawl(self._connection, len(paths), len(done))
        try:
            await self._walk((path, type) for path, type in paths.items() if path not in done)
        finally:
            self._indexer.commit()  # also if the crawl is cancelled

    async def _paths(self, lists: Mapping[ConceptType, Sequence[Document]]) -> dict[str, ConceptType]:
        """The paths of the documents of all list items, with their types."""
        paths: dict[str, ConceptType] = {}
        for type, items in lists.items():
            assert type.route is not None, "types of _CRAWLED have one"
            for start in range(0, len(items), SLICE):
                ids = (item["id"] for item in items[start : start + SLICE] if "id" in item)
                paths |= {type.route.path(self._release, id): type for id in ids}
                await asyncio.sleep(0)  # yield to the event loop
        return paths

    async def _list(self, type: ConceptType, lists: Mapping[ConceptType, list[Document]]) -> list[Document]:
        """The list items of a type. The list of profiles may not exist; the fallback is the profiles that use a competence."""
        try:
            return await self._items(type)
        except UpstreamNotFound as error:
            if type is not OCCUPATIONAL_PROFILE:
                raise UpstreamInvalidResponse(detail=f"the release has no list of {type.plural}") from error
        return await self._profiles_in_use(lists[TECHNICAL_COMPETENCE])

    async def _profiles_in_use(self, competences: list[Document]) -> list[Document]:
        """The items of all profiles that use a competence, from the list of each competence."""
        log.warning("release %s has no list of profiles; looking up the profiles of each competence", self._release)
        profiles: dict[str, Document] = {}
        lists = 0
        todo = (item["id"] for item in competences if "id" in item)

        async def list_profiles() -> None:
            nonlocal lists
            for uuid in todo:
                path = routes.USED_IN_PROFILES.path(self._release, uuid)
                with suppress(UpstreamNotFound):
                    for item in await Listing(self._load, path, False, self._page_size).all():
                        if "id" in item:
                            profiles.setdefault(item["id"], item)
                    lists += 1

        await self._run_workers(list_profiles)
        if competences and not lists:
            raise UpstreamInvalidResponse(detail="the release has no list of profiles, and none by competence either")
        return list(profiles.values())

    async def _listed(self, type: ConceptType, item: Document) -> None:
        self._indexer.add(type, item)
        uuid = item.get("id")
        if uuid and type.route is not None and not all(map(item.get, ("code", *SEARCHED[type]))):
            # The route may not exist; documents that embed the concept may complete it too.
            with suppress(UpstreamError):
                self._indexer.add(type, await self._load(type.route.path(self._release, uuid)))

    async def _items(self, type: ConceptType) -> list[Document]:
        assert type.collection is not None
        return await Listing(self._load, type.collection.path(self._release), True, self._page_size).all()

    async def _walk(self, left: Iterable[tuple[str, ConceptType]]) -> None:
        todo = iter(left)
        await self._run_workers(lambda: self._work(todo))

    async def _run_workers(self, work: Callable[[], Coroutine[object, None, None]]) -> None:
        """Run `work` in concurrent workers; if one fails, the others are cancelled."""
        workers = [asyncio.create_task(work()) for _ in range(self._concurrency)]
        try:
            await asyncio.gather(*workers)
        finally:
            for worker in workers:
                worker.cancel()

    async def _work(self, todo: Iterator[tuple[str, ConceptType]]) -> None:
        for path, type in todo:
            try:
                document = await self._load(path)
            except UpstreamError as error:
                self._failed(path, error)
            else:
                self._indexer.add(type, document)
                self._indexer.mark_crawled(path)
                self.progress.done += 1
                self._commit_if_due()
            await asyncio.sleep(0)  # with the sandbox, loading does not suspend: yield to the event loop

    def _commit_if_due(self) -> None:
        if self._indexer.buffered >= COMMIT_ROWS or time.monotonic() > self._committed + COMMIT_AFTER:
            self._indexer.commit()
            self._committed = time.monotonic()

    def _failed(self, path: str, error: UpstreamError) -> None:
        log.warning("indexing release %s without %s: %s", self._release, path, error.code)
        self._indexer.mark_missing(path, error.code)
