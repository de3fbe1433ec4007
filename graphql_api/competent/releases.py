"""Which releases there are and which one is current, told by whichever route of the Competent API tells it.

Only part of these routes was ever seen: what one of them does not say is asked of the next, and a number is only told when
something was read that names it.
"""

from collections.abc import AsyncIterator, Awaitable, Callable
from urllib.parse import urlencode

from graphql_api.competent import routes
from graphql_api.competent.hal import Document, is_release, items, parts, release_numbers
from graphql_api.competent.pagination import Listing
from graphql_api.errors import ReleaseNotFound, UpstreamInvalidResponse, UpstreamNotFound

CURRENT = routes.CURRENT
_CURRENT = routes.RELEASE.path(CURRENT)

_ANY_HIT = urlencode({"searchValue": "a", "entityTypes": "OCCUPATIONAL_PROFILE", "page": 0, "size": 1})
"""Search is loose: nearly any text finds something, and each hit names its release."""


class Releases:
    """Answers about releases within one request, from documents that `load` gives, and `at_hand` if they are that."""

    def __init__(
        self, load: Callable[[str], Awaitable[Document]], page_size: int, at_hand: Callable[[str], Document | None]
    ) -> None:
        self._load = load
        self._page_size = page_size
        self._at_hand = at_hand

    def at_hand(self) -> str | None:
        """The number of the current release, as `number` gives it, if documents at hand tell it; None where it must be asked."""
        document = self._at_hand(_CURRENT)
        told = _CURRENT_NUMBERS.numbers(document) if document is not None else []
        if len(told) > 1 and self._at_hand(routes.RELEASE.path(told[0])) is None:
            return None  # whether that one is served is asked first
        return told[0] if told else None

    async def number(self, release: str) -> str:
        """The number of a release: `current` is looked up, a number stays as it is, whether it exists or not."""
        if not is_release(release):
            raise ReleaseNotFound
        return await self._current() if release == CURRENT else release

    async def exists(self, number: str) -> bool:
        """Whether Competent serves a release of this number."""
        return (
            await self._is_there(routes.RELEASE.path(number))
            # That route is only assumed: the list of releases may know better, and a seen route knows.
            or number in await self.numbers()
            or await self._is_there(routes.SOFT_SKILLS.path(number))
        )

    async def numbers(self) -> list[str]:
        """The numbers in the list of releases, the newest first; none where there is no such list."""
        told = [await self._served_number(each) for each in await self._listed()]
        return sorted({number for number in told if number}, key=release_order, reverse=True)

    async def served(self) -> list[str]:
        """The numbers of all releases that are known to be served, the newest first."""
        return await self.numbers() or [await self._current()]

    async def document(self, number: str) -> Document:
        """What is told of a release: its own document, else its item in the list of releases, else nothing."""
        try:
            return await self._load(routes.RELEASE.path(number))
        except UpstreamNotFound:
            return next((each for each in await self._listed() if number in release_numbers(each)), {})

    async def _current(self) -> str:
        async for document in self._of_current():
            if number := await self._served_number(document):
                return number
        if numbers := await self.numbers():
            return numbers[0]
        raise UpstreamInvalidResponse(detail="no route returns the number of the current release")

    async def _of_current(self) -> AsyncIterator[Document]:
        """Documents that may tell the number of the current release, the surest first."""
        yield await self._or_nothing(_CURRENT)
        for each in await self._listed():
            if any(each.get(key) is True for key in ("current", "isCurrent")):
                yield each
        yield await self._or_nothing(routes.SOFT_SKILLS.path(CURRENT))
        yield await self._or_nothing(f"{routes.TECHNICAL_COMPETENCES.path(CURRENT)}?page=0&size=1")
        for hit in items(await self._or_nothing(f"{routes.SEARCH.path()}?{_ANY_HIT}")):
            for document in parts(hit.get("document")):
                yield document

    async def _served_number(self, document: Document) -> str | None:
        """The number that a document tells; where its key and its links disagree, the one that is served."""
        told = release_numbers(document)
        for each in told[:-1]:
            if await self._is_served(each):
                return each
        return told[-1] if told else None

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
            return {}

    async def _listed(self) -> list[Document]:
        try:
            return await Listing(self._load, routes.RELEASES.path(), False, self._page_size).all()
        except UpstreamNotFound:
            return []


class _LastRead:
    """What the document that was read last tells: nearly every request asks the same one which release is current."""

    def __init__(self) -> None:
        self._of: Document | None = None
        self._numbers: list[str] = []

    def numbers(self, document: Document) -> list[str]:
        if document is not self._of:
            self._of, self._numbers = document, release_numbers(document)
        return self._numbers


_CURRENT_NUMBERS = _LastRead()


def release_order(number: str) -> tuple[list[tuple[int, bool, str]], str]:
    """Sort key of a release number, the oldest first: 3.9 < 3.9.1 < 3.10-beta < 3.10 < 4; a part without digits is oldest."""
    parts = []
    for part in number.split("."):
        rest = part.lstrip("0123456789")
        digits = part[: len(part) - len(rest)]
        parts.append((int(digits) if digits else -1, not rest, rest))
    return parts, number
