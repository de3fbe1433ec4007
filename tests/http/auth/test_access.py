"""Authentication: keys, quotas and keys of clients, over HTTP and WebSockets."""

import asyncio
import re
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import httpx
import pytest
from limits.aio.storage import MemoryStorage
from limits.errors import StorageError
from starlette.datastructures import Headers
from starlette.types import Message, Receive, Scope, Send

from graphql_api.http.auth import AccessPolicy, ApiKeyAuth, AuthMiddleware, WrongKeys, access_policy_for, is_open
from graphql_api.http.auth.authenticators import WrongKey
from graphql_api.http.auth.keys import Keys
from graphql_api.http.auth.middleware import OPEN_PATHS
from graphql_api.http.auth.policy import MAX_DELAYED, MAX_NETWORKS
from graphql_api.http.auth.rate_limit import REQUEST_COST, Quotas
from graphql_api.sandbox import Releases
from graphql_api.settings import Settings
from graphql_api.upstream.valkey import RETRY_INTERVAL
from tests.conftest import Clock, Server, alive, running
from tests.http.auth.quota_clock import stop_quota_clock

TINY = "{ __typename }"


@pytest.fixture
def keys(tmp_path: Path) -> Keys:
    """A file without keys, which the server reads."""
    (tmp_path / "keys.json").write_text('{"keys": []}', encoding="utf-8")
    return Keys(tmp_path / "keys.json")


@pytest.fixture
async def server(releases: Releases, settings: Settings, keys: Keys) -> AsyncIterator[Server]:
    async with running(releases, replace(settings, access="keys", keys_file=keys.file)) as started:
        yield started


class KeyRecorder(Server):
    """A server whose upstream records the keys of its calls."""

    def __init__(self, releases: Releases, settings: Settings) -> None:
        super().__init__(releases, settings, lambda _: self._record)
        self.keys_seen: list[str] = []

    async def _record(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.keys_seen.append(Headers(scope=scope).get("x-ibm-client-id", ""))
        await self.sandbox(scope, receive, send)


@pytest.fixture
async def passthrough(releases: Releases, settings: Settings) -> AsyncIterator[KeyRecorder]:
    async with alive(KeyRecorder(releases, replace(settings, access="passthrough"))) as started:
        yield started


@pytest.mark.parametrize(
    "header", ["Authorization: Bearer {}", "authorization: bearer  {}", "X-API-Key: {}", "x-api-key: {}"]
)
async def test_a_valid_key_grants_access(keys: Keys, releases: Releases, settings: Settings, header: str) -> None:
    key = keys.new("partner", 100)
    server = Server(releases, replace(settings, access="keys", keys_file=keys.file))
    name, _, value = header.format(key).partition(": ")
    async with server.client:
        response = await server.client.post("/graphql", json={"query": TINY}, headers={name: value})

    assert response.json() == {"data": {"__typename": "Query"}}
    assert response.headers["ratelimit-policy"] == '"minute";q=100;w=60'
    assert response.headers["ratelimit"] in ('"minute";r=99;t=60', '"minute";r=99;t=59')


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"authorization": "Bearer"},
        {"authorization": "Bearer nonsense"},
        {"authorization": "Basic dXNlcjpwYXNz"},
        {"x-api-key": "nonsense"},
        {"x-api-key": "cgk_000000000000_" + "A" * 43},
        {"x-ibm-client-id": "theirs"},
        {"cookie": "x-api-key=nonsense"},
    ],
)
@pytest.mark.parametrize("method", ["POST", "GET", "HEAD", "OPTIONS", "DELETE"])
async def test_a_request_without_a_valid_key_gets_401(server: Server, headers: dict[str, str], method: str) -> None:
    response = await server.client.request(method, "/graphql", params={"query": TINY}, headers=headers)

    assert response.status_code == 401
    assert response.headers["www-authenticate"] == 'Bearer realm="competent-graphql"'
    if method != "HEAD":
        (error,) = response.json()["errors"]
        assert error["extensions"] == {"code": "UNAUTHENTICATED", "requestId": response.headers["x-request-id"]}
        assert "nonsense" not in response.text
    assert server.upstream_paths() == []


