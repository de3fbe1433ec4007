"""The loaders of one request: documents by path, batched by tick, and lists read by pages.

Within a request a path is loaded once, and `current` means one release from the first look to the last.
"""

import asyncio
from collections.abc import Awaitable, Callable

from aiodataloader import DataLoader

from graphql_api import routes
from graphql_api.errors import ReleaseNotFound, UpstreamInvalidResponse, UpstreamNotFound
from graphql_api.hal import Document, Page, href, is_release, items, page, parse_link
from graphql_api.store import Store

CURRENT = "current"


class Loaders:
    """What the resolvers of one request load with. Made inside the request: aiodataloader keeps the running loop."""

    def __init__(self, store: Store, page_size: int) -> None:
        self._store = store
        self._documents: DataLoader[str, Document] = DataLoader(self._load_batch)  # type: ignore[arg-type]  # exceptions too
        self.page_size = page_size

    async def _load_batch(self, paths: list[str]) -> list[Document | Exception]:
        found = await self._store.get_many(paths)
        return [found[path] for path in paths]

    def load(self, path: str) -> Awaitable[Document]:
        """The document at a path; awaiting it raises one of our errors where there is none."""
        return self._documents.load(path)

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
            return number == await self._current()
        return True

    def listing(self, path: str, paged: bool = True) -> "Listing":
        """The list at a path (without a query), for reading parts of it."""
        return Listing(self.load, path, paged, self.page_size)


class Listing:
    """A list document and its further pages, read as one sequence; only the pages that are needed are loaded."""

    def __init__(self, load: Callable[[str], Awaitable[Document]], path: str, paged: bool, size: int) -> None:
        self._load = load
        self._path = path
        self._paged = paged
        self._size = size

    async def page(self) -> Page:
        """Sizes, from the first page: upstream may give fewer items a page than were asked for."""
        return page(await self._load_page(0))

    async def part(self, start: int, stop: int) -> list[Document]:
        """The items from `start` up to `stop`, fewer where the list ends before."""
        size, total, _ = await self.page()
        stop = min(stop, total)
        if stop <= start or size == 0:
            return []
        first, last = start // size, (stop - 1) // size
        pages = await asyncio.gather(*map(self._load_page, range(first, last + 1)))
        found = [item for each in pages for item in items(each)]
        return found[start - first * size : stop - first * size]

    async def all(self) -> list[Document]:
        """Every item."""
        return await self.part(0, (await self.page()).total)

    def _load_page(self, number: int) -> Awaitable[Document]:
        # A list that is not known to be paged may be so all the same: then its further pages are asked for.
        paged = self._paged or number > 0
        return self._load(f"{self._path}?page={number}&size={self._size}" if paged else self._path)


def number_of(document: Document) -> str | None:
    """The number of the release that a document belongs to, from its own link or those of its items, else from its keys."""
    for linked in (document, *items(document)):
        link = parse_link(href(linked, "self"))
        if link is not None and link.release != CURRENT:
            return link.release
    told = document.get("number", document.get("releaseNumber"))
    return told if isinstance(told, str) and is_release(told) and told != CURRENT else None
