"""A list document and its further pages, read as one sequence.

What a list says of itself is believed as far as it goes: a total, a size, the number of its first page, a next page.
"""

from collections.abc import Awaitable, Callable

from graphql_api.asyncio_tools import all_of
from graphql_api.competent.hal import Document, Page, href, items, page, tells_total
from graphql_api.errors import UpstreamInvalidResponse, UpstreamNotFound, UpstreamRefused

MOST_PAGES = 1000
"""Pages that are read for one question; a list that says it has more says something wrong."""


class Listing:
    """A list document and its further pages, read as one sequence; only the pages that are needed are loaded."""

    def __init__(self, load: Callable[[str], Awaitable[Document]], path: str, paged: bool, size: int) -> None:
        self._load = load
        self._path = path
        self._paged = paged
        self._size = size
        self._from = 0
        self._first: Document | None = None
        self._whole: list[Document] | None = None
        self._told: Page | None = None

    async def page(self) -> Page:
        """Sizes, from the first page: upstream may give fewer items a page than were asked for."""
        if self._told is None:
            self._first = await self._open()
            if not tells_total(self._first):
                self._whole = await self._read_on(self._first)
                self._told = Page(len(self._whole), len(self._whole))
            elif self._told is None:
                self._told = page(self._first)
        return self._told

    async def part(self, start: int, stop: int) -> list[Document]:
        """The items from `start` up to `stop`, fewer where the list ends before."""
        return (await self.loaded(start, stop))()

    async def loaded(self, start: int, stop: int) -> Callable[[], list[Document]]:
        """The same, with all loaded that it takes and nothing read of it yet."""
        size, total, _ = await self.page()
        stop = min(stop, total)
        if stop <= start or size == 0:
            return list
        if self._whole is not None:
            whole = self._whole
            return lambda: whole[start:stop]
        numbers = range(start // size, (stop - 1) // size + 1)
        if len(numbers) > MOST_PAGES:
            raise UpstreamInvalidResponse(detail=f"a list of {total} items in pages of {size}")
        pages = list(zip(numbers, await self._pages(numbers), strict=True))
        # By their places: a page that is short does not move the items of the next one.
        return lambda: [
            item
            for number, each in pages
            for item in items(each)[:size][max(start - number * size, 0) : max(stop - number * size, 0)]
        ]

    async def all(self) -> list[Document]:
        """Every item."""
        return await self.part(0, (await self.page()).total)

    async def _open(self) -> Document:
        """The first page, and whether pages are counted from 0 or from 1."""
        if not self._paged:
            found = await self._load(self._path)
            if not _goes_on(found):
                return found
            self._paged = True  # a list that was not known to be paged is so all the same
        try:
            found = await self._ask(0)
        except UpstreamRefused:
            self._from = 1
            return await self._ask(0)
        told = page(found)
        self._from = 1 if told.number == 1 else 0
        self._told = told
        return found

    async def _read_on(self, first: Document) -> list[Document]:
        """All items of a list that does not say how many they are: page by page, as long as they go on."""
        found, last = items(first), first
        for number in range(1, MOST_PAGES):
            # Where nothing is told, only a page without items, or the same one again, is the end.
            if not items(last) or not (self._paged or _goes_on(last)):
                return found
            last, before = await self._ask_on(number), last
            if number == 1 and items(last) == items(before):
                self._from = 1  # pages may be counted from 1, with the first page at 0 too
                last = await self._ask_on(number)
            if items(last) == items(before):  # the whole list, or the last page, whichever page is asked for
                return found
            found = found + items(last)
        raise UpstreamInvalidResponse(detail=f"a list of more than {MOST_PAGES} pages")

    async def _pages(self, numbers: range) -> list[Document]:
        pages = await self._ask_all(numbers)
        if self._from == 0 and any(
            number > 0 and page(each).number == number - 1 for number, each in zip(numbers, pages, strict=True)
        ):
            self._from = 1  # asked from 1 and told from 0
            pages = await self._ask_all(numbers)
        return pages

    async def _ask_all(self, numbers: range) -> list[Document]:
        assert self._first is not None
        later = [number for number in numbers if number > 0]
        found = await all_of(map(self._ask, later))
        return found if len(later) == len(numbers) else [self._first, *found]

    async def _ask_on(self, number: int) -> Document:
        try:
            return await self._ask(number)
        except (UpstreamNotFound, UpstreamRefused):
            return {}  # beyond the last page

    def _ask(self, number: int) -> Awaitable[Document]:
        paged = self._paged or number > 0
        return self._load(f"{self._path}?page={number + self._from}&size={self._size}" if paged else self._path)


def _goes_on(document: Document) -> bool:
    """Whether a list says that there is more than it holds."""
    return page(document).total > len(items(document)) if tells_total(document) else href(document, "next") is not None
