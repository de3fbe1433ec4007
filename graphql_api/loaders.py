"""The loaders of one request: documents by path and index look-ups, batched by tick.

Within a request a path is loaded once, and `current` means one release from the first look to the last.
"""

import asyncio
import sqlite3
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

from aiodataloader import DataLoader

from graphql_api import routes
from graphql_api.errors import ReleaseNotFound, UpstreamInvalidResponse, UpstreamNotFound
from graphql_api.fetching import Asker
from graphql_api.hal import Document, href, is_release, items, parse_link
from graphql_api.index import Index, Indexes
from graphql_api.listing import Listing
from graphql_api.store import Store

CURRENT = "current"
_MOVING = (routes.RELEASES.path(), routes.RELEASE.path(CURRENT))
_BELOW_CURRENT = f"{routes.RELEASE.path(CURRENT)}/"


Question = Callable[[sqlite3.Connection, Sequence[Any]], Mapping[Any, Any]]
"""A question to an index about several things at once: what is not in the answer has none."""


class Loaders:
    """What the resolvers of one request load with. Made inside the request: aiodataloader keeps the running loop."""

    def __init__(self, store: Store, indexes: Indexes, page_size: int, asker: Asker) -> None:
        self.asker = asker
        self._store = store
        self._indexes = indexes
        self._lookups: DataLoader[tuple[str, Question, Any], Any] = DataLoader(self._look_up_batch)
        self._documents: DataLoader[str, Document] = DataLoader(self._load_batch)  # type: ignore[arg-type]  # exceptions too
        self._batches: set[asyncio.Task[Any]] = set()
        self.page_size = page_size

    async def _load_batch(self, paths: list[str]) -> list[Document | Exception]:
        batch = asyncio.current_task()
        assert batch is not None  # DataLoader makes one for each batch
        self._batches.add(batch)
        try:
            found = await self._store.get_many(paths, self.asker)
        finally:
            self._batches.discard(batch)
        return [found[path] for path in paths]

    def close(self) -> None:
        """End what is still being loaded: the request is over, and nobody waits for it."""
        for batch in self._batches:
            batch.cancel()

    def load(self, path: str) -> Awaitable[Document]:
        """The document at a path; awaiting it raises one of our errors where there is none."""
        self.asker.moving |= path.partition("?")[0] in _MOVING or path.startswith(_BELOW_CURRENT)
        return self._documents.load(path)

    async def index(self, number: str) -> Index:
        """The index of a release; raises NotIndexedYet where it is not there yet, ReleaseNotFound where it never will be."""
        if not self._indexes.has(number) and not await self.release_exists(number):
            raise ReleaseNotFound
        return await self._indexes.get(number)

    def is_indexed(self, number: str) -> bool:
        """Whether the index of this release is at hand, so that nothing has to be waited for."""
        return self._indexes.has(number)

    def look_up(self, number: str, question: Question, key: Any) -> Awaitable[Any]:
        """The answer about one thing, asked together with those about its siblings; None where there is none."""
        return self._lookups.load((number, question, key))

    async def _look_up_batch(self, keys: list[tuple[str, Question, Any]]) -> list[Any]:
        asked: dict[tuple[str, Question], list[Any]] = {}
        for number, question, key in keys:
            asked.setdefault((number, question), []).append(key)
        answers = await asyncio.gather(*(self._ask(*each) for each in asked.items()), return_exceptions=True)
        found = dict(zip(asked, answers, strict=True))
        return [
            each if isinstance(each := found[number, question], BaseException) else each.get(key)
            for number, question, key in keys
        ]

    async def _ask(self, of: tuple[str, Question], keys: list[Any]) -> Mapping[Any, Any]:
        number, question = of
        return await (await self.index(number)).ask(question, keys)

    async def release_number(self, release: str) -> str:
        """The number of a release: `current` is looked up, a number stays as it is, whether it exists or not."""
        if not is_release(release):
            raise ReleaseNotFound
        return await self._current() if release == CURRENT else release

    async def _current(self) -> str:
        try:
            document = await self.load(routes.RELEASE.path(CURRENT))
        except UpstreamNotFound:
            # That route is only assumed; the list of soft skills is a seen one, and its links tell the number too.
            document = await self.load(routes.SOFT_SKILLS.path(CURRENT))
        number = number_of(document)
        if number is None:
            raise UpstreamInvalidResponse(detail="the current release does not tell its number")
        return number

    async def release_exists(self, number: str) -> bool:
        """Whether Competent serves a release of this number."""
        try:
            await self.load(routes.RELEASE.path(number))
        except UpstreamNotFound:
            # That route is only assumed: the list of releases, and the current one, may know better.
            return number in await self._listed_numbers() or number == await self._current()
        return True

    async def _listed_numbers(self) -> set[str | None]:
        try:
            return set(map(number_of, await self.listing(routes.RELEASES.path(), paged=False).all()))
        except UpstreamNotFound:
            return set()

    def listing(self, path: str, paged: bool = True) -> Listing:
        """The list at a path (without a query), for reading parts of it."""
        return Listing(self.load, path, paged, self.page_size)


def number_of(document: Document) -> str | None:
    """The number of the release that a document belongs to, from its own link or those of its items, else from its keys."""
    for linked in (document, *items(document)):
        link = parse_link(href(linked, "self"))
        if link is not None and link.release != CURRENT:
            return link.release
    told = document.get("number", document.get("releaseNumber"))
    return told if isinstance(told, str) and is_release(told) and told != CURRENT else None
