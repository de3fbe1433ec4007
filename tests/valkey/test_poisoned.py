"""A real server with foreign values: none fails requests forever, or keeps replicas apart."""

import asyncio
import zlib
from collections.abc import AsyncIterator
from typing import Any

import pytest

from graphql_api.http.auth.rate_limit import Quotas
from graphql_api.observability.fetch_context import Priority
from graphql_api.store.memory import Memory
from graphql_api.store.valkey import MAX_KEYS, ValkeyStore
from graphql_api.upstream.limiter import SERVER, BlockScope, Permit, Reason, Rejection
from graphql_api.upstream.rate_limit_config import RateLimit
from graphql_api.upstream.valkey import Shared
from graphql_api.upstream.valkey_limiter import ValkeyLimiter
from tests.conftest import counted
from tests.store.fakes import PROFILE, Clock, Opened, Upstream, entry_of, profile
from tests.valkey.conftest import Server

pytestmark = pytest.mark.valkey

DOCUMENT = f"document2:{PROFILE}"
MOST = 100_000


@pytest.fixture
async def shared_store(valkey: Server) -> AsyncIterator[Shared]:
    made = Shared(valkey.url, "api")
    yield made
    await made.aclose()


async def command(shared_store: Shared, name: str, key_type: str, path: str, *arguments: object) -> Any:
    """Write to a key of the store, as another program could."""
    done = object()
    key = shared_store.key(key_type, path)
    result = await shared_store.run(lambda server: server.execute_command(name, key, *arguments), done)  # type: ignore[no-untyped-call]
    assert result is not done
    return result


VALUES: dict[str, tuple[str, tuple[object, ...]]] = {
    "rubbish": ("SET", (b"rubbish",)),
    "an empty value": ("SET", (b"",)),
    "a bomb": ("SET", (b'["' + PROFILE.encode() + b'",1.0,null,null]\n' + zlib.compress(b" " * 50_000_000),)),
    "a value of many bytes": ("SET", (b"x" * 3_000_000,)),
    "a list": ("RPUSH", ("a", "b")),
    "a hash": ("HSET", ("a", "b")),
    "a set": ("SADD", ("a",)),
    "a stream": ("XADD", ("*", "a", "b")),
}


@pytest.mark.parametrize("name", VALUES)
async def test_an_invalid_value_is_counted_refetched_and_overwritten(shared_store: Shared, name: str) -> None:
    instruction, arguments = VALUES[name]
    await command(shared_store, instruction, "document2", PROFILE, *arguments)
    upstream, before = Upstream(), counted("competent_store_invalid_entries_total", type="document")

    for _ in range(2):
        opened = Opened(upstream, Clock(), Memory(0), ValkeyStore(shared_store, 3600, document_bytes=MOST))
        assert await opened.ask(PROFILE) == [upstream.document(PROFILE)]
        await opened.store.aclose()

    assert upstream.paths == [PROFILE]
    assert counted("competent_store_invalid_entries_total", type="document") > before
    assert not shared_store._reach.alone


async def test_an_unusable_value_does_not_affect_others_in_the_same_read(shared_store: Shared) -> None:
    store = ValkeyStore(shared_store, 3600, document_bytes=MOST)
    paths = [profile(number) for number in range(2 * MAX_KEYS + 50)]
    for path in paths:
        store.put(path, entry_of(path))
    await store.aclose()
    await command(shared_store, "SET", "document2", paths[0], b"x" * 200_000)
    await command(shared_store, "DEL", "document2", paths[1])
    await command(shared_store, "RPUSH", "document2", paths[1], b"x")
    await command(shared_store, "DEL", "document2", paths[2])

    documents = await store.get_many(paths)

    assert {path: entry.document["id"] for path, entry in documents.items()} == {path: path[-36:] for path in paths[3:]}


