"""Which releases were published while this process runs, for all who wait to hear of it.

Who listens hears of each release that is announced from then on, in order, however slow it is; nothing is kept per listener.
"""

import asyncio
from collections.abc import AsyncGenerator


class Published:
    """Announcements of one process."""

    def __init__(self) -> None:
        self._numbers: list[str] = []
        self._more = asyncio.Event()
        self.listeners = 0
        self.heard = asyncio.Event()
        """Set when the first listener comes."""

    def announce(self, number: str) -> None:
        """Tell everybody that a release has become the current one."""
        self._numbers.append(number)
        self._more.set()
        self._more = asyncio.Event()

    async def listen(self) -> AsyncGenerator[str]:
        """The numbers of the releases that are announced from now on."""
        seen = len(self._numbers)
        self.listeners += 1
        self.heard.set()
        try:
            while True:
                while seen < len(self._numbers):
                    seen += 1
                    yield self._numbers[seen - 1]
                await self._more.wait()
        finally:
            self.listeners -= 1