REPEATED = [
    [("x-api-key", "{}"), ("x-api-key", "{}")],
    [("x-api-key", "{}"), ("x-api-key", "nonsense")],
    [("authorization", "Bearer {}"), ("authorization", "Bearer {}")],
    [("authorization", "Bearer {}"), ("authorization", "Basic dXNlcjpwYXNz")],
    [("authorization", "Bearer {}"), ("x-api-key", "{}")],
    [("authorization", "bearer nonsense"), ("x-api-key", "{}")],
    [("x-api-key", "{}, nonsense")],
    [("authorization", "Bearer {}, Bearer {}")],
]


@pytest.mark.parametrize("fields", REPEATED)
async def test_a_request_with_two_credentials_is_refused(
    server: Server, keys: Keys, fields: list[tuple[str, str]]
) -> None:
    key = keys.new("partner")
    headers = [(name, value.replace("{}", key)) for name, value in fields]
    response = await server.client.post("/graphql", json={"query": TINY}, headers=headers)

    assert response.status_code == 400
    (error,) = response.json()["errors"]
    assert error["extensions"]["code"] == "BAD_REQUEST"
    assert "Multiple credentials" in error["message"]


@pytest.mark.parametrize(
    "name",
    ["x-api-key", "X-API-Key", "api_key", "apikey", "key", "access_token", "token", "authorization", "client_id"],
)
@pytest.mark.parametrize("header", [True, False])
async def test_a_key_in_the_url_is_refused(server: Server, keys: Keys, name: str, header: bool) -> None:
    key = keys.new("partner")
    headers = {"x-api-key": key} if header else {}
    response = await server.client.get("/graphql", params={"query": TINY, name: key}, headers=headers)

    assert response.status_code == 400
    assert "Keys in URLs are refused" in response.json()["errors"][0]["message"]


async def test_basic_authentication_of_a_proxy_is_ignored(releases: Releases, settings: Settings, keys: Keys) -> None:
    key = keys.new("partner")
    async with running(releases, replace(settings, access="keys", keys_file=keys.file)) as server:
        response = await server.post(TINY, authorization="Basic dXNlcjpwYXNz", x_api_key=key)

    assert response.status_code == 200


async def test_two_passthrough_keys_are_refused(passthrough: KeyRecorder) -> None:
    headers = [("x-ibm-client-id", "one"), ("x-ibm-client-id", "other")]
    response = await passthrough.client.post("/graphql", json={"query": TINY}, headers=headers)

    assert response.status_code == 400
    assert passthrough.keys_seen == []


async def test_wrong_keys_are_delayed_but_valid_ones_are_not(
    releases: Releases, settings: Settings, keys: Keys, monkeypatch: pytest.MonkeyPatch
) -> None:
    slept: list[float] = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)

    good = keys.new("partner")
    monkeypatch.setattr(
        "graphql_api.app.access_policy_for", lambda _: AccessPolicy(ApiKeyAuth(keys, 99), Quotas(), wrong)
    )
    wrong = WrongKeys(3, Clock(), sleep)
    server = Server(releases, replace(settings, access="keys", keys_file=keys.file))
    async with server.client:
        answers = [await server.post(TINY, x_api_key="nonsense") for _ in range(5)]
        without = await server.post(TINY)
        fine = await server.post(TINY, x_api_key=good)

    assert [response.status_code for response in answers] == [401, 401, 401, 429, 429]
    assert answers[-1].json()["errors"][0]["extensions"]["code"] == "RATE_LIMITED"
    assert answers[-1].headers["retry-after"] == "20"
    assert len(slept) == 2
    assert (without.status_code, fine.status_code) == (401, 200)


def network(number: int) -> str:
    return f"192.0.{number >> 8}.{number & 255}"


