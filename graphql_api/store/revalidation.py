"""Stale-while-revalidate: refreshes stale entries in the background, a few at a time, with a back-off after failures."""

import asyncio
import logging
import math
from collections.abc import Callable, Coroutine
from contextvars import Context

from graphql_api.asyncio_tools import cancel_and_wait
from graphql_api.caching import TTLCache
from graphql_api.errors import CompetentError, UpstreamError, UpstreamNotFound, UpstreamRateLimited
from graphql_api.observability.metrics import STORE_REVALIDATIONS
from graphql_api.settings.environment import Secret

log = logging.getLogger(__name__)

MAX_CONCURRENT = 20
"""Maximum concurrent revalidations. Excess ones are dropped; the next reader triggers them."""

_SUCCEEDED, _FAILED = map(STORE_REVALIDATIONS.labels, ("renewed", "failed"))


def _allowed_after(error: CompetentError) -> float:
    """Upper bound of the back-off in seconds: `retry_after` of a call that was rejected without being made, else infinity."""
    if isinstance(error, UpstreamError) and not error.passing and error.retry_after is not None:
        return error.retry_after
    return math.inf


_NOT_DOWN = (UpstreamNotFound, UpstreamRateLimited)
"""Errors that show that upstream responds."""


class Revalidations:
    """Runs the background tasks that revalidate stale entries. Their errors are logged, never raised."""

    def __init__(self, clock: Callable[[], float], max_concurrent: int = MAX_CONCURRENT) -> None:
        self._max_concurrent = max_concurrent
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._backing_off: TTLCache[bool] = TTLCache(clock)
        self.upstream_failed = False
        """Whether the last revalidation failed because of upstream."""

    def start(
        self, path: str, key: Secret | None, revalidate: Callable[[], Coroutine[object, None, object]], backoff: float
    ) -> None:
        """Start `revalidate`, unless it runs for this path already, backs off after a failure with this key, or too many run."""
        if path in self._tasks or len(self._tasks) >= self._max_concurrent or self._backing_off.get((path, key)):
            return
        # An empty context: the log fields and trace of the reader's context end with the reader.
        task = asyncio.get_running_loop().create_task(self._run(path, key, revalidate, backoff), context=Context())
        self._tasks[path] = task
        task.add_done_callback(lambda _: self._tasks.pop(path, None))

    async def _run(
        self, path: str, key: Secret | None, revalidate: Callable[[], Coroutine[object, None, object]], backoff: float
    ) -> None:
        try:
            await revalidate()
        except CompetentError as error:
            log.info("revalidation of %s failed: %s", path, error.code)
            self.upstream_failed = isinstance(error, UpstreamError) and not isinstance(error, _NOT_DOWN)
            backoff = min(backoff, _allowed_after(error))
        except Exception:
            log.exception("revalidation of %s failed", path)
        else:
            _SUCCEEDED.inc()
            self.upstream_failed = False
            return
        _FAILED.inc()
        self._backing_off.put((path, key), True, backoff)

    async def wait_idle(self) -> None:
        """Wait until all revalidations have finished."""
        while self._tasks:
            await asyncio.wait(list(self._tasks.values()))

    async def aclose(self) -> None:
        """Cancel all revalidations; the entries stay stale."""
        await cancel_and_wait(self._tasks.values())
