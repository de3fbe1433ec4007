"""Cooperative execution: the same responses, others run meanwhile, and errors are bounded."""

import asyncio
from typing import Any

import pytest
from graphql import GraphQLError, GraphQLSchema, build_schema, execute, parse

from graphql_api.execution.yielding_executor import MAX_ERRORS, LaterErrors, YieldingExecutor
from graphql_api.schema.time_slices import RoundRobin, TimeSlice
from tests.conftest import Ticking, counting_turns

SCHEMA: GraphQLSchema = build_schema(
    """type Query { things: [Thing] numbers: [Int] strict: [Thing!] }
    type Thing { n: Int! maybe: Int things: [Thing] later: Thing }"""
)


class Thing:
    """One with things of its own; number 13 has no `n`, and none has a `maybe`."""

    def __init__(self, n: int, inner: int = 0) -> None:
        self.n = None if n == 13 else n
        self.things = [Thing(number) for number in range(100, 100 + inner)]

    def maybe(self, info: Any) -> int:
        raise ValueError("none here")

    async def later(self, info: Any) -> "Thing":
        await asyncio.sleep(0)
        return self


async def executed(query: str, root: Any, deadline: float | None = None) -> Any:
    """The result of a query, in time slices by a clock that ticks."""
    scheduler = RoundRobin(Ticking())
    time_slice = TimeSlice(scheduler) if deadline is None else TimeSlice(scheduler, deadline)
    result: Any = execute(SCHEMA, parse(query), root, executor_class=YieldingExecutor, time_slice=time_slice)
    return await result if asyncio.iscoroutine(result) else result


async def at_once(query: str, root: Any) -> Any:
    """The result of the library's own executor."""
    result: Any = execute(SCHEMA, parse(query), root)
    return await result if asyncio.iscoroutine(result) else result


QUERIES = [
    "{ things { n things { n } } }",
    "{ things { n later { n things { n later { n } } } } }",
    "{ strict { n things { n } } }",
    "{ a: things { later { n } } b: things { n } numbers }",
]


@pytest.mark.parametrize("query", QUERIES)
@pytest.mark.parametrize(("count", "inner"), [(400, 0), (40, 10), (5, 1)])
async def test_a_long_list_lets_others_run_and_comes_out_the_same(query: str, count: int, inner: int) -> None:
    things = [Thing(n, inner) for n in range(count)]
    root = {"things": things, "strict": things, "numbers": list(range(5_000))}
    complete = await at_once(query, root)

    async with counting_turns() as turns:
        result = await executed(query, root)

    assert result.data == complete.data
    assert sorted(map(str, result.errors or [])) == sorted(map(str, complete.errors or []))
    if complete.data and complete.data.get("things"):
        assert turns.count >= count // 20


async def test_a_short_list_and_a_list_of_numbers_are_done_in_one_go() -> None:
    for query, root in [("{ things { n } }", {"things": [Thing(1)]}), ("{ numbers }", {"numbers": list(range(5_000))})]:
        async with counting_turns() as turns:
            await executed(query, root)
        assert turns.count == 0


async def test_what_is_not_ready_at_the_deadline_is_null_with_one_error_for_its_list() -> None:
    root = {"things": [Thing(n) for n in range(200, 400)], "numbers": [1]}

    result = await executed("{ numbers things { n } }", root, deadline=asyncio.get_running_loop().time())

    assert result.data == {"numbers": [1], "things": None}
    assert [(error.path, error.original_error.extensions["code"]) for error in result.errors] == [
        (["things"], "UPSTREAM_TIMEOUT")
    ]


async def test_a_client_that_stops_waiting_leaves_the_others_their_turn() -> None:
    root = {"things": [Thing(n) for n in range(200, 400)]}
    first, second = (asyncio.ensure_future(executed("{ things { n later { n } } }", root)) for _ in range(2))
    await asyncio.sleep(0)
    first.cancel()

    assert len((await second).data["things"]) == 200
    assert first.cancelled()


@pytest.mark.parametrize("count", [MAX_ERRORS, MAX_ERRORS + 1, 500])
async def test_errors_are_listed_up_to_a_bound_and_then_counted(count: int) -> None:
    root = {"things": [Thing(n) for n in range(1000, 1000 + count)]}
    result = await executed("{ things { maybe } }", root)

    listed, rest = result.errors[:MAX_ERRORS], result.errors[MAX_ERRORS:]
    assert len(listed) == MAX_ERRORS
    assert all(error.path for error in listed)
    assert [(error.message, error.extensions["code"]) for error in rest] == (
        [(f"{count - MAX_ERRORS} more errors are not listed.", "ERRORS_OMITTED")] if count > MAX_ERRORS else []
    )
    assert result.data["things"] == [{"maybe": None}] * count


def test_later_parts_list_what_the_first_left_and_say_once_that_there_are_more() -> None:
    later = LaterErrors(listed=15)
    errors = [GraphQLError(str(n)) for n in range(3)]
    parts = [[str(item) for item in later.of(errors, at_least_one=False)] for _ in range(4)]

    assert parts == [["0", "1", "2"], ["0", "1", "More errors are not listed."], [], []]
    assert [item.extensions for item in later.of(errors, at_least_one=True)] == [{"code": "ERRORS_OMITTED"}]
