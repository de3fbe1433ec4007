"""A list document and its further pages, read as one sequence."""

import asyncio
from collections.abc import Awaitable, Callable

from graphql_api.errors import UpstreamInvalidResponse
from graphql_api.hal import Document, Page, items, page

MOST_PAGES = 1000
"""Pages that are read for one question; a list that says it has more says something wrong."""


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
        size, total = await self.page()
        stop = min(stop, total)
        if stop <= start or size == 0:
            return []
        numbers = range(start // size, (stop - 1) // size + 1)
        if len(numbers) > MOST_PAGES:
            raise UpstreamInvalidResponse(detail=f"a list of {total} items in pages of {size}")
        pages = await asyncio.gather(*map(self._load_page, numbers))
        # By their places: a page that is short does not move the items of the next one.
        placed = (
            (number * size + place, item)
            for number, each in zip(numbers, pages, strict=True)
            for place, item in enumerate(items(each)[:size])
        )
        return [item for place, item in placed if start <= place < stop]

    async def all(self) -> list[Document]:
        """Every item."""
        return await self.part(0, (await self.page()).total)

    def _load_page(self, number: int) -> Awaitable[Document]:
        # A list that is not known to be paged may be so all the same: then its further pages are asked for.
        paged = self._paged or number > 0
        return self._load(f"{self._path}?page={number}&size={self._size}" if paged else self._path)
