"""Stale copies asked for again behind the reader's back: once at a time each, few at once, and not again soon after a failure."""

import asyncio
import logging
import math
from collections.abc import Callable, Coroutine
from contextvars import Context
from typing import Any

from graphql_api.asyncio_tools import ended
from graphql_api.caching import TTLCache
from graphql_api.errors import CompetentError, UpstreamError, UpstreamNotFound, UpstreamRateLimited
from graphql_api.observability.metrics import STORE_REVALIDATIONS
from graphql_api.settings.secret import Secret

log = logging.getLogger(__name__)

MOST_AT_ONCE = 20
"""Beyond these a copy stays as it is until its next reader: what nobody waits for makes no queue."""

_RENEWED, _FAILED = map(STORE_REVALIDATIONS.labels, ("renewed", "failed"))


def _allowed_after(error: CompetentError) -> float:
    """Seconds after which another try costs nothing that this one did: its call was not made, and may be made then."""
    if isinstance(error, UpstreamError) and not error.passing and error.retry_after is not None:
        return error.retry_after
    return math.inf


_NOT_DOWN = (UpstreamNotFound, UpstreamRateLimited)
"""Errors of an upstream that answers."""


class Revalidations:
    """The tasks that renew stale copies. Nothing of theirs is ever raised to anybody."""

    def __init__(self, clock: Callable[[], float], most_at_once: int = MOST_AT_ONCE) -> None:
        self._most = most_at_once
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._paused: TTLCache[bool] = TTLCache(clock)
        self.upstream_failed = False
        """Whether the last renewal that ended found upstream in trouble."""

    def begin(
        self, path: str, key: Secret | None, renew: Callable[[], Coroutine[Any, Any, object]], pause: float
    ) -> None:
        """Renew a copy, unless that is under way, failed by this key within the last `pause` seconds, or many others are."""
        if path in self._tasks or len(self._tasks) >= self._most or self._paused.get((path, key)):
            return
        # A context of its own: the reader's (its log lines, its trace) ends with the reader.
        task = asyncio.get_running_loop().create_task(self._run(path, key, renew, pause), context=Context())
        self._tasks[path] = task
        task.add_done_callback(lambda _: self._tasks.pop(path, None))

    async def _run(
        self, path: str, key: Secret | None, renew: Callable[[], Coroutine[Any, Any, object]], pause: float
    ) -> None:
        try:
            await renew()
        except CompetentError as error:
            log.info("revalidation of %s failed: %s", path, error.code)
            self.upstream_failed = isinstance(error, UpstreamError) and not isinstance(error, _NOT_DOWN)
            pause = min(pause, _allowed_after(error))
        except Exception:
            log.exception("revalidation of %s failed", path)
        else:
            _RENEWED.inc()
            self.upstream_failed = False
            return
        _FAILED.inc()
        self._paused.put((path, key), True, pause)

    async def settle(self) -> None:
        """Wait until nothing is under way."""
        while self._tasks:
            await asyncio.wait(list(self._tasks.values()))

    async def aclose(self) -> None:
        """End what is under way; the copies stay as they are."""
        await ended(self._tasks.values())