async def test_wrong_keys_count_per_network_in_bounded_memory() -> None:
    clock = Clock()
    wrong = WrongKeys(1, clock, sleep=lambda _: asyncio.sleep(0))
    refusal = WrongKey("wrong")

    assert (await wrong.refusal(refusal, network(1))).status == 401
    assert (await wrong.refusal(refusal, network(1))).status == 429
    assert (await wrong.refusal(refusal, network(2))).status == 401
    clock.now += 60
    assert (await wrong.refusal(refusal, network(1))).status == 401
    for number in range(2 * MAX_NETWORKS):
        await wrong.refusal(refusal, network(number))
    assert len(wrong._networks) == MAX_NETWORKS


async def test_the_number_of_delayed_requests_is_bounded() -> None:
    release = asyncio.Event()
    wrong = WrongKeys(1, Clock(), sleep=lambda _: release.wait())
    await wrong.refusal(WrongKey("wrong"), "")
    held = [asyncio.ensure_future(wrong.refusal(WrongKey("wrong"), "")) for _ in range(MAX_DELAYED)]
    await asyncio.sleep(0)

    assert (await wrong.refusal(WrongKey("wrong"), "")).status == 429  # immediately
    assert not any(item.done() for item in held)
    release.set()
    assert {item.status for item in await asyncio.gather(*held)} == {429}


@pytest.mark.parametrize(
    "path", ["/", "/health/live", "/graphiql", "/graphiql/assets/icon.svg", "/schema.graphql", "/llms.txt"]
)
async def test_public_pages_need_no_key(server: Server, path: str) -> None:
    assert (await server.client.get(path)).status_code == 200


def test_the_documentation_lists_the_paths_that_need_no_key() -> None:
    page = (Path(__file__).parents[3] / "docs" / "access.md").read_text(encoding="utf-8")
    (listed,) = [paragraph for paragraph in page.split("\n\n") if paragraph.startswith("No key is needed for `/`")]

    assert [path for path in OPEN_PATHS if not re.search(f"`{path}[`/]", listed)] == []


@pytest.mark.parametrize("path", ["/id/3.11/skill/x", "/nothing", "/graphql/", "/graphiqlx", "/healthy", "/metricsx"])
async def test_all_other_routes_need_a_key(server: Server, path: str) -> None:
    assert (await server.client.get(path)).status_code == 401
    assert not is_open(path)


async def test_a_key_over_its_quota_gets_429_with_retry_after(
    releases: Releases, settings: Settings, keys: Keys
) -> None:
    first, second = keys.new("first", 3), keys.new("second", 3)
    server = Server(releases, replace(settings, access="keys", keys_file=keys.file))
    answers = [await server.post(TINY, x_api_key=first) for _ in range(4)]

    assert [response.status_code for response in answers] == [200, 200, 200, 429]
    refused = answers[-1]
    (error,) = refused.json()["errors"]
    assert error["extensions"]["code"] == "RATE_LIMITED"
    assert 1 <= error["extensions"]["retryAfter"] <= 60
    assert int(refused.headers["retry-after"]) == error["extensions"]["retryAfter"]
    assert refused.headers["ratelimit"].startswith('"minute";r=0;t=')
    assert (await server.post(TINY, x_api_key=second)).status_code == 200


async def test_a_cors_preflight_needs_no_key(releases: Releases, settings: Settings, keys: Keys) -> None:
    server = Server(
        releases, replace(settings, access="keys", keys_file=keys.file, cors_origins="https://partner.example")
    )
    asks = {
        "origin": "https://partner.example",
        "access-control-request-method": "POST",
        "access-control-request-headers": "x-api-key",
    }
    async with server.client:
        preflight = await server.client.options("/graphql", headers=asks)
        refused = await server.post(TINY, origin="https://partner.example")

    assert preflight.status_code == 200
    assert refused.status_code == 401
    assert refused.headers["access-control-allow-origin"] == "https://partner.example"


