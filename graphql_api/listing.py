"""A list document and its further pages, read as one sequence."""

import asyncio
from collections.abc import Awaitable, Callable

from graphql_api.hal import Document, Page, items, page


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
