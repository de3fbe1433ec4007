"""How long a document is good for, decided from its path and age alone: no I/O and no clock of its own.

A document is fresh, then stale (served, and asked for again behind the reader's back), then expired (not served any more).
"""

import re
from dataclasses import dataclass
from enum import Enum
from typing import NamedTuple

from graphql_api.competent.fetch import Validators
from graphql_api.competent.hal import Document

LONGEST_PAUSE = 3600.0
"""Seconds; a copy that could not be renewed is never left alone for longer than this."""

_NUMBERED = re.compile(r"/releases/(?!current(?:[/?]|$))[^/?]+")


class CacheEntry(NamedTuple):
    """A normalised document as kept.

    `at` is when it was fetched or last found unchanged (seconds since 1970), `size` how many bytes its JSON text has, and
    `validators` are what upstream told its version by. `outdated`: it was normalised by other declarations than ours, and may
    lack fields.
    """

    document: Document
    at: float
    size: int
    validators: Validators = Validators()
    outdated: bool = False


class Freshness(Enum):
    """What a kept document is good for, by its age."""

    FRESH = "fresh"
    STALE = "stale"
    EXPIRED = "expired"


@dataclass(frozen=True, slots=True)
class FreshnessPolicy:
    """Spans in seconds: how long documents of a numbered release are fresh, how long all is that moves when a release is
    published, and for how long after that either is still served."""

    numbered: float
    moving: float
    stale: float = 0.0

    def span(self, path: str) -> float:
        """How long the document at this path is fresh. Lists of a numbered release change as little as the rest of it."""
        # Of nearly every path the first look tells; that of a release called `currently` is looked at more closely.
        if path.startswith("/releases/") and (not path.startswith("/releases/current") or _NUMBERED.match(path)):
            return self.numbered
        return self.moving

    def state(self, path: str, kept: CacheEntry, now: float) -> Freshness:
        """What a document is good for. One from the future was dated by a clock that is not to be trusted: stale."""
        age, span = now - kept.at, self.span(path)
        if 0 <= age < span and not kept.outdated:
            return Freshness.FRESH
        return Freshness.STALE if age < span + self.stale else Freshness.EXPIRED

    def pause(self, path: str) -> float:
        """How long a copy that could not be renewed is left alone: about one call for each span, as if it had been."""
        return min(self.span(path), LONGEST_PAUSE)

    @property
    def longest(self) -> float:
        """The age at which every document has expired."""
        return max(self.numbered, self.moving) + self.stale


def is_lasting(path: str) -> bool:
    """Whether a document is worth a place beyond memory: answers to what people type are not, since each is another."""
    return path.startswith("/releases")