async def test_the_key_of_a_client_goes_upstream_and_documents_are_shared(passthrough: KeyRecorder) -> None:
    query = '{ occupationalProfile(code: "OP-112") { code } }'
    seen = passthrough.keys_seen

    first = await passthrough.post(query, x_ibm_client_id="their-key-1")
    assert first.json()["data"]["occupationalProfile"] == {"code": "OP-112"}
    assert set(seen) == {"their-key-1"}
    seen.clear()
    second = await passthrough.post(query, x_ibm_client_id="their-key-2")

    assert second.json() == first.json()
    assert seen == []


@pytest.mark.parametrize("key", [None, "", "a b", "x" * 201])
async def test_passthrough_refuses_clients_without_a_key(passthrough: Server, key: str | None) -> None:
    headers = {} if key is None else {"x_ibm_client_id": key}
    response = await passthrough.post(TINY, **headers)

    assert response.status_code == 401
    assert response.json()["errors"][0]["extensions"]["code"] == "UNAUTHENTICATED"


class Down(MemoryStorage):
    """A shared server that cannot be reached."""

    calls = 0

    async def acquire_entry(self, key: str, limit: int, expiry: int, amount: int = 1) -> bool:
        self.calls += 1
        raise StorageError(ConnectionError("refused"))


async def test_without_the_shared_server_a_process_counts_quotas_locally(caplog: pytest.LogCaptureFixture) -> None:
    now, down = 1.0, Down()
    quotas = Quotas(down, lambda: now)

    assert [(await quotas.take("a", 2)).allowed for _ in range(3)] == [True, True, False]
    assert caplog.text.count("the Valkey server for quotas cannot be reached") == 1
    assert down.calls == 1
    now += RETRY_INTERVAL
    await quotas.take("a", 2)
    assert down.calls == 2


def test_quotas_are_shared_only_if_the_store_is() -> None:
    assert Quotas.of("valkey://127.0.0.1:6379/0")._shared is not None
    assert Quotas.of("sqlite:x")._shared is None


def test_open_access_on_a_public_address_is_logged(caplog: pytest.LogCaptureFixture, settings: Settings) -> None:
    assert access_policy_for(settings) is None
    assert caplog.text == ""
    access_policy_for(replace(settings, host="0.0.0.0"))
    assert "COMPETENT_ACCESS=keys" in caplog.text


@pytest.mark.parametrize("mode", [0o600, 0o644, 0o660])
def test_a_keys_file_readable_by_others_is_logged_at_startup(
    keys: Keys, settings: Settings, caplog: pytest.LogCaptureFixture, mode: int
) -> None:
    keys.new("partner")
    keys.file.chmod(mode)
    access_policy_for(replace(settings, access="keys", keys_file=keys.file))

    assert caplog.text.count(f"chmod 600 {keys.file}") == (mode != 0o600)


async def test_a_long_response_ends_when_its_key_is_revoked(tmp_path: Path) -> None:
    now = 0.0
    keys = Keys(tmp_path / "keys.json", lambda: now)
    key = keys.new("partner")
    sent: list[Message] = []

    async def events(scope: Scope, receive: Receive, send: Send) -> None:
        nonlocal now
        await send({"type": "http.response.start", "status": 200, "headers": []})
        for n in range(4):
            if n == 2:
                Keys(keys.file).revoke("partner")
                now += 1.0
            await send({"type": "http.response.body", "body": b"x", "more_body": True})

    async def receive() -> Message:
        return {"type": "http.request"}

    async def send(message: Message) -> None:
        sent.append(message)

    scope = {"type": "http", "path": "/graphql", "headers": [(b"x-api-key", key.encode())]}
    await AuthMiddleware(events, AccessPolicy(ApiKeyAuth(keys, 10), Quotas()))(scope, receive, send)

    assert [message.get("body", b"") for message in sent[1:]] == [b"x", b"x", b""]
    assert sent[-1]["more_body"] is False


# Quotas that count costs

LIST = "query ($n: Int) { skills(first: $n) { nodes { code } } }"


PARTNER, OTHER = "partner", "other"


@pytest.fixture
def secrets(keys: Keys) -> dict[str, str]:
    """Keys of two clients with the default quota, and of one with a small one."""
    return {PARTNER: keys.new(PARTNER), OTHER: keys.new(OTHER), "small": keys.new("small", 3 * REQUEST_COST)}


