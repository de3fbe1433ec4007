"""Runs examples one after the other on shared data, and counts the kinds of responses."""

import asyncio
from collections import Counter
from collections.abc import Callable, Coroutine, Iterable
from typing import Any, TypeVar

import orjson
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as some

from tests.execution.compiled.operations import numbered, operations
from tests.execution.compiled.scenarios import SHAPES, Data, Round, Scenario, rounds
from tests.execution.compiled.two_servers import ClientRequest, Reply, runs

T = TypeVar("T")

ON, OFF = {"compiled_queries": "on"}, {"compiled_queries": "off"}
MANY = 8
RUNS = 6, 10
"""Minimum and maximum number of operations per example, run twice on two new servers."""


class Bench:
    """Compares two servers, and counts their responses."""

    def __init__(self, runner: asyncio.Runner, data: Data) -> None:
        self._runner = runner
        self.data = data
        self.requests: list[ClientRequest] = []
        self.counted: Counter[str] = Counter()

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine and return its result."""
        return self._runner.run(work)

    def compare(
        self, scenario: Scenario, number: int, requests: Iterable[ClientRequest]
    ) -> dict[tuple[str, str], Reply]:
        """Compare two new servers and return the replies by document and variables; fails if they differ."""
        before = runs()
        result = self._runner.run(self._compare(scenario, number, list(requests)))
        self.counted += runs() - before
        assert not result.differences, f"{scenario.name} ({number}):\n" + "\n".join(result.differences)
        return {(item.query, str(item.variables)): reply for item, reply in result.replies}

    async def _compare(self, scenario: Scenario, number: int, requests: list[ClientRequest]) -> Round:
        async with scenario.twins(self.data, number, OFF, ON) as (pair, upstream):
            result = await rounds(pair, upstream, requests)
        self.requests += requests
        self.counted["fast"] += pair.second.fast
        self.counted -= pair.second.beside
        for _, reply in result.replies:
            self.counted.update(outcomes_of(reply))
        return result

    def compare_numbered(self, scenario: Scenario, first: int, examples: int) -> None:
        """Compare generated operations, numbered from `first`."""
        for start in range(first, first + examples * MANY, MANY):
            self.compare(
                scenario, start, [numbered(SHAPES, self.data.samples, number) for number in range(start, start + MANY)]
            )

    def compare_generated(self, scenario: Scenario, number: int, examples: int) -> None:
        """Compare operations from Hypothesis, the same ones for each number."""

        @seeded(number, examples)
        @given(
            some.integers(0, 1000),
            some.lists(operations(SHAPES, self.data.samples), min_size=RUNS[0], max_size=RUNS[1]),
        )
        def same(damage: int, requests: list[ClientRequest]) -> None:
            self.compare(scenario, damage, requests)

        same()


def seeded(number: int, examples: int) -> Callable[[Callable[[], None]], Callable[[], None]]:
    """Configure Hypothesis to run the same examples for each number."""
    how = settings(
        max_examples=examples,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
        phases=[Phase.generate, Phase.shrink],
    )
    return lambda test: seed(number)(how(test))


def outcomes_of(reply: Reply) -> list[str]:
    """The kind of a response: `data` if a field of the query is not null, `errors` if there are errors."""
    body: dict[str, Any] = orjson.loads(reply.body)
    data = body.get("data")
    full = isinstance(data, dict) and any(item is not None for item in data.values())
    return ["asked", *(["data"] if full else []), *(["errors"] if "errors" in body else [])]
