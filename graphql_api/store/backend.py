"""What keeps documents beyond this process's memory: one file, or a server that many replicas share.

The promise of every backend: it never fails a request. What it cannot read it does not have, and what it cannot write is lost.
"""

from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractAsyncContextManager
from typing import Protocol

from graphql_api.store.freshness import CacheEntry


class Backend(Protocol):
    """Documents by path, of one upstream; shared by all who open the same place.

    - A document that is given back is whole: as it was put, with its time, size and validators.
    - What was put is found by the same backend at once, and by the others soon.
    - What was put last wins.
    - It answers soon, or gives up soon: who asks waits for it before upstream is asked at all.
    - It is bounded in bytes, and lets go of the oldest. It may let go of anything at any time.
    """

    takes_turns: bool
    """Whether processes take turns at fetching; where they do, `turn` looks for what another has brought."""

    async def get_many(self, paths: Iterable[str]) -> Mapping[str, CacheEntry]:
        """Those of the documents that are here, in one look, whatever their age. Raises nothing."""

    def put(self, path: str, kept: CacheEntry) -> None:
        """Keep a document, soon: the caller does not wait for it. Called on the event loop; raises nothing."""

    def turn(self, path: str, good: Callable[[CacheEntry], bool]) -> AbstractAsyncContextManager[CacheEntry | None]:
        """Entered before a document is fetched: gives None to who is to fetch it, or what another brought if it is `good`.

        Where processes take turns, one fetches a path at a time, for no longer than a lease; what it puts before it leaves is
        what the others are given. Where they do not, everybody is to fetch.
        """

    async def aclose(self) -> None:
        """Write what waits to be written, and let go of files and connections."""