@pytest.fixture
async def server_with_cost_quota(
    releases: Releases, settings: Settings, keys: Keys, secrets: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Server]:
    """A server whose keys have a cost quota, with a stopped clock."""
    stop_quota_clock(monkeypatch)
    with_costs = replace(settings, access="keys", keys_file=keys.file, key_quota="cost", key_cost_per_minute=1_000)
    async with running(releases, with_costs) as started:
        yield started


def remaining_cost(response: httpx.Response) -> int:
    return int(response.headers["ratelimit"].split("r=")[1].split(";")[0])


async def test_a_cost_quota_counts_the_cost_of_operations(
    server_with_cost_quota: Server, secrets: dict[str, str]
) -> None:
    key = secrets[PARTNER]
    small = await server_with_cost_quota.post(LIST, {"n": 1}, x_api_key=key)
    large = await server_with_cost_quota.post(LIST, {"n": 300}, x_api_key=key)

    assert small.headers["ratelimit-policy"] == '"cost-per-minute";q=1000;qu="cost";w=60'
    assert 1_000 - remaining_cost(small) == REQUEST_COST + 2 + 1 * 2
    assert remaining_cost(small) - remaining_cost(large) == REQUEST_COST + 2 + 300 * 2


async def test_an_operation_over_the_remaining_quota_is_not_executed(
    server_with_cost_quota: Server, secrets: dict[str, str]
) -> None:
    key, other = secrets[PARTNER], secrets[OTHER]
    assert (await server_with_cost_quota.post(LIST, {"n": 300}, x_api_key=key)).status_code == 200
    server_with_cost_quota.upstream_paths()
    refused = await server_with_cost_quota.post(LIST, {"n": 200}, x_api_key=key)
    (error,) = refused.json()["errors"]

    assert refused.status_code == 429
    assert error["extensions"]["code"] == "RATE_LIMITED"
    assert int(refused.headers["retry-after"]) == error["extensions"]["retryAfter"]
    assert "this costs 402 units, 298 are left of the 1,000 units per minute" in error["message"]
    assert refused.headers["ratelimit"].startswith('"cost-per-minute";r=298;')
    assert server_with_cost_quota.upstream_paths() == []
    assert (await server_with_cost_quota.post(LIST, {"n": 1}, x_api_key=key)).status_code == 200
    assert (await server_with_cost_quota.post(LIST, {"n": 200}, x_api_key=other)).status_code == 200


async def test_invalid_documents_and_pages_count_as_requests(
    server_with_cost_quota: Server, secrets: dict[str, str]
) -> None:
    key = secrets["small"]
    headers = {"X-API-Key": key}
    answers = [
        await server_with_cost_quota.post("{ nothing }", x_api_key=key),
        await server_with_cost_quota.client.get("/nowhere", headers=headers),
        await server_with_cost_quota.post("{", x_api_key=key),
        await server_with_cost_quota.client.get("/nowhere", headers=headers),
    ]

    assert [remaining_cost(response) for response in answers] == [2 * REQUEST_COST, REQUEST_COST, 0, 0]
    assert answers[-1].status_code == 429


async def test_linked_data_counts_the_cost_of_its_operations(
    server_with_cost_quota: Server, secrets: dict[str, str]
) -> None:
    page = await server_with_cost_quota.client.get("/id/3.11", headers={"X-API-Key": secrets[PARTNER]})

    assert page.status_code == 200
    assert 1_000 - remaining_cost(page) > REQUEST_COST


async def test_a_shared_cost_quota_counts_costs() -> None:
    quotas = Quotas(MemoryStorage(), unit="cost")

    states = [await quotas.take("a", 100, 60), await quotas.take("a", 100, 60), await quotas.take("a", 100, 30)]

    assert [(state.allowed, state.remaining, state.unit) for state in states] == [
        (True, 40, "cost"),
        (False, 40, "cost"),
        (True, 10, "cost"),
    ]
