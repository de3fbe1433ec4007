"""Faults on demand: which request one happens to, what a client sees of it, and how partners set them."""

import asyncio
from collections.abc import AsyncIterator
from random import Random
from typing import Any

import httpx
import pytest
import uvicorn

from graphql_api.sandbox import Fault, Faults, Releases, create_sandbox
from tests.sandbox.conftest import ClientOf

PATH = "/releases/current/softskills"


@pytest.fixture
def faults() -> Faults:
    return Faults()


@pytest.fixture
def client(bundled: Releases, client_of: ClientOf, faults: Faults) -> httpx.AsyncClient:
    return client_of(create_sandbox(bundled, faults=faults))


@pytest.mark.parametrize(
    ("match", "path", "happens"),
    [
        ("/releases", "/releases", True),
        ("/releases", "/releases/3.11", False),
        ("/releases/{release}", "/releases/3.11", True),
        ("/releases/{release}", "/releases/3.11/softskills", False),
        ("/releases/*/softskills", "/releases/3.11/softskills", True),
        ("/releases/3.1*", "/releases/3.11", True),
        ("/releases/3.11", "/releases/3x11", False),
        ("/releases/{release}/technicalcompetences/*", "/releases/3.11/technicalcompetences/a/b", False),
        ("/releases/**", "/releases/3.11/technicalcompetences/a/b", True),
        ("**/used", "/releases/3.11/technicalcompetences/a/used", True),
    ],
)
def test_a_fault_applies_to_matching_paths(faults: Faults, match: str, path: str, happens: bool) -> None:
    faults.add(Fault(match, "html"))

    assert (faults.take(path) is not None) == happens


def test_a_fault_applies_its_number_of_times_and_then_the_next_one(faults: Faults) -> None:
    faults.add(Fault("/x", "status", times=2))
    faults.add(Fault("/x", "html"))

    taken = [faults.take(path) for path in ("/x", "/y", "/x", "/x", "/x")]

    assert [standing and standing.fault.effect for standing in taken] == ["status", None, "status", "html", "html"]


def test_a_fault_applies_at_its_rate() -> None:
    faults = Faults([Fault("/x", "html", rate=0.25)], random=Random(7))
    happened = sum(faults.take("/x") is not None for _ in range(4000))

    assert 900 < happened < 1100
    assert Faults([Fault("/x", "html", rate=0)]).take("/x") is None


def test_only_applied_faults_count_towards_the_number_of_times() -> None:
    faults = Faults([Fault("/x", "html", rate=0.5, times=3)], random=Random(7))

    assert sum(faults.take("/x") is not None for _ in range(100)) == 3


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        ({"match": "releases"}, "match must be a path"),
        ({"match": 5}, "match must be a path"),
        ({"effect": "explode"}, "kind must be one of slow, hang, status, cut, broken, html, not 'explode'"),
        ({"status": 503.0}, "status must be one of"),
        ({"status": 418}, "status must be one of 404, 429, 500, 502, 503, 504, not 418"),
        ({"rate": 1.5}, "rate must be a number from 0 to 1, not 1.5"),
        ({"rate": True}, "rate must be a number"),
        ({"seconds": -1}, "seconds must be a number from 0 to 3600, not -1"),
        ({"seconds": "1"}, "seconds must be a number"),
        ({"times": 0}, "times must be a whole number from 1 on, not 0"),
        ({"times": 1.0}, "times must be a whole number"),
        ({"retry_after": -1}, "retry_after must be a whole number from 0 on, not -1"),
    ],
)
def test_an_invalid_fault_is_refused(wrong: dict[str, Any], reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        Fault(**{"match": "/x", "effect": "html", **wrong})


async def test_without_faults_a_request_is_unchanged(client: httpx.AsyncClient) -> None:
    assert (await client.get(PATH)).status_code == 200


async def test_slow_delays_the_response(bundled: Releases, client_of: ClientOf) -> None:
    slept: list[float] = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)

    client = client_of(create_sandbox(bundled, faults=Faults([Fault(PATH, "slow", seconds=7.5)], sleep=sleep)))

    assert (await client.get(PATH)).status_code == 200
    assert slept == [7.5]


async def test_hang_responds_once_its_event_is_set(client: httpx.AsyncClient, faults: Faults) -> None:
    until = asyncio.Event()
    faults.add(Fault(PATH, "hang", until=until))

    hanging = asyncio.create_task(client.get(PATH))
    assert (await client.get("/releases")).status_code == 200
    assert not hanging.done()

    until.set()
    assert (await hanging).status_code == 200


async def test_hang_without_an_event_waits_until_the_faults_are_cleared(
    client: httpx.AsyncClient, faults: Faults
) -> None:
    faults.add(Fault(PATH, "hang", times=1))
    hanging = asyncio.create_task(client.get(PATH))
    await client.get("/releases")
    assert not hanging.done()

    faults.clear()
    assert (await hanging).status_code == 200


async def test_a_disconnected_client_ends_its_hanging_request(bundled: Releases, faults: Faults) -> None:
    faults.add(Fault(PATH, "hang"))
    app = create_sandbox(bundled, faults=faults)
    sent: list[Any] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {"type": "http", "method": "GET", "path": PATH, "root_path": "", "query_string": b"", "headers": []}
    await app(scope, receive, send)

    assert sent == []


async def test_status_429_has_the_format_of_the_gateway(client: httpx.AsyncClient, faults: Faults) -> None:
    faults.add(Fault(PATH, "status", status=429, retry_after=17))
    response = await client.get(PATH)

    assert (response.status_code, response.headers["retry-after"]) == (429, "17")
    assert response.json()["httpCode"] == "429"


