"""Health: alive always; ready when queries are answered, otherwise with the reasons."""

import asyncio
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest

from graphql_api.http.pages import health
from graphql_api.sandbox import Fault, Releases
from graphql_api.settings import Settings
from tests.conftest import LONG, Clock, Server, alive, counted, running


async def readiness(server: Server) -> tuple[int, dict[str, Any]]:
    response = await server.client.get("/health/ready")
    assert response.headers["cache-control"] == "no-store"
    return response.status_code, response.json()


async def test_a_working_server_is_ready_and_reports_the_state_of_its_index(server: Server) -> None:
    status, body = await readiness(server)

    assert status == 200
    assert body["index"]["state"] in ("complete", "missing", "unopened")
    assert {name: body[name] for name in ("ready", "reasons", "release", "upstream")} == {
        "ready": True,
        "reasons": [],
        "release": "3.11",
        "upstream": "up",
    }


@pytest.mark.slow
async def test_with_upstream_down_and_no_stored_data_it_is_unready_and_recovers(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(health, "READINESS_TIMEOUT", LONG)
    server.faults.add(Fault("**", "status", status=503))

    status, body = await readiness(server)
    assert status == 503
    assert body["reasons"] == [health.NO_DATA]
    assert body["upstream"] == "UPSTREAM_UNAVAILABLE"
    assert (await server.client.get("/health/live")).json() == {"status": "live"}

    server.faults.clear()
    async with asyncio.timeout(LONG):  # a failed document is not requested again immediately
        while (await readiness(server))[0] == 503:
            await asyncio.sleep(0)


async def test_with_upstream_down_it_is_ready_over_stored_documents(
    releases: Releases, settings: Settings, tmp_path: Path
) -> None:
    stored = replace(settings, store=f"sqlite:{tmp_path / 'documents.sqlite'}")
    async with running(releases, stored) as server:
        await server.ask("{ release { number } }")

    server = Server(releases, stored)
    server.faults.add(Fault("**", "status", status=503))
    async with alive(server):
        status, body = await readiness(server)

    assert (status, body["release"]) == (200, "3.11")


async def test_a_stale_copy_alone_does_not_mark_upstream_as_down(releases: Releases, settings: Settings) -> None:
    clock = Clock(1_000_000.0)
    async with alive(Server(releases, settings, clock=clock)) as server:
        await server.ask("{ release { number } }")
        clock.now += settings.current_ttl + 1
        old = await readiness(server)
        await server.app.state.services.store.wait_idle()
        renewed = await readiness(server)

    assert (old[0], old[1]["upstream"]) == (200, "up")
    assert (renewed[0], renewed[1]["upstream"]) == (200, "up")


async def test_a_failed_revalidation_marks_upstream_as_down(releases: Releases, settings: Settings) -> None:
    clock = Clock(1_000_000.0)
    async with alive(Server(releases, settings, clock=clock)) as server:
        await server.ask("{ release { number } }")
        server.faults.add(Fault("**", "status", status=503))
        clock.now += settings.current_ttl + 1
        await readiness(server)
        await server.app.state.services.store.wait_idle()
        status, body = await readiness(server)

    assert (status, body["ready"], body["upstream"]) == (200, True, "down, serving cached documents")


async def test_a_stopping_server_is_alive_but_not_ready(server: Server) -> None:
    server.app.state.stopping.set()

    status, body = await readiness(server)
    assert (status, body["reasons"]) == (503, ["the server is shutting down"])
    assert (await server.client.get("/health/live")).status_code == 200
    assert (await server.post("{ __typename }")).status_code == 200


async def test_health_reveals_no_host_or_path_of_upstream(server: Server) -> None:
    server.faults.add(Fault("**", "html"))
    response: httpx.Response = await server.client.get("/health/ready")

    assert response.status_code == 503
    assert "releases" not in response.text
    assert "://" not in response.text


async def test_a_silent_upstream_fails_readiness_after_the_probe_timeout(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(health, "READINESS_TIMEOUT", 0)
    server.faults.add(Fault("**", "hang"))

    status, body = await readiness(server)
    assert (status, body["upstream"], body["reasons"]) == (503, "UPSTREAM_TIMEOUT", [health.NO_DATA])


async def test_readiness_is_a_metric(server: Server) -> None:
    assert counted("competent_ready") == 1

    server.faults.add(Fault("**", "status", status=503))
    assert (await readiness(server))[0] == 503
    assert counted("competent_ready") == 0
