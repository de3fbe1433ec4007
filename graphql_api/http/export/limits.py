"""Bounds of exports: how many run at the same time, how many a client may start per hour, and how slowly it may read."""

import asyncio
import time
from collections.abc import Iterator
from contextlib import contextmanager

from limits import RateLimitItemPerHour
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter
from starlette.types import Message, Send

from graphql_api.http.graphql import ClientLeft, HTTPError, ServiceUnavailable

GRACE = 30.0
"""Seconds before the pace of a reader counts."""
RETRY_AFTER = 30.0
"""Seconds before a client tries again if the maximum number of exports runs."""


class ExportLimits:
    """Bounds the exports of this process: `concurrency`, `per_hour` and client, `bytes_per_second` that a client must read."""

    def __init__(self, concurrency: int, per_hour: int, bytes_per_second: int, grace: float = GRACE) -> None:
        self._concurrency = concurrency
        self._hourly = RateLimitItemPerHour(per_hour)
        self._counts = MovingWindowRateLimiter(MemoryStorage())
        self._bytes_per_second = bytes_per_second
        self._grace = grace
        self.running = 0

    @contextmanager
    def admit(self, client: str) -> Iterator[None]:
        """Count an export of a client inside the block. Raises HTTPError (429) or ServiceUnavailable at a limit."""
        if self.running >= self._concurrency:
            raise ServiceUnavailable("Too many exports are running. Try again.", RETRY_AFTER)
        if not self._counts.hit(self._hourly, client):
            reset = self._counts.get_window_stats(self._hourly, client).reset_time - time.time()
            message = f"At most {self._hourly.amount} exports per hour."
            raise HTTPError(429, message, "RATE_LIMITED", max(1, round(reset)))
        self.running += 1
        try:
            yield
        finally:
            self.running -= 1

    def paced(self, send: Send) -> Send:
        """A `send` that raises ClientLeft, which cuts the connection, if the client reads too slowly."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + self._grace

        async def send_in_time(message: Message) -> None:
            nonlocal deadline
            deadline += len(message.get("body", b"")) / self._bytes_per_second
            try:
                async with asyncio.timeout_at(deadline):
                    await send(message)
            except TimeoutError:
                raise ClientLeft from None

        return send_in_time
