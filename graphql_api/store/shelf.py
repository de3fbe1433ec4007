"""How long a document is kept, decided from its path alone: no I/O and no clock of its own."""

from dataclasses import dataclass
from typing import NamedTuple

from graphql_api.hal import Document
from graphql_api.routes import route_of


class Kept(NamedTuple):
    """A document as kept: when it was fetched (seconds since 1970) and how many bytes its JSON text has."""

    document: Document
    at: float
    size: int


@dataclass(frozen=True, slots=True)
class Shelf:
    """Two spans, in seconds: of documents of a numbered release, and of all that moves when a release is published."""

    numbered: float
    moving: float

    def span(self, path: str) -> float:
        """How long the document at this path is kept."""
        known = route_of(path)
        pinned = known is not None and known.release not in (None, "current")
        return self.numbered if pinned else self.moving

    def fresh(self, path: str, at: float, now: float) -> bool:
        """Whether a document that was fetched at `at` may still be served; one from the future may not."""
        return 0 <= now - at < self.span(path)
