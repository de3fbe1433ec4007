"""The fast path checks authentication and quotas as the ASGI path does; each request counts once."""

import asyncio
import itertools
import re
from pathlib import Path

import orjson
import pytest
from limits.aio.storage import MemoryStorage

from graphql_api.execution.engine import Engine
from graphql_api.execution.operations import Request
from graphql_api.execution.schema import build_schema
from graphql_api.http.admission import LoopBudget
from graphql_api.http.auth import AccessPolicy, ApiKeyAuth
from graphql_api.http.auth.keys import Keys
from graphql_api.http.auth.rate_limit import Quotas
from graphql_api.http.graphql import CachePolicy, Endpoint, PersistedQueries
from graphql_api.observability.operation_log import OperationLog
from graphql_api.server.fast_path import FastPath, ResponseHeads
from tests.conftest import Clock, Server
from tests.http.auth.quota_clock import stop_quota_clock
from tests.server.fast_path.conftest import Made
from tests.server.fast_path.memory_transport import Answer, post
from tests.server.fast_path.requests import CP, CURRENT, LISTED, PINNED, get
from tests.server.fast_path.two_connections import Both


@pytest.fixture
def keys(tmp_path: Path) -> Keys:
    """A file without keys, which the server reads."""
    (tmp_path / "keys.json").write_text('{"keys": []}', encoding="utf-8")
    return Keys(tmp_path / "keys.json")


@pytest.fixture(autouse=True)
def stopped_quotas(monkeypatch: pytest.MonkeyPatch) -> None:
    """No quota is refilled while a test counts what is left."""
    stop_quota_clock(monkeypatch)


def remaining_requests(answer: Answer) -> int:
    """The remaining requests in the headers of a response."""
    match = re.fullmatch(r'"(?:cost-per-)?minute";r=(\d+);t=\d+', answer.field("ratelimit") or "")
    assert match
    return int(match[1])


def without_quota(answer: Answer) -> Answer:
    return answer.seen._replace(fields=tuple(field for field in answer.fields if not field[0].startswith("ratelimit")))


async def left_after_each(two: Both, requests: list[bytes]) -> list[list[int]]:
    """What is left of the quota after each request: three times on the fast path, once on the ASGI path."""
    return [
        [remaining_requests(await line.ask(request)) for line in (two.fast, two.fast, two.fast, two.long)]
        for request in requests
    ]


async def test_each_request_counts_once_in_the_quota_on_either_path(made: Made, keys: Keys) -> None:
    """Also for requests that the fast path tries and declines."""
    key = keys.new("partner", per_minute=20)
    sent = [
        post(PINNED, CP, X_API_Key=key),
        get(PINNED, CP, X_API_Key=key),
        post(LISTED, {"first": 30}, X_API_Key=key, Accept_Encoding="gzip"),
        post("{ nothing }", X_API_Key=key),
        post('{ node(id: "x") { id } }', X_API_Key=key),
    ]
    async with made(access="keys", keys_file=keys.file) as two:
        remaining = await left_after_each(two, sent)

    assert list(itertools.chain.from_iterable(remaining)) == [*range(19, -1, -1)]
    assert two.fast.spy is not None
    assert two.fast.spy.served.count(True) > 3


async def test_both_paths_count_the_same_cost(made: Made, keys: Keys) -> None:
    key = keys.new("partner", per_minute=100_000)
    sent = [post(PINNED, CP, X_API_Key=key), post(LISTED, {"first": 30}, X_API_Key=key)]
    async with made(access="keys", keys_file=keys.file, key_quota="cost") as two:
        remaining = await left_after_each(two, sent)

    for counts in remaining:
        assert len({before - after for before, after in itertools.pairwise(counts)}) == 1
    assert two.fast.spy is not None
    assert two.fast.spy.served.count(True) > 1


async def test_a_cost_over_the_remaining_quota_is_refused_on_both_paths(made: Made, keys: Keys) -> None:
    one, other = (keys.new(name, per_minute=6_000) for name in ("one", "other"))
    async with made(access="keys", keys_file=keys.file, key_quota="cost") as two:
        fast = [await two.fast.ask(post(LISTED, {"first": 30}, X_API_Key=one)) for _ in range(6)]
        long = [await two.long.ask(post(LISTED, {"first": 30}, X_API_Key=other)) for _ in range(6)]

    assert [answer.status for answer in fast] == [answer.status for answer in long]
    assert {answer.status for answer in fast} == {200, 429}
    assert list(map(remaining_requests, fast)) == list(map(remaining_requests, long))


@pytest.mark.parametrize("origins", ["", "*"])
async def test_clients_with_the_same_quota_get_equal_responses(made: Made, keys: Keys, origins: str) -> None:
    one, other = (keys.new(name, per_minute=30) for name in ("one", "other"))
    async with made(access="keys", keys_file=keys.file, cors_origins=origins) as two:
        for show in (lambda key: {"X_API_Key": key}, lambda key: {"Authorization": f"Bearer {key}"}):
            for query, variables in ((PINNED, CP), (CURRENT, CP), (LISTED, {"first": 30})):
                sent = [post(query, variables, Origin="https://a.example", **show(key)) for key in (one, other)]
                for item in sent:
                    await two.ask_uncached(item)
                (fast, was_fast), long = await two.fast.ask_fast(sent[0]), await two.long.ask(sent[1])

                assert was_fast
                assert without_quota(fast) == without_quota(long)
                assert remaining_requests(fast) == remaining_requests(long)
                assert fast.field("ratelimit-policy") == long.field("ratelimit-policy")
                assert (fast.field("cache-control") or "").startswith("private")


