"""Graceful shutdown: running requests finish within a limit, no response is truncated, and the log has no traceback."""

import asyncio
import signal

import httpx
import pytest

from tests.conftest import LONG
from tests.server.processes import QUERY, answer, started

pytestmark = pytest.mark.slow

DRAIN = {"COMPETENT_DRAIN": "0.3", "COMPETENT_INDEX": "need"}


async def terminate(process: asyncio.subprocess.Process) -> None:
    """Tell it to stop, and wait until it has; how long that takes is measured in benchmarks."""
    process.send_signal(signal.SIGTERM)
    async with asyncio.timeout(LONG):
        _, errors = await process.communicate()
    assert process.returncode == 0
    assert b"Traceback" not in errors


@pytest.mark.parametrize("workers", ["1", "2"])
async def test_idle_connections_do_not_delay_shutdown(workers: str) -> None:
    long = {"COMPETENT_STOP_TIMEOUT": "600", "COMPETENT_IDLE_TIMEOUT": "600"}
    async with started("serve", "--workers", workers, **DRAIN | long) as (base, _, process):
        await answer(base)
        async with httpx.AsyncClient(base_url=base) as idle:
            assert (await idle.get("/health/live")).status_code == 200
            await terminate(process)


async def test_a_draining_server_fails_readiness_and_still_responds() -> None:
    async with started("serve", **DRAIN | {"COMPETENT_DRAIN": "600"}) as (base, _, process):
        await answer(base)
        async with httpx.AsyncClient(base_url=base) as client:
            process.send_signal(signal.SIGTERM)
            while (ready := await client.get("/health/ready")).status_code == 200:
                await asyncio.sleep(0)
            response = await client.post("/graphql", json=QUERY)
            await terminate(process)  # the second signal does not wait

    assert ready.json()["reasons"] == ["the server is shutting down"]
    assert ready.headers["connection"] == response.headers["connection"] == "close"
    assert response.json()["data"]["technicalCompetence"]["code"] == "CP-7"


async def test_shutdown_under_load_answers_every_request() -> None:
    async with started("serve", **DRAIN | {"COMPETENT_DRAIN": "600"}) as (base, _, process):
        await answer(base)
        asking = asyncio.Barrier(9)
        clients = [asyncio.create_task(_asks_until_closed(base, asking)) for _ in range(8)]
        await asking.wait()
        process.send_signal(signal.SIGTERM)
        await asyncio.gather(*clients)
        await terminate(process)


async def _asks_until_closed(base: str, asking: asyncio.Barrier) -> None:
    """Sends requests until a response has `Connection: close`; each response must be complete."""
    async with httpx.AsyncClient(base_url=base, timeout=LONG) as client:
        response = await client.post("/graphql", json=QUERY)
        await asking.wait()
        while response.headers.get("connection") != "close":
            response = await client.post("/graphql", json=QUERY)
            assert response.json()["data"]["technicalCompetence"]["code"] == "CP-7"


async def test_a_server_with_a_hung_upstream_stops_and_clients_get_errors() -> None:
    async with started("sandbox") as (sandbox, _, _), httpx.AsyncClient(base_url=sandbox, timeout=60) as sandbox_client:
        await sandbox_client.post("/sandbox/faults", json={"match": "**", "kind": "hang"})
        environment = DRAIN | {
            "COMPETENT_UPSTREAM_URL": sandbox,
            "COMPETENT_STORE": "memory:",
            "COMPETENT_DRAIN": "0",
            "COMPETENT_STOP_TIMEOUT": "0",
            "COMPETENT_UPSTREAM_ATTEMPT_TIMEOUT": "600",
            "COMPETENT_UPSTREAM_TOTAL_TIMEOUT": "600",
            "COMPETENT_OPERATION_TIMEOUT": "600",
        }
        async with (
            started("serve", **environment) as (base, _, process),
            httpx.AsyncClient(base_url=base, timeout=60) as client,
        ):
            while (await client.get("/health/live")).status_code != 200:
                pass
            waiting = asyncio.create_task(client.post("/graphql", json=QUERY))
            while "competent_operations_in_progress 1.0" not in (await client.get("/metrics")).text:
                await asyncio.sleep(0)
            await terminate(process)
            response = await waiting

    assert (response.status_code, response.headers["retry-after"]) == (503, "1")
    assert response.json()["errors"][0]["extensions"]["code"] == "SERVER_UNAVAILABLE"