@pytest.mark.parametrize("status", [500, 502, 503, 504])
async def test_other_statuses_have_the_format_of_the_service(
    client: httpx.AsyncClient, faults: Faults, status: int
) -> None:
    faults.add(Fault(PATH, "status", status=status))
    response = await client.get(f"/services/openservices/v1{PATH}")

    body = response.json()
    assert response.status_code == body["status"] == status
    assert body["path"] == f"/competent/api/external/v1{PATH}"
    assert "retry-after" not in response.headers


async def test_an_error_of_the_service_can_have_retry_after(client: httpx.AsyncClient, faults: Faults) -> None:
    faults.add(Fault(PATH, "status", status=503, retry_after=3))

    assert (await client.get(PATH)).headers["retry-after"] == "3"


async def test_cut_declares_the_full_length_and_sends_half(client: httpx.AsyncClient, faults: Faults) -> None:
    complete = (await client.get(PATH)).content
    faults.add(Fault(PATH, "cut"))
    response = await client.get(PATH)

    assert response.status_code == 200
    assert int(response.headers["content-length"]) == len(complete)
    assert response.content == complete[: len(complete) // 2]


async def test_broken_is_a_200_with_truncated_json(client: httpx.AsyncClient, faults: Faults) -> None:
    faults.add(Fault("/releases/**", "broken"))

    for path in (PATH, "/releases/3.12"):
        response = await client.get(path)
        assert response.status_code == 200
        assert int(response.headers["content-length"]) == len(response.content)
        with pytest.raises(ValueError):
            response.json()


async def test_html_is_a_200_with_a_page(client: httpx.AsyncClient, faults: Faults) -> None:
    faults.add(Fault(PATH, "html"))
    response = await client.get(PATH)

    assert (response.status_code, response.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert response.text.startswith("<!doctype html>")


async def test_a_fault_applies_behind_the_gateway(bundled: Releases, client_of: ClientOf, faults: Faults) -> None:
    faults.add(Fault("/**", "status", status=500))
    client = client_of(create_sandbox(bundled, key="k", rate_limit=1, faults=faults))

    assert (await client.get(PATH)).status_code == 401
    failed = await client.get(PATH, headers={"X-IBM-Client-Id": "k"})
    assert (failed.status_code, failed.headers["x-ratelimit-remaining"]) == (500, "name=default,0;")
    assert (await client.get(PATH, headers={"X-IBM-Client-Id": "k"})).status_code == 429


@pytest.fixture
async def address(bundled: Releases, faults: Faults) -> AsyncIterator[str]:
    """Where a real server serves the sandbox."""
    config = uvicorn.Config(create_sandbox(bundled, faults=faults), port=0, ws="none", lifespan="off", log_config=None)
    config.load()
    server = uvicorn.Server(config)
    server.lifespan = config.lifespan_class(config)
    await server.startup()
    host, port = server.servers[0].sockets[0].getsockname()[:2]
    yield f"http://{host}:{port}"
    await server.shutdown()


async def test_a_cut_response_is_a_connection_error_over_the_network(address: str, faults: Faults) -> None:
    faults.add(Fault(PATH, "cut", times=1))

    async with httpx.AsyncClient(base_url=address) as client:
        with pytest.raises(httpx.RemoteProtocolError):
            await client.get(PATH)
        assert (await client.get(PATH)).status_code == 200


# How partners set faults.


async def test_faults_are_added_listed_and_removed_over_http(client: httpx.AsyncClient, faults: Faults) -> None:
    fault = {"match": PATH, "kind": "status", "status": 429, "retryAfter": 2, "times": 1, "rate": 1, "seconds": 0.5}

    added = await client.post("/sandbox/faults", json=fault)
    assert (added.status_code, added.json()) == (201, {**fault, "left": 1})
    assert (await client.get(PATH)).status_code == 429
    assert (await client.get("/sandbox/faults")).json() == [{**fault, "left": 0}]
    assert (await client.get(PATH)).status_code == 200

    assert (await client.delete("/sandbox/faults")).status_code == 204
    assert (await client.get("/sandbox/faults")).json() == []
    assert len(faults) == 0


async def test_fault_routes_need_no_key_and_count_in_no_rate_limit(bundled: Releases, client_of: ClientOf) -> None:
    client = client_of(create_sandbox(bundled, key="k", rate_limit=0))

    assert (await client.get("/sandbox/faults")).status_code == 200


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ("{", "not JSON"),
        ("", "not JSON"),
        ("[]", "a fault is an object with match and kind"),
        ('{"match": "/x"}', "a fault is an object with match and kind"),
        ('{"match": "/x", "kind": "html", "often": 1}', "allowed keys: match, kind, seconds, status, retryAfter"),
        ('{"match": "/x", "kind": "explode"}', "kind must be one of slow, hang"),
        ('{"match": "/x", "kind": "status", "status": [429]}', "status must be one of"),
        ('{"match": "/x", "kind": "slow", "seconds": null}', "seconds must be a number"),
        ('{"match": "/x", "kind": {}}', "kind must be one of"),
        ("[" * 2000, "not JSON"),
        (" " * 20_000, "at most 10,000 bytes"),
    ],
)
async def test_the_error_for_an_invalid_fault_has_the_reason(
    client: httpx.AsyncClient, faults: Faults, body: str, reason: str
) -> None:
    response = await client.post("/sandbox/faults", content=body)

    assert response.status_code == 400
    assert reason in response.json()["error"]
    assert len(faults) == 0


async def test_at_most_a_hundred_faults_are_active(client: httpx.AsyncClient, faults: Faults) -> None:
    answers = [await client.post("/sandbox/faults", json={"match": "/x", "kind": "html"}) for _ in range(101)]

    assert [answer.status_code for answer in answers] == [201] * 100 + [400]
    assert len(faults) == 100
