"""Results of an execution by key, also those that are still loading."""

import asyncio
from collections.abc import Awaitable, Hashable

from graphql_api.asyncio_tools import Failed

UNKNOWN, LOADING = object(), object()


class PendingResults:
    """`results` holds results, LOADING for those that are on their way, and Failed with the error of those that failed."""

    def __init__(self) -> None:
        self.results: dict[Hashable, object] = {}
        self.arrived = 0
        """Number of results that have arrived since the caller last looked."""
        self._loading: set[asyncio.Future[object]] = set()
        self._arrival: asyncio.Future[None] | None = None

    def start(self, key: Hashable, loading: Awaitable[object], tolerant: bool = False) -> object:
        """Load a result. Unless `tolerant`, an error ends the wait for all others."""
        future = asyncio.ensure_future(loading)
        self._loading.add(future)
        self.results[key] = LOADING

        def arrive(future: "asyncio.Future[object]") -> None:
            if future.cancelled():
                return
            self._loading.discard(future)
            error = future.exception()
            self.results[key] = future.result() if error is None else Failed(error)
            self.arrived += 1 if error is None or tolerant else 1 + len(self._loading)
            if self._arrival is not None and not self._arrival.done() and self.arrived >= len(self._loading):
                self._arrival.set_result(None)

        future.add_done_callback(arrive)
        return LOADING

    async def half_of_the_rest(self) -> None:
        """Wait until half has arrived: what that leads to is loaded while the other half is on its way."""
        if self.arrived < len(self._loading):
            self._arrival = asyncio.get_running_loop().create_future()
            await self._arrival

    def cancel(self) -> None:
        """Cancel what is still loading for this execution alone."""
        for future in self._loading:
            future.cancel()
