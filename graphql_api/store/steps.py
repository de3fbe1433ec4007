"""Cooperative work: a generator that yields between steps, run without a break or with an event-loop turn after each step."""

import asyncio
from collections.abc import Generator
from typing import TypeAlias, TypeVar

T = TypeVar("T")

Steps: TypeAlias = Generator[None, None, T]


def run_steps(steps: Steps[T]) -> T:
    """Run all steps without a pause; returns the result."""
    try:
        while True:
            next(steps)
    except StopIteration as end:
        result: T = end.value
        return result


async def run_with_turns(steps: Steps[T]) -> T:
    """Run the steps with an event-loop turn after each; returns the result.

    Shield it from cancellation, which would leave the work half done.
    """
    try:
        while True:
            next(steps)
            await asyncio.sleep(0)
    except StopIteration as end:
        result: T = end.value
        return result
