"""Index threads: a bounded queue, deadlines in the queue and while a query runs, and turns between operations."""

import asyncio
import math
import sqlite3
import threading
import time
from collections.abc import AsyncIterator, Callable

import pytest

from graphql_api.errors import ServerBusy, UpstreamTimeout
from graphql_api.index.readers import Readers
from graphql_api.observability.fetch_context import FetchContext
from graphql_api.settings import Settings
from tests.conftest import Server

ENDLESS = "WITH RECURSIVE counted(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM counted) SELECT count(*) FROM counted"


def connect() -> sqlite3.Connection:
    return sqlite3.connect(":memory:", check_same_thread=False)


def return_one(connection: sqlite3.Connection) -> int:
    result: int = connection.execute("SELECT 1").fetchone()[0]
    return result


@pytest.fixture
async def readers() -> AsyncIterator[Readers]:
    made = Readers(connect, threads=1, queue=3)
    yield made
    made.close()


class Held:
    """A query that holds its thread until it is released."""

    def __init__(self) -> None:
        self.began, self.release = threading.Event(), threading.Event()

    def __call__(self, connection: sqlite3.Connection) -> int:
        self.began.set()
        self.release.wait()
        return return_one(connection)


class OtherClock(asyncio.SelectorEventLoop):
    """An event loop whose clock differs from `time.monotonic`."""

    difference = 0.0

    def time(self) -> float:
        return super().time() + self.difference


@pytest.mark.parametrize("difference", [-1e6, 1e6])
def test_deadlines_use_the_clock_of_the_event_loop(difference: float) -> None:
    loop = OtherClock()
    loop.difference = difference
    readers = Readers(connect, threads=1)
    try:
        assert loop.run_until_complete(readers.run(loop.time() + 1000, return_one)) == 1
        with pytest.raises(UpstreamTimeout):
            loop.run_until_complete(readers.run(loop.time() - 1, return_one))
    finally:
        readers.close()
        loop.close()


async def test_a_query_whose_deadline_passed_in_the_queue_is_not_run(readers: Readers) -> None:
    held, ran = Held(), list[sqlite3.Connection]()
    first = asyncio.create_task(readers.run(math.inf, held))
    await asyncio.to_thread(held.began.wait)

    with pytest.raises(UpstreamTimeout) as raised:
        await readers.run(time.monotonic() - 1, ran.append)
    held.release.set()

    assert await first == 1
    assert await readers.run(math.inf, return_one) == 1
    assert ran == []
    assert raised.value.extensions == {"code": "UPSTREAM_TIMEOUT", "retryAfter": 1.0}


async def test_a_running_query_is_interrupted_at_its_deadline(readers: Readers) -> None:
    errors = list[sqlite3.Error]()

    def endless(connection: sqlite3.Connection) -> None:
        try:
            connection.execute(ENDLESS).fetchall()
        except sqlite3.Error as error:
            errors.append(error)
            raise

    with pytest.raises(UpstreamTimeout):
        await readers.run(time.monotonic() + 0.02, endless)

    assert await readers.run(math.inf, return_one) == 1  # by the only thread
    assert [str(item) for item in errors] == ["interrupted"]


async def test_a_query_is_interrupted_when_its_caller_is_cancelled(readers: Readers) -> None:
    began = threading.Event()

    def endless(connection: sqlite3.Connection) -> None:
        began.set()
        connection.execute(ENDLESS).fetchall()

    task = asyncio.create_task(readers.run(math.inf, endless))
    await asyncio.to_thread(began.wait)
    task.cancel()

    assert await readers.run(math.inf, return_one) == 1
    assert task.cancelled()


async def test_a_full_queue_rejects_with_a_code_and_retry_after(readers: Readers) -> None:
    held = Held()
    tasks = [asyncio.create_task(readers.run(math.inf, item)) for item in (held, return_one, return_one)]
    await asyncio.to_thread(held.began.wait)

    with pytest.raises(ServerBusy) as raised:
        await readers.run(math.inf, return_one)
    held.release.set()

    assert raised.value.extensions == {"code": "SERVER_UNAVAILABLE", "retryAfter": 1.0}
    assert await asyncio.gather(*tasks) == [1, 1, 1]
    assert await readers.run(math.inf, return_one) == 1


async def test_query_errors_are_raised_to_the_caller(readers: Readers) -> None:
    with pytest.raises(sqlite3.OperationalError, match="no such table"):
        await readers.run(math.inf, lambda connection: connection.execute("SELECT * FROM absent"))
    with pytest.raises(sqlite3.OperationalError, match="no such table"):
        await readers.run(time.monotonic() + 60, lambda connection: connection.execute("SELECT * FROM absent"))


async def test_queries_of_two_operations_are_interleaved(server: Server) -> None:
    """The query of a second operation runs after one of the first, however many are queued."""
    services = server.app.state.services
    await services.indexes.ready("3.11")
    greedy, modest = services.loaders(FetchContext()), services.loaders(FetchContext())
    index = await greedy.index("3.11")
    index._readers.close()
    index._readers = Readers(connect, threads=1)
    order: list[str] = []

    def query_named(name: str) -> Callable[[sqlite3.Connection], None]:
        return lambda connection: order.append(name)

    held = Held()
    blocked = asyncio.create_task(index.query(held))
    await asyncio.to_thread(held.began.wait)
    many = [asyncio.ensure_future(greedy.ask(index, query_named("greedy"))) for _ in range(10)]
    await asyncio.sleep(0)
    other = asyncio.ensure_future(modest.ask(index, query_named("modest")))
    await asyncio.sleep(0)
    held.release.set()
    await asyncio.gather(blocked, other, *many)

    index._readers.close()
    assert order.index("modest") <= 1


async def test_the_deadline_of_a_request_ends_its_index_queries(server: Server, settings: Settings) -> None:
    services = server.app.state.services
    await services.indexes.ready("3.11")
    late = services.loaders(FetchContext(deadline=asyncio.get_running_loop().time() - 1))

    with pytest.raises(UpstreamTimeout):
        await late.ask(await late.index("3.11"), return_one)