async def test_the_log_and_the_metrics_name_the_client(made: Made, keys: Keys) -> None:
    key = keys.new("partner")
    async with made(access="keys", keys_file=keys.file) as two:
        sent = post(PINNED, CP, X_API_Key=key)
        await two.ask_uncached(sent)
        two.take_lines()
        assert (await two.fast.ask_fast(sent))[1]
        (fast,) = two.take_lines()
        await two.long.ask(sent)
        (long,) = two.take_lines()

    assert fast == long
    assert fast["client"] == "partner"


async def assert_equal_refusals(two: Both, sent: bytes, status: int, code: str) -> None:
    for _ in range(2):
        answer, fast = await two.ask(sent)
        assert (answer.status, answer.codes, fast) == (status, [code], False)


async def test_requests_over_the_quota_get_equal_refusals_and_do_not_count(
    made: Made, keys: Keys, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("time.time", lambda: 1_800_000_000.0)  # so that both say the same time to wait
    key, other = keys.new("partner", per_minute=3), keys.new("other")
    async with made(access="keys", keys_file=keys.file) as two:
        sent = post(PINNED, CP, X_API_Key=key)
        await two.ask_uncached(sent)
        last, fast = await two.fast.ask_fast(sent)
        assert (remaining_requests(last), fast) == (0, True)

        await assert_equal_refusals(two, sent, 429, "RATE_LIMITED")

        assert (await two.fast.ask_fast(post(PINNED, CP, X_API_Key=other)))[0].status == 200


async def test_missing_and_unknown_keys_are_refused_for_cached_responses(made: Made, keys: Keys) -> None:
    key = keys.new("partner")
    async with made(access="keys", keys_file=keys.file, wrong_keys_per_minute=1000) as two:
        await two.ask_uncached(post(PINNED, CP, X_API_Key=key))
        for fields in ({}, {"X_API_Key": "x"}, {"X_API_Key": key[:-1]}, {"Authorization": f"Basic {key}"}):
            await assert_equal_refusals(two, post(PINNED, CP, **fields), 401, "UNAUTHENTICATED")
            await assert_equal_refusals(two, get(PINNED, CP, **fields), 401, "UNAUTHENTICATED")
        both = {"X_API_Key": key, "Authorization": f"Bearer {key}"}
        await assert_equal_refusals(two, post(PINNED, CP, **both), 400, "BAD_REQUEST")
        await assert_equal_refusals(two, get(PINNED, CP, X_API_Key=f"{key}, {key}"), 400, "BAD_REQUEST")


async def test_a_revoked_key_is_refused_on_the_fast_path(server: Server, keys: Keys) -> None:
    clock = Clock()
    key = keys.new("partner")
    outcomes, decide = OperationLog(), AccessPolicy(ApiKeyAuth(Keys(keys.file, clock), 10), Quotas(clock=clock))
    engine = Engine(build_schema(), server.app.state.services)
    endpoint = Endpoint(engine, PersistedQueries(None, False, None), CachePolicy(9, 9), 1000, 5)
    path = FastPath(endpoint, decide, LoopBudget(clock), outcomes, asyncio.Event(), ResponseHeads(()))
    body = orjson.dumps({"query": PINNED, "variables": CP})
    fields = {b"content-type": b"application/json", b"x-api-key": key.encode()}
    scope = {"method": "POST", "raw_path": b"/graphql", "query_string": b"", "headers": list(fields.items())}

    for _ in range(2):  # waits for documents, and finds them
        await engine.execute(Request(PINNED, CP))
    while_good = path.respond_to_parsed(scope, body, None, ())
    keys.revoke("partner")
    clock.now += 1.0

    assert while_good is not None
    assert b"CP-7" in while_good
    assert path.respond_to_parsed(scope, body, None, ()) is None


async def test_with_passthrough_the_fast_path_requires_a_client_key(made: Made) -> None:
    async with made(access="passthrough") as two:
        for key in ("a", "b"):
            answer, fast = await two.ask_repeated(post(PINNED, CP, X_IBM_Client_Id=key))
            assert (answer.field("cache-control"), fast) == ("private, max-age=86400", True)

        for fields in ({}, {"X_IBM_Client_Id": "two words"}, {"X_IBM_Client_Id": ""}):
            await assert_equal_refusals(two, post(PINNED, CP, **fields), 401, "UNAUTHENTICATED")


async def test_a_shared_quota_is_not_counted_locally() -> None:
    """Each request then takes the ASGI path, which can await the shared count."""
    assert Quotas(clock=Clock()).has_capacity_local("a", 1)
    assert not Quotas(MemoryStorage(), Clock()).has_capacity_local("a", 1)
