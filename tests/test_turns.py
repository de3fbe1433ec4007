"""Execution in turns: the same answers, and others run meanwhile."""

import asyncio
from typing import Any

import pytest
from graphql import GraphQLSchema, build_schema, execute, parse

from graphql_api.eager import TURN
from graphql_api.turns import InTurns
from tests.conftest import counting_turns

SCHEMA: GraphQLSchema = build_schema(
    "type Query { things: [Thing] numbers: [Int] } type Thing { n: Int! things: [Thing] }"
)


class Slow(InTurns):
    """Takes a thousandth of a second each time that it looks at its clock."""

    now = 0.0

    def clock(self) -> float:
        Slow.now += 0.001
        return Slow.now


def thing(n: int, inner: int = 0) -> dict[str, Any]:
    return {"n": None if n == 13 else n, "things": [thing(each) for each in range(100, 100 + inner)]}


async def passes_while(query: str, root: dict[str, Any]) -> tuple[Any, int]:
    """The result of a query, and how often somebody else came to run meanwhile."""
    async with counting_turns() as turns:
        result: Any = execute(SCHEMA, parse(query), root, executor_class=Slow)
        if asyncio.iscoroutine(result):
            result = await result
    return result, turns.count


@pytest.mark.parametrize(("count", "inner"), [(400, 0), (40, 10)])
async def test_a_long_list_lets_others_run_and_comes_out_the_same(count: int, inner: int) -> None:
    query, root = "{ things { n things { n } } }", {"things": [thing(n, inner) for n in range(count)]}
    whole: Any = execute(SCHEMA, parse(query), root)

    result, passes = await passes_while(query, root)

    assert result.data == whole.data
    assert [error.formatted for error in result.errors] == [error.formatted for error in whole.errors]
    assert [error.path for error in result.errors] == [["things", 13, "n"]]
    assert passes >= count * (1 + inner) * 0.001 / TURN


async def test_a_short_list_and_a_list_of_numbers_are_done_in_one_go() -> None:
    assert (await passes_while("{ things { n } }", {"things": [thing(1)]}))[1] == 0
    assert (await passes_while("{ numbers }", {"numbers": list(range(5_000))}))[1] == 0


async def test_who_stops_waiting_leaves_the_others_their_turn() -> None:
    root = {"things": [thing(n) for n in range(200)]}
    first, second = (
        asyncio.ensure_future(execute(SCHEMA, parse("{ things { n } }"), root, executor_class=Slow))  # type: ignore[arg-type]
        for _ in range(2)
    )
    await asyncio.sleep(0)
    first.cancel()
    result: Any = await second

    assert len(result.data["things"]) == 200
    assert first.cancelled()
