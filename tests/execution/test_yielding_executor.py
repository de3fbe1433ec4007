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
    """An item with nested items; number 13 has no `n`, and `maybe` is always missing."""

    def __init__(self, n: int, inner: int = 0) -> None:
        self.n = None if n == 13 else n
        self.things = [Thing(number) for number in range(100, 100 + inner)]

    def maybe(self, info: Any) -> int:
        raise ValueError("none here")

    async def later(self, info: Any) -> "Thing":
        await asyncio.sleep(0)
        return self


async def result_in_slices(query: str, root: Any, deadline: float | None = None) -> Any:
    """The result of a query, in time slices by a clock that ticks."""
    scheduler = RoundRobin(Ticking())
    time_slice = TimeSlice(scheduler) if deadline is None else TimeSlice(scheduler, deadline)
    result: Any = execute(SCHEMA, parse(query), root, executor_class=YieldingExecutor, time_slice=time_slice)
    return await result if asyncio.iscoroutine(result) else result


async def without_yielding(query: str, root: Any) -> Any:
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
async def test_a_long_list_yields_to_the_event_loop_with_an_equal_result(query: str, count: int, inner: int) -> None:
    things = [Thing(n, inner) for n in range(count)]
    root = {"things": things, "strict": things, "numbers": list(range(5_000))}
    complete = await without_yielding(query, root)

    async with counting_turns() as turns:
        result = await result_in_slices(query, root)

    assert result.data == complete.data
    assert sorted(map(str, result.errors or [])) == sorted(map(str, complete.errors or []))
    if complete.data and complete.data.get("things"):
        assert turns.count >= count // 20


async def test_short_lists_and_lists_of_numbers_do_not_yield() -> None:
    for query, root in [("{ things { n } }", {"things": [Thing(1)]}), ("{ numbers }", {"numbers": list(range(5_000))})]:
        async with counting_turns() as turns:
            await result_in_slices(query, root)
        assert turns.count == 0


async def test_an_unfinished_list_at_the_deadline_is_null_with_one_error() -> None:
    root = {"things": [Thing(n) for n in range(200, 400)], "numbers": [1]}

    result = await result_in_slices("{ numbers things { n } }", root, deadline=asyncio.get_running_loop().time())

    assert result.data == {"numbers": [1], "things": None}
    assert [(error.path, error.original_error.extensions["code"]) for error in result.errors] == [
        (["things"], "UPSTREAM_TIMEOUT")
    ]


async def test_a_cancelled_operation_does_not_block_the_others() -> None:
    root = {"things": [Thing(n) for n in range(200, 400)]}
    first, second = (asyncio.ensure_future(result_in_slices("{ things { n later { n } } }", root)) for _ in range(2))
    await asyncio.sleep(0)
    first.cancel()

    assert len((await second).data["things"]) == 200
    assert first.cancelled()


@pytest.mark.parametrize("count", [MAX_ERRORS, MAX_ERRORS + 1, 500])
async def test_errors_beyond_the_limit_are_only_counted(count: int) -> None:
    root = {"things": [Thing(n) for n in range(1000, 1000 + count)]}
    result = await result_in_slices("{ things { maybe } }", root)

    listed, rest = result.errors[:MAX_ERRORS], result.errors[MAX_ERRORS:]
    assert len(listed) == MAX_ERRORS
    assert all(error.path for error in listed)
    assert [(error.message, error.extensions["code"]) for error in rest] == (
        [(f"{count - MAX_ERRORS} more errors are not listed.", "ERRORS_OMITTED")] if count > MAX_ERRORS else []
    )
    assert result.data["things"] == [{"maybe": None}] * count


def test_later_parts_share_the_error_limit_and_report_more_once() -> None:
    later = LaterErrors(listed=15)
    errors = [GraphQLError(str(n)) for n in range(3)]
    parts = [[str(item) for item in later.of(errors, at_least_one=False)] for _ in range(4)]

    assert parts == [["0", "1", "2"], ["0", "1", "More errors are not listed."], [], []]
    assert [item.extensions for item in later.of(errors, at_least_one=True)] == [{"code": "ERRORS_OMITTED"}]
