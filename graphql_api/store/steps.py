"""Work that can be done at once or in turns with everything else: a generator that yields between two steps."""

import asyncio
from collections.abc import Generator
from typing import TypeAlias, TypeVar

T = TypeVar("T")

Steps: TypeAlias = Generator[None, None, T]


def at_once(steps: Steps[T]) -> T:
    """The result, after all steps."""
    try:
        while True:
            next(steps)
    except StopIteration as end:
        result: T = end.value
        return result


async def in_turns(steps: Steps[T]) -> T:
    """The result, with a turn of the event loop after each step. It is not to be cancelled: steps leave things half done."""
    try:
        while True:
            next(steps)
            await asyncio.sleep(0)
    except StopIteration as end:
        result: T = end.value
        return result
