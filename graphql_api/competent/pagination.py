"""Pagination: a list document and its further pages, read as one sequence.

Uses what the list states, if anything: total, page size, number of the first page, link to a next page.
"""

from collections.abc import Awaitable, Callable

from graphql_api.asyncio_tools import gather_started
from graphql_api.competent.hal import Document, Page
from graphql_api.competent.normalise import EMPTY_LIST
from graphql_api.errors import UpstreamInvalidResponse, UpstreamNotFound, UpstreamRefused

MAX_PAGES = 10_000
"""Maximum pages of a list; a list that claims more is treated as invalid. In pages of 20, Spring's default, 200,000 items."""


class Listing:
    """The items of a list and its further pages, as one sequence; loads only the pages that are needed.

    `load` returns the normalised document of a path. Set `paged` if the route is known to be paged. Methods raise
    UpstreamInvalidResponse if a list has more than MAX_PAGES pages.
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
        """Page size, total and page number, from the first page: upstream may return smaller pages than requested."""
        if self._sizes is None:
            self._first = first = await self._open()
            if first["total"] is None:
                self._all = await self._read_on(first)
                self._sizes = Page(len(self._all), len(self._all))
            else:
                self._sizes = Page(first["size"], first["total"], first["number"])
        return self._sizes

    async def part(self, start: int, stop: int) -> list[Document]:
        """Return the items from `start` up to, not including, `stop`; fewer if the list ends before."""
        size, total, _ = self._sizes or await self.page()
        stop = min(stop, total)
        if stop <= start or size == 0:
            return []
        if stop <= size:  # `_all` counts as one page
            items: list[Document] = self._first["items"] if self._all is None else self._all
            return items[start:stop]
        numbers = range(start // size, (stop - 1) // size + 1)
        if len(numbers) > MAX_PAGES:
            raise _too_long(f"{total:,} items in pages of {size}")
        pages = list(zip(numbers, await self._pages(numbers), strict=True))
        # By position, so that a short page does not shift the items of the next one.
        return [
            item
            for number, page in pages
            for item in page["items"][:size][max(start - number * size, 0) : max(stop - number * size, 0)]
        ]

    async def all(self) -> list[Document]:
        """Return all items."""
        return await self.part(0, (await self.page()).total)

    async def _open(self) -> Document:
        """Load the first page, and detect whether pages are numbered from 0 or from 1."""
        if not self._paged:
            document = await self._load(self._path)
            if not _goes_on(document):
                return document
            self._paged = True  # the list turns out to be paged
        try:
            document = await self._load_page(0)
        except UpstreamRefused:
            self._first_number = 1
            return await self._load_page(0)
        self._first_number = 1 if document["number"] == 1 else 0
        return document

    async def _read_on(self, first: Document) -> list[Document]:
        """All items of a list without a total, read page by page to the end."""
        items: list[Document] = list(first["items"])
        last = first
        for number in range(1, MAX_PAGES):
            # Without a total, an empty or repeated page marks the end.
            if not last["items"] or not (self._paged or _goes_on(last)):
                return items
            last, before = await self._page_or_end(number), last
            if number == 1 and last["items"] == before["items"]:
                self._first_number = 1  # numbered from 1, and page 0 is the first page too
                last = await self._page_or_end(number)
            if last["items"] == before["items"]:  # upstream ignores the page number, or repeats the last page
                return items
            items += last["items"]
        raise _too_long(f"{len(items):,} items in the first {MAX_PAGES:,} pages, and more follow")

    async def _pages(self, numbers: range) -> list[Document]:
        pages = await self._load_pages(numbers)
        if self._first_number == 0 and any(
            number > 0 and page["number"] == number - 1 for number, page in zip(numbers, pages, strict=True)
        ):
            self._first_number = 1  # requests number pages from 1, responses from 0
            pages = await self._load_pages(numbers)
        return pages

    async def _load_pages(self, numbers: range) -> list[Document]:
        later = [number for number in numbers if number > 0]
        pages = await gather_started(map(self._load_page, later))
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


def _too_long(what: str) -> UpstreamInvalidResponse:
    return UpstreamInvalidResponse(f"The Competent API sent a list of more than {MAX_PAGES:,} pages: {what}.")


def _goes_on(document: Document) -> bool:
    """Whether a list states that it has more items than this page."""
    total: int | None = document["total"]
    more: bool = document["more"]
    return more if total is None else total > len(document["items"])
