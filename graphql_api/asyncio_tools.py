"""Tools for asyncio: coroutines started eagerly (as asyncio's eager tasks are), a lazy timer, and a broadcast.

A coroutine that is started eagerly runs immediately until it first suspends. If it never suspends, it needs neither a task nor an
event-loop turn.
"""

import asyncio
import logging
from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine, Generator, Iterable
from typing import Any, Generic, NoReturn, TypeVar

from graphql_api.library_internals import set_blocking

T = TypeVar("T")

log = logging.getLogger(__name__)


class Completed(Generic[T]):
    """An awaitable that returns its result without suspending."""

    __slots__ = ("result",)

    def __init__(self, result: T) -> None:
        self.result = result

    def __await__(self) -> Generator[None, None, T]:
        return self.result
        yield  # makes this a generator, which returns without yielding


class Failed:
    """An awaitable that raises an exception that was raised before."""

    __slots__ = ("error",)

    def __init__(self, error: BaseException) -> None:
        self.error = error

    def __await__(self) -> Generator[None, None, NoReturn]:
        raise self.error
        yield


class Suspended(Generic[T]):
    """A started coroutine that waits for a future; it resumes when this is awaited."""

    __slots__ = ("_coroutine", "_future")

    def __init__(self, coroutine: Coroutine[object, None, T], future: object) -> None:
        self._coroutine = coroutine
        self._future = future

    def __await__(self) -> Generator[object, None, T]:
        future = self._future
        while True:
            if isinstance(future, asyncio.Future):
                set_blocking(future, True)  # as Future.__await__ does; the awaiting task resets it
            thrown: BaseException | None = None
            try:
                yield future
            except BaseException as error:  # the cancellation of the task that awaits this
                thrown = error
            try:
                future = self._coroutine.send(None) if thrown is None else self._coroutine.throw(thrown)
            except StopIteration as stop:
                result: T = stop.value
                return result


def start_eagerly(coroutine: Coroutine[object, None, T]) -> Completed[T] | Failed | Suspended[T]:
    """Run a coroutine until it returns, raises an Exception or first suspends."""
    try:
        future = coroutine.send(None)
        if isinstance(future, asyncio.Future):
            set_blocking(future, False)  # no task awaits it yet, and other coroutines may await it too
        return Suspended(coroutine, future)
    except StopIteration as stop:
        return Completed(stop.value)
    except Exception as error:
        return Failed(error)


async def gather_started(awaitables: Iterable[Awaitable[T]]) -> list[T]:
    """Gather the results of started awaitables, in order; raises the first exception."""
    return await _results(awaitables, return_exceptions=False)


async def gather_settled(awaitables: Iterable[Awaitable[T]]) -> list[T | BaseException]:
    """Gather the results of started awaitables, in order, with the exception in place of a result for those that failed."""
    started = list(awaitables)
    results = iter(
        await _results((awaitable for awaitable in started if type(awaitable) is not Failed), return_exceptions=True)
    )
    return [awaitable.error if isinstance(awaitable, Failed) else next(results) for awaitable in started]


async def _results(awaitables: Iterable[Awaitable[T]], *, return_exceptions: bool) -> list[Any]:
    started = list(awaitables)
    if all(map(_has_result, started)):
        return [await awaitable for awaitable in started]
    return await asyncio.gather(*started, return_exceptions=return_exceptions)


async def cancel_and_wait(tasks: Iterable[asyncio.Future[Any]]) -> None:
    """Cancel the tasks that still run, and wait until they have ended; one that fails meanwhile is logged.

    A task that had ended before is left alone: its exception is for its owner; asyncio logs one that nothing reads.
    """
    running = [task for task in tasks if not task.done()]
    for task in running:
        task.cancel()
    for result in await asyncio.gather(*running, return_exceptions=True):
        if isinstance(result, Exception):
            log.error("a task failed while it was cancelled", exc_info=result)


def _has_result(awaitable: Awaitable[object]) -> bool:
    if isinstance(awaitable, asyncio.Future):
        return awaitable.done() and not awaitable.cancelled() and awaitable.exception() is None
    return type(awaitable) is Completed


class LazyTimer:
    """A restartable timer that avoids rescheduling the event loop's timer on every `start`."""

    __slots__ = ("_callback", "_due", "_loop", "_timer")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._due: float | None = None
        self._callback: Callable[[], None] = lambda: None
        self._timer: asyncio.TimerHandle | None = None

    def start(self, delay: float, callback: Callable[[], None]) -> None:
        """Call `callback` in `delay` seconds, instead of the callback set before."""
        self._due, self._callback = self._loop.time() + delay, callback
        if self._timer is None or self._timer.when() > self._due:
            self._stop()
            self._timer = self._loop.call_at(self._due, self._fire_if_due)

    def clear(self) -> None:
        """Cancel the callback; the timer can be set again cheaply."""
        self._due = None

    def close(self) -> None:
        """Cancel the callback and stop the event loop's timer."""
        self._due = None
        self._stop()

    def _stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _fire_if_due(self) -> None:
        self._timer = None
        if self._due is None:
            return
        if self._due > self._loop.time():
            self._timer = self._loop.call_at(self._due, self._fire_if_due)
        else:
            self._due = None
            self._callback()


class Broadcast:
    """Publishes release numbers to all subscribers in this process."""

    def __init__(self) -> None:
        self._numbers: list[str] = []
        self._published = asyncio.Event()
        self.subscribers = 0
        self.has_subscribers = asyncio.Event()
        """Set once there has been a subscriber."""

    def publish(self, number: str) -> None:
        """Publish the number of a release that has become current."""
        self._numbers.append(number)
        self._published.set()
        self._published = asyncio.Event()

    async def subscribe(self) -> AsyncGenerator[str]:
        """Yield the numbers of releases that are published from now on, without end."""
        position = len(self._numbers)
        self.subscribers += 1
        self.has_subscribers.set()
        try:
            while True:
                while position < len(self._numbers):
                    position += 1
                    yield self._numbers[position - 1]
                await self._published.wait()
        finally:
            self.subscribers -= 1
