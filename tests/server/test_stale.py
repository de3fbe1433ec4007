"""Upstream failures while clients request cached data, and clients that disconnect. Over a sandbox in this process."""

import asyncio
import sqlite3
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import orjson
import pytest
from starlette.types import ASGIApp, Receive, Scope, Send

from graphql_api.app import create_app
from graphql_api.cli.query import _ask
from graphql_api.sandbox import Fault, Faults, Releases, create_sandbox
from graphql_api.settings import Settings
from tests.conftest import CP_7, LONG, Server, alive

QUERY = """{
  release { number publishedOn }
  occupationalProfiles(first: 2) {
    nodes { title { nl } essentialCompetences { code behaviouralIndicators { code } } }
  }
}"""


class Watched:
    """A Competent API with a count of the calls that are under way, which can become another one between two calls."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app
        self.under_way = 0
        self.move_at: tuple[str, ASGIApp] | None = None
        self.released = asyncio.Event()
        self.released.set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self.move_at is not None and self.move_at[0] in scope["path"]:
            self.app, self.move_at = self.move_at[1], None
        self.under_way += 1
        try:
            await self.released.wait()
            await self.app(scope, receive, send)
        finally:
            self.under_way -= 1

    async def assert_ends_promptly(self) -> None:
        """Fails unless all calls end within a few event-loop passes, well before their timeout."""
        for _ in range(50):
            await asyncio.sleep(0)
        assert self.under_way == 0

    async def wait_for_calls(self) -> None:
        """Wait until no call is in progress or about to start."""
        still = 0
        while still < 50:
            await asyncio.sleep(0)
            still = 0 if self.under_way else still + 1


class Stale(Server):
    """A server with a TTL of 0: each document is stale at the next query, and revalidated in the background."""

    def __init__(self, releases: Releases, settings: Settings) -> None:
        super().__init__(releases, replace(settings, release_ttl=0.0, current_ttl=0.0), Watched)
        self.watched: Watched = self.competent


@pytest.fixture
async def server(releases: Releases, settings: Settings) -> AsyncIterator[Stale]:
    async with alive(Stale(releases, settings)) as started:
        yield started
        started.faults.clear()


@pytest.mark.parametrize(
    "fault",
    [
        {"effect": "status", "status": 503},
        {"effect": "status", "status": 429, "retry_after": 7},
        {"effect": "hang"},
        {"effect": "cut"},
        {"effect": "broken"},
        {"effect": "html"},
    ],
)
async def test_cached_data_is_served_stale_through_any_upstream_failure(server: Stale, fault: dict[str, Any]) -> None:
    before = await server.ask(QUERY)
    server.faults.add(Fault("**", **fault))

    for _ in range(3):
        answer = (await server.post(QUERY)).json()
        assert "errors" not in answer
        assert answer["data"] == before
        assert answer["extensions"]["upstream"]["stale"] > 5
        assert answer["extensions"]["upstream"]["requests"] == 0


async def test_with_routes_down_each_lost_field_has_its_path_and_code(server: Stale) -> None:
    await server.ask(QUERY)
    server.faults.add(Fault("**", "status", status=503))
    query = QUERY.replace("code b", "code usedInOccupationalProfiles { totalCount } b")

    answer = (await server.post(query)).json()

    competences = [
        (["occupationalProfiles", "nodes", position, "essentialCompetences", below], value)
        for position, node in enumerate(answer["data"]["occupationalProfiles"]["nodes"])
        for below, value in enumerate(node["essentialCompetences"])
    ]
    assert all(value["behaviouralIndicators"] for _, value in competences)
    lost = sorted(error["path"] for error in answer["errors"])
    assert lost == sorted([*path, "usedInOccupationalProfiles"] for path, _ in competences)
    assert {error["extensions"]["code"] for error in answer["errors"]} == {"UPSTREAM_UNAVAILABLE"}


async def test_many_readers_of_stale_data_cause_one_call_per_document(server: Stale) -> None:
    await server.ask(QUERY)
    await server.watched.wait_for_calls()
    before = set(server.upstream_paths())

    server.watched.released.clear()  # a request after a finished revalidation starts another
    await asyncio.gather(*(server.ask(QUERY) for _ in range(20)))
    server.watched.released.set()
    await server.watched.wait_for_calls()

    repeated = Counter(server.upstream_paths())
    assert set(repeated) <= before
    assert set(repeated.values()) == {1}


@pytest.mark.parametrize("moves_at", ["/occupationalprofiles", "/occupationalprofiles/", "/technicalcompetences/"])
async def test_a_response_has_one_release_while_current_changes(
    releases: Releases, settings: Settings, moves_at: str
) -> None:
    query = """{
      release { number isCurrent }
      occupationalProfiles(first: 2) {
        nodes { title { nl } release { number isCurrent } essentialCompetences { behaviouralIndicators { code } release { number } } }
      }
      again: release { number isCurrent }
    }"""
    server = Stale(Releases(release for release in releases if release.number == "3.10"), settings)
    server.watched.move_at = (moves_at, create_sandbox(releases, requests=server.paths))

    async with alive(server):
        first = str(await server.ask(query))
        assert server.watched.move_at is None
        assert "'3.10'" in first
        assert "'3.11'" not in first
        assert "False" not in first
        assert {path.split("/")[2] for path in server.upstream_paths()} == {"current", "3.10"}

        await server.ask("{ release { number } }")  # of the old one still, and renewed behind
        await server.watched.wait_for_calls()
        second = str(await server.ask(query))
        assert "'3.11'" in second
        assert "'3.10'" not in second


@pytest.mark.parametrize("leavers", [1, 30])
async def test_disconnected_clients_cancel_calls_that_only_they_needed(server: Stale, leavers: int) -> None:
    await server.ask("{ release { number } }")
    server.faults.add(Fault("/releases/*/technicalcompetences/*", "hang"))
    query = f'{{ technicalCompetence(uuid: "{CP_7}", release: "3.11") {{ skill {{ code }} }} }}'
    server.upstream_paths()

    leaving = [asyncio.create_task(server.post(query)) for _ in range(leavers)]
    while not server.upstream_paths():
        await asyncio.sleep(0)
    assert server.watched.under_way == 1
    for task in leaving:
        task.cancel()
    await asyncio.gather(*leaving, return_exceptions=True)

    await server.watched.assert_ends_promptly()


async def test_a_client_that_disconnects_over_http_cancels_its_operation(server: Stale) -> None:
    server.faults.add(Fault("/releases/*/technicalcompetences/*", "hang"))
    query = f'{{ technicalCompetence(uuid: "{CP_7}", release: "3.11") {{ skill {{ code }} }} }}'
    received, hung_up = asyncio.Queue[dict[str, Any]](), asyncio.Event()
    await received.put({"type": "http.request", "body": orjson.dumps({"query": query})})
    sent: list[Any] = []

    async def receive() -> Any:
        return received.get_nowait() if not received.empty() else await _hang_up(hung_up)

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {
        "type": "http",
        "method": "POST",
        "path": "/graphql",
        "raw_path": b"/graphql",
        "query_string": b"",
        "headers": [(b"content-type", b"application/json")],
        "http_version": "1.1",
        "scheme": "http",
        "server": ("server.test", 80),
        "client": ("127.0.0.1", 1),
        "root_path": "",
    }
    answering = asyncio.create_task(server.app(scope, receive, send))
    while not server.watched.under_way:
        await asyncio.sleep(0)
    hung_up.set()
    await asyncio.wait_for(answering, LONG)

    await server.watched.assert_ends_promptly()
    assert server.upstream_paths()


async def _hang_up(when: asyncio.Event) -> dict[str, Any]:
    await when.wait()
    return {"type": "http.disconnect"}


async def test_ask_revalidates_a_stale_document_before_it_ends(
    releases: Releases, settings: Settings, tmp_path: Path
) -> None:
    async def turns(seconds: float) -> None:  # far more of them than an answer from the store takes
        for _ in range(5000):
            await asyncio.sleep(0)

    requests: list[str] = []
    writes: list[tuple[float]] = []
    faults = Faults([Fault("**", "slow")], sleep=turns)
    settings = replace(settings, current_ttl=0.0, store=f"sqlite:{tmp_path / 'documents.sqlite'}")

    for calls in (1, 2, 3):
        app = create_app(settings, create_sandbox(releases, requests=requests, faults=faults))
        answer = await _ask(app, {"query": "{ release { number } }"}, "")
        assert answer["data"] == {"release": {"number": "3.11"}}
        assert len(requests) == calls
        with sqlite3.connect(tmp_path / "documents.sqlite") as connection:
            writes.append(connection.execute("SELECT at FROM document WHERE path = '/releases/current'").fetchone())
        connection.close()
    assert len(set(writes)) == 3
