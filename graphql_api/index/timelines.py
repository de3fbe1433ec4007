"""Keeps the timeline of the indexed releases: compares them once, and again whenever an index is opened or replaced."""

import time
from collections.abc import Awaitable, Callable, Mapping
from itertools import pairwise

from graphql_api.competent.releases import release_order
from graphql_api.index.index import Index
from graphql_api.index.timeline import Timeline

RECHECK = 60.0
"""Seconds after which the folder is searched for new indexes, which other processes may have built."""


class Timelines:
    """The timeline of all indexes that `open_existing` returns by release."""

    def __init__(
        self, open_existing: Callable[[], Awaitable[Mapping[str, Index]]], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._open_existing = open_existing
        self._clock = clock
        self._timeline: Timeline | None = None
        self._indexes: list[tuple[str, int]] = []
        self._checked_at = -RECHECK

    def invalidate(self) -> None:
        """Look for indexes again before the timeline is next used, because one was opened or replaced."""
        self._checked_at = -RECHECK

    def get_cached(self) -> Timeline | None:
        """The timeline, if it is certain to be that of all indexes."""
        return self._timeline if self._clock() - self._checked_at < RECHECK else None

    async def get(self) -> Timeline:
        """Return the timeline; opens the indexes, and compares each with the one before, if that has not been done.

        As long as they are the same, it is the same object. Raises NotIndexedYet if an index is replaced meanwhile.
        """
        if (timeline := self.get_cached()) is not None:
            return timeline
        indexes = await self._open_existing()
        numbers = sorted(indexes, key=release_order)
        opened = [(number, indexes[number].serial_number) for number in numbers]
        if self._timeline is None or opened != self._indexes:
            diffs = [await indexes[after].diff_since(indexes[before]) for before, after in pairwise(numbers)]
            self._timeline, self._indexes = Timeline(tuple(numbers), tuple(diffs)), opened
        self._checked_at = self._clock()
        return self._timeline
