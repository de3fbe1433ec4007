"""Freshness of cached documents, decided from path and age alone: no I/O, no clock.

An entry is fresh, then stale (served, and revalidated in the background), then expired (no longer served).
"""

import re
from dataclasses import dataclass
from enum import Enum
from typing import NamedTuple

from graphql_api.competent.fetch import Validators
from graphql_api.competent.hal import Document

MAX_BACKOFF = 3600.0
"""Maximum seconds before a failed revalidation is retried."""

_NUMBERED = re.compile(r"/releases/(?!current(?:[/?]|$))[^/?]+")


class CacheEntry(NamedTuple):
    """A normalised document in the cache.

    `at` is when it was fetched or last revalidated (seconds since 1970), `size` the size in bytes of the JSON text that it was
    read from, and `validators` are upstream's ETag and Last-Modified. `outdated` is True if the document was normalised by other
    declarations than the current ones, so that fields may be missing.
    """

    document: Document
    at: float
    size: int
    validators: Validators = Validators()
    outdated: bool = False


class Freshness(Enum):
    """The state of a cache entry."""

    FRESH = "fresh"
    STALE = "stale"
    EXPIRED = "expired"


@dataclass(frozen=True, slots=True)
class FreshnessPolicy:
    """TTLs in seconds: `numbered` for documents of a numbered release, `moving` for documents that change when a release is
    published, and `stale` for how long either is still served after that."""

    numbered: float
    moving: float
    stale: float = 0.0

    def ttl(self, path: str) -> float:
        """The TTL in seconds of the document at this path. Lists of a numbered release have the same TTL as its documents."""
        # The prefix decides nearly every path; the pattern tells a release named `currently` from `current`.
        if path.startswith("/releases/") and (not path.startswith("/releases/current") or _NUMBERED.match(path)):
            return self.numbered
        return self.moving

    def is_fresh(self, path: str, entry: CacheEntry, now: float) -> bool:
        """Whether `state` is FRESH; most lookups need no more."""
        is_numbered = path.startswith("/releases/") and not path.startswith("/releases/current")  # usually, and cheap
        _, at, _, _, outdated = entry
        return 0 <= now - at < (self.numbered if is_numbered else self.ttl(path)) and not outdated

    def state(self, path: str, entry: CacheEntry, now: float) -> Freshness:
        """The state of an entry at `now`. An entry dated in the future, by a wrong clock, is stale."""
        if self.is_fresh(path, entry, now):
            return Freshness.FRESH
        return Freshness.STALE if now - entry.at < self.ttl(path) + self.stale else Freshness.EXPIRED

    def revalidation_backoff(self, path: str) -> float:
        """Seconds before a failed revalidation is retried: the TTL, at most LONGEST_PAUSE."""
        return min(self.ttl(path), MAX_BACKOFF)

    @property
    def max_age(self) -> float:
        """The age in seconds at which every document has expired."""
        return max(self.numbered, self.moving) + self.stale


def is_persistable(path: str) -> bool:
    """Whether a document is worth storing in the backend. Search results are not: nearly every search is different."""
    return path.startswith("/releases")
