"""Finds the releases of Competent and the current one, from whichever route of the Competent API names them.

Some of these routes are only assumed to exist: if one lacks a number, the next is tried. Every number that is returned was
read from a document.
"""

from collections.abc import AsyncIterator, Awaitable, Callable
from urllib.parse import urlencode

from graphql_api.competent import routes
from graphql_api.competent.hal import Document, is_release
from graphql_api.competent.normalise import EMPTY_LIST, NO_RELEASE
from graphql_api.competent.pagination import Listing
from graphql_api.errors import ReleaseNotFound, UpstreamInvalidResponse, UpstreamNotFound

CURRENT = routes.CURRENT
_CURRENT = routes.RELEASE.path(CURRENT)

_ANY_HIT = urlencode({"searchValue": "a", "entityTypes": "OCCUPATIONAL_PROFILE", "page": 0, "size": 1})
"""A query that nearly always has a hit, since search is loose; each hit names its release."""


class ReleaseReader:
    """Looks up releases within one request. `load` returns documents; `get_cached` returns cached ones, or None."""

    def __init__(
        self, load: Callable[[str], Awaitable[Document]], page_size: int, get_cached: Callable[[str], Document | None]
    ) -> None:
        self._load = load
        self._page_size = page_size
        self._get_cached = get_cached

    def get_cached(self) -> str | None:
        """The number of the current release, as `number` returns it, from cached documents alone; None on a cache miss."""
        document = self._get_cached(_CURRENT)
        numbers = document["releases"] if document is not None else []
        if len(numbers) > 1 and self._get_cached(routes.RELEASE.path(numbers[0])) is None:
            return None  # whether that number is served must be requested first
        return numbers[0] if numbers else None

    async def number(self, release: str) -> str:
        """Resolve `current` to a number; a number is returned unchanged, whether it exists or not.

        Raises ReleaseNotFound if the text is not valid as a release, UpstreamInvalidResponse if no route names the current one.
        """
        if not is_release(release):
            raise ReleaseNotFound
        return await self._current() if release == CURRENT else release

    async def exists(self, number: str) -> bool:
        """Whether Competent serves a release with this number."""
        return (
            await self._is_there(routes.RELEASE.path(number))
            # That route is only assumed to exist, so try the list of releases, then a route that has been seen.
            or number in await self.numbers()
            or await self._is_there(routes.SOFT_SKILLS.path(number))
        )

    async def numbers(self) -> list[str]:
        """The numbers in the list of releases, the newest first; empty if there is no such list."""
        numbers = [await self._served_number(release) for release in await self._listed()]
        return sorted({number for number in numbers if number}, key=release_order, reverse=True)

    async def served(self) -> list[str]:
        """The numbers of the listed releases, the newest first; only the current one if there is no list."""
        return await self.numbers() or [await self._current()]

    async def document(self, number: str) -> Document:
        """The document of a release, or its item in the list of releases, or NO_RELEASE."""
        try:
            return await self._load(routes.RELEASE.path(number))
        except UpstreamNotFound:
            return next((release for release in await self._listed() if number in release["releases"]), NO_RELEASE)

    async def _current(self) -> str:
        async for document in self._of_current():
            if number := await self._served_number(document):
                return number
        if numbers := await self.numbers():
            return numbers[0]
        raise UpstreamInvalidResponse(detail="no route returns the number of the current release")

    async def _of_current(self) -> AsyncIterator[Document]:
        """Yield documents that may name the current release, the most reliable first."""
        yield await self._or_nothing(_CURRENT)
        for release in await self._listed():
            if release["current"]:
                yield release
        yield await self._or_nothing(routes.SOFT_SKILLS.path(CURRENT))
        yield await self._or_nothing(f"{routes.TECHNICAL_COMPETENCES.path(CURRENT)}?page=0&size=1")
        for hit in (await self._or_nothing(f"{routes.SEARCH.path()}?{_ANY_HIT}"))["items"]:
            yield hit

    async def _served_number(self, document: Document) -> str | None:
        """The number that a document names; if its key and its links differ, the one that is served."""
        numbers: list[str] = document["releases"]
        for number in numbers[:-1]:
            if await self._is_served(number):
                return number
        return numbers[-1] if numbers else None

    async def _is_served(self, number: str) -> bool:
        return await self._is_there(routes.RELEASE.path(number)) or await self._is_there(
            routes.SOFT_SKILLS.path(number)
        )

    async def _is_there(self, path: str) -> bool:
        try:
            await self._load(path)
        except UpstreamNotFound:
            return False
        return True

    async def _or_nothing(self, path: str) -> Document:
        try:
            return await self._load(path)
        except UpstreamNotFound:
            return EMPTY_LIST

    async def _listed(self) -> list[Document]:
        try:
            return await Listing(self._load, routes.RELEASES.path(), False, self._page_size).all()
        except UpstreamNotFound:
            return []


def release_order(number: str) -> tuple[list[tuple[int, bool, str]], str]:
    """Sort key of a release number, the oldest first: 3.9 < 3.9.1 < 3.10-beta < 3.10 < 4; parts without digits are the oldest."""
    parts = []
    for part in number.split("."):
        rest = part.lstrip("0123456789")
        digits = part[: len(part) - len(rest)]
        parts.append((int(digits) if digits else -1, not rest, rest))
    return parts, number