async def test_large_replies_are_read_in_several_round_trips(
    shared_store: Shared, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("graphql_api.store.valkey.MAX_REPLY_BYTES", 10)
    store = ValkeyStore(shared_store, 3600)
    paths = [profile(number) for number in range(20)]
    for path in paths:
        store.put(path, entry_of(path))
    await store.aclose()

    assert (await store.get_many(paths)).keys() == set(paths)


@pytest.mark.parametrize(
    ("name", "arguments"),
    [("RPUSH", ("a",)), ("SET", ("somebody",)), ("HSET", ("a", "b"))],
    ids=["list", "ever", "hash"],
)
async def test_an_invalid_lease_expires_like_a_valid_one(
    shared_store: Shared, name: str, arguments: tuple[object, ...]
) -> None:
    await command(shared_store, name, "lease", PROFILE, *arguments)

    for _ in range(2):
        async with ValkeyStore(shared_store, 3600, lease=0.05).fetch_lease(PROFILE, lambda entry: True) as brought:
            assert brought is None
    assert await command(shared_store, "TYPE", "lease", PROFILE) == b"none"


async def test_a_server_that_refuses_writes_is_still_read(
    shared_store: Shared, caplog: pytest.LogCaptureFixture
) -> None:
    store = ValkeyStore(shared_store, 3600)
    store.put(PROFILE, entry_of(PROFILE))
    await store.aclose()
    await shared_store.run(lambda server: server.config_set("maxmemory", "1"), None)  # type: ignore[no-untyped-call]

    for number in range(3):
        store.put(profile(number), entry_of(profile(number)))
        await store.aclose()

    assert (await store.get_many([PROFILE])).keys() == {PROFILE}
    assert not shared_store._reach.alone
    assert caplog.text.count("accepts no documents") == 1


STATE = ("window", "remaining", "revalidations", "block", "probes")
ROUTE = "/releases"


def name_of(key_type: str, account: str) -> str:
    return f"{ROUTE} {account}"


@pytest.mark.parametrize("key_type", STATE)
@pytest.mark.parametrize(
    ("name", "arguments"),
    [("SET", ("x",)), ("RPUSH", ("x",)), ("HSET", ("until", "x", "as_of", "x", "count", "7")), ("ZADD", ("inf", "x"))],
    ids=["string", "list", "hash", "set"],
)
@pytest.mark.parametrize("account", ["everybody", "of "])
async def test_state_of_the_wrong_type_is_deleted_and_calls_continue(
    shared_store: Shared, key_type: str, name: str, arguments: tuple[object, ...], account: str
) -> None:
    limiter = ValkeyLimiter(shared_store, RateLimit(10))
    await command(shared_store, name, key_type, name_of(key_type, account), *arguments)

    for _ in range(2):
        assert isinstance(await limiter.acquire(SERVER, ROUTE, Priority.INTERACTIVE), Permit)
    assert not shared_store._reach.alone


@pytest.mark.parametrize("until", ["nan", "inf", "1e300", "soon", "99999999999"])
@pytest.mark.parametrize("reason", ["unavailable", "of another version", None])
async def test_no_stored_value_blocks_calls_beyond_the_maximum_block(
    shared_store: Shared, until: str, reason: str | None
) -> None:
    limiter = ValkeyLimiter(shared_store, RateLimit(10))
    await command(
        shared_store, "HSET", "block", f"{ROUTE} everybody", "until", until, *(("reason", reason) if reason else ())
    )

    assert isinstance(await limiter.acquire(SERVER, ROUTE, Priority.INTERACTIVE), Permit)


async def test_a_block_of_an_unknown_reason_holds(shared_store: Shared) -> None:
    clock = Clock()
    limiter = ValkeyLimiter(shared_store, RateLimit(10), clock)
    await command(
        shared_store, "HSET", "block", f"{ROUTE} everybody", "until", clock.now + 5, "reason", "next", "at", clock.now
    )

    refused = await limiter.acquire(SERVER, ROUTE, Priority.INTERACTIVE)

    assert refused == Rejection(Reason.UNAVAILABLE, 5.0)


async def test_a_clock_that_is_set_back_does_not_block_calls(shared_store: Shared) -> None:
    clock = Clock()
    limiter = ValkeyLimiter(shared_store, RateLimit(2), clock)
    for _ in range(2):
        assert isinstance(await limiter.acquire(SERVER, ROUTE, Priority.INTERACTIVE), Permit)
    await limiter.sync_remaining(SERVER, ROUTE, 0, clock.now)
    await limiter.block(BlockScope(ROUTE), 60, Reason.UNAVAILABLE)

    clock.now -= 3600

    other = ValkeyLimiter(shared_store, RateLimit(2), clock)
    assert isinstance(await other.acquire(SERVER, ROUTE, Priority.INTERACTIVE), Permit)
    assert isinstance(await other.acquire(SERVER, ROUTE, Priority.INTERACTIVE), Permit)
    assert isinstance(await other.acquire(SERVER, ROUTE, Priority.INTERACTIVE), Rejection)


@pytest.mark.parametrize(("name", "arguments"), [("SET", ("x",)), ("HSET", ("a", "b")), ("SADD", ("a",))])
async def test_a_quota_of_the_wrong_type_is_reset_for_all_replicas(
    valkey: Server, shared_store: Shared, name: str, arguments: tuple[object, ...]
) -> None:
    one, other = Quotas.of(valkey.url), Quotas.of(valkey.url)
    await one.take("a", 3)
    (key,) = await shared_store.run(lambda server: server.keys("competent:quota*"), [])
    await shared_store.run(lambda server: server.delete(key), None)
    await shared_store.run(lambda server: server.execute_command(name, key, *arguments), None)  # type: ignore[no-untyped-call]

    taken = [await item.take("a", 3) for item in (one, other, one, other)]

    assert [state.remaining for state in taken] == [2, 1, 0, 0]
    await asyncio.gather(one.aclose(), other.aclose())
