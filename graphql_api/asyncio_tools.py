"""Tools for asyncio: coroutines started eagerly (as asyncio's eager tasks are), a lazy timer, and a broadcast.

A coroutine that is started eagerly runs immediately until it first suspends. If it never suspends, it needs neither a task nor an
event-loop turn.
"""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine, Generator, Iterable
from typing import Any, Generic, TypeVar

T = TypeVar("T")


class Completed(Generic[T]):
    """An awaitable that returns its result without suspending."""

    __slots__ = ("result",)

    def __init__(self, result: T) -> None:
        self.result = result

    def __await__(self) -> Generator[Any, None, T]:
        return self.result
        yield  # makes this a generator, which returns without yielding


class Failed:
    """An awaitable that raises an exception that was raised before."""

    __slots__ = ("error",)

    def __init__(self, error: BaseException) -> None:
        self.error = error

    def __await__(self) -> Generator[Any, None, Any]:
        raise self.error
        yield


class Suspended(Generic[T]):
    """A started coroutine that waits for a future; it resumes when this is awaited."""

    __slots__ = ("_coroutine", "_waits_for")

    def __init__(self, coroutine: Coroutine[Any, Any, T], waits_for: Any) -> None:
        self._coroutine = coroutine
        self._waits_for = waits_for

    def __await__(self) -> Generator[Any, Any, T]:
        waits_for = self._waits_for
        while True:
            if isinstance(waits_for, asyncio.Future):
                waits_for._asyncio_future_blocking = True  # as Future.__await__ does; the awaiting task resets it
            thrown: BaseException | None = None
            try:
                yield waits_for
            except BaseException as error:  # the cancellation of the task that awaits this
                thrown = error
            try:
                waits_for = self._coroutine.send(None) if thrown is None else self._coroutine.throw(thrown)
            except StopIteration as ended:
                return ended.value  # type: ignore[no-any-return]


def begin(coroutine: Coroutine[Any, Any, T]) -> Completed[T] | Failed | Suspended[T]:
    """Run a coroutine until it returns, raises an Exception or first suspends."""
    try:
        waits_for = coroutine.send(None)
        if isinstance(waits_for, asyncio.Future):
            waits_for._asyncio_future_blocking = False  # no task awaits it yet, and other coroutines may await it too
        return Suspended(coroutine, waits_for)
    except StopIteration as ended:
        return Completed(ended.value)
    except Exception as error:
        return Failed(error)


async def all_of(awaitables: Iterable[Awaitable[T]]) -> list[T]:
    """Gather the results of started awaitables, in order; raises the first exception."""
    return await _results(awaitables, return_exceptions=False)


async def gather_settled(awaitables: Iterable[Awaitable[T]]) -> list[T | BaseException]:
    """Gather the results of started awaitables, in order, with the exception in place of a result for those that failed."""
    begun = list(awaitables)
    results = iter(await _results((each for each in begun if type(each) is not Failed), return_exceptions=True))
    return [each.error if isinstance(each, Failed) else next(results) for each in begun]


async def _results(awaitables: Iterable[Awaitable[Any]], *, return_exceptions: bool) -> list[Any]:
    begun = list(awaitables)
    if all(map(_is_at_hand, begun)):
        return [await each for each in begun]
    return await asyncio.gather(*begun, return_exceptions=return_exceptions)


async def ended(tasks: Iterable[asyncio.Future[Any]]) -> None:
    """Cancel tasks, and wait until all have ended; their exceptions are ignored."""
    found = list(tasks)
    for each in found:
        each.cancel()
    await asyncio.gather(*found, return_exceptions=True)


def _is_at_hand(awaitable: Awaitable[Any]) -> bool:
    if isinstance(awaitable, asyncio.Future):
        return awaitable.done() and not awaitable.cancelled() and awaitable.exception() is None
    return type(awaitable) is Completed


class LazyTimer:
    """A restartable timer that avoids rescheduling the event loop's timer on every `set`."""

    __slots__ = ("_due", "_late", "_loop", "_timer")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._due: float | None = None
        self._late: Callable[[], None] = lambda: None
        self._timer: asyncio.TimerHandle | None = None

    def set(self, seconds: float, late: Callable[[], None]) -> None:
        """Call `late` in `seconds` seconds, instead of the callback set before."""
        self._due, self._late = self._loop.time() + seconds, late
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
            self._late()


class Broadcast:
    """Publishes release numbers to all listeners in this process."""

    def __init__(self) -> None:
        self._numbers: list[str] = []
        self._more = asyncio.Event()
        self.listeners = 0
        self.heard = asyncio.Event()
        """Set once there has been a listener."""

    def announce(self, number: str) -> None:
        """Publish the number of a release that has become current."""
        self._numbers.append(number)
        self._more.set()
        self._more = asyncio.Event()

    async def listen(self) -> AsyncGenerator[str]:
        """Yield the numbers of releases that are announced from now on, without end."""
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
