"""A list document and its further pages, read as one sequence.

What a list says of itself is believed as far as it goes: a total, a size, the number of its first page, a next page.
"""

from collections.abc import Awaitable, Callable

from graphql_api.asyncio_tools import all_of
from graphql_api.competent.hal import Document, Page
from graphql_api.competent.normalise import EMPTY_LIST
from graphql_api.errors import UpstreamInvalidResponse, UpstreamNotFound, UpstreamRefused

MAX_PAGES = 1000
"""Pages that one listing reads; a list that claims to have more is wrong."""


class Listing:
    """A list document and its further pages, read as one sequence; only the pages that are needed are loaded.

    `load` gives normalised documents.
    """

    def __init__(self, load: Callable[[str], Awaitable[Document]], path: str, paged: bool, page_size: int) -> None:
        self._load = load
        self._path = path
        self._paged = paged
        self._page_size = page_size
        self._first_number = 0
        self._first: Document = EMPTY_LIST
        self._all: list[Document] | None = None
        self._sizes: Page | None = None

    async def page(self) -> Page:
        """Sizes, from the first page: upstream may give fewer items a page than were asked for."""
        if self._sizes is None:
            self._first = first = await self._open()
            if first["total"] is None:
                self._all = await self._read_on(first)
                self._sizes = Page(len(self._all), len(self._all))
            else:
                self._sizes = Page(first["size"], first["total"], first["number"])
        return self._sizes

    async def part(self, start: int, stop: int) -> list[Document]:
        """The items from `start` up to `stop`, fewer if the list ends before."""
        return (await self.loaded(start, stop))()

    async def loaded(self, start: int, stop: int) -> Callable[[], list[Document]]:
        """The same, with everything loaded that it takes and nothing read of it yet."""
        size, total, _ = await self.page()
        stop = min(stop, total)
        if stop <= start or size == 0:
            return list
        if self._all is not None:
            items = self._all
            return lambda: items[start:stop]
        numbers = range(start // size, (stop - 1) // size + 1)
        if len(numbers) > MAX_PAGES:
            raise UpstreamInvalidResponse(detail=f"a list of {total} items in pages of {size}")
        pages = list(zip(numbers, await self._pages(numbers), strict=True))
        # By their places: a page that is short does not move the items of the next one.
        return lambda: [
            item
            for number, page in pages
            for item in page["items"][:size][max(start - number * size, 0) : max(stop - number * size, 0)]
        ]

    async def all(self) -> list[Document]:
        """Every item."""
        return await self.part(0, (await self.page()).total)

    async def _open(self) -> Document:
        """The first page, and whether pages are counted from 0 or from 1."""
        if not self._paged:
            document = await self._load(self._path)
            if not _goes_on(document):
                return document
            self._paged = True  # a list that was not known to be paged is so all the same
        try:
            document = await self._load_page(0)
        except UpstreamRefused:
            self._first_number = 1
            return await self._load_page(0)
        self._first_number = 1 if document["number"] == 1 else 0
        return document

    async def _read_on(self, first: Document) -> list[Document]:
        """All items of a list that does not say how many they are: page by page, as long as they go on."""
        items: list[Document] = list(first["items"])
        last = first
        for number in range(1, MAX_PAGES):
            # If no total is said, only a page without items, or the same one again, is the end.
            if not last["items"] or not (self._paged or _goes_on(last)):
                return items
            last, before = await self._page_or_end(number), last
            if number == 1 and last["items"] == before["items"]:
                self._first_number = 1  # pages may be counted from 1, with the first page at 0 too
                last = await self._page_or_end(number)
            if last["items"] == before["items"]:  # the whole list, or the last page, whichever page is asked for
                return items
            items += last["items"]
        raise UpstreamInvalidResponse(detail=f"a list of more than {MAX_PAGES} pages")

    async def _pages(self, numbers: range) -> list[Document]:
        pages = await self._load_pages(numbers)
        if self._first_number == 0 and any(
            number > 0 and page["number"] == number - 1 for number, page in zip(numbers, pages, strict=True)
        ):
            self._first_number = 1  # asked from 1 and counted from 0
            pages = await self._load_pages(numbers)
        return pages

    async def _load_pages(self, numbers: range) -> list[Document]:
        later = [number for number in numbers if number > 0]
        pages = await all_of(map(self._load_page, later))
        return pages if len(later) == len(numbers) else [self._first, *pages]

    async def _page_or_end(self, number: int) -> Document:
        try:
            return await self._load_page(number)
        except (UpstreamNotFound, UpstreamRefused):
            return EMPTY_LIST  # beyond the last page

    def _load_page(self, number: int) -> Awaitable[Document]:
        paged = self._paged or number > 0
        return self._load(
            f"{self._path}?page={number + self._first_number}&size={self._page_size}" if paged else self._path
        )


def _goes_on(document: Document) -> bool:
    """Whether a list says that there is more than it holds."""
    total: int | None = document["total"]
    more: bool = document["more"]
    return more if total is None else total > len(document["items"])
