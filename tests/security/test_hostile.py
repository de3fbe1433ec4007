"""Hostile requests: each refused with a code and a short message, without calls upstream, and the server stays healthy."""

import gc
import tracemalloc
from typing import Any

import httpx
import pytest

from graphql_api.execution.documents import MAX_BYTES
from tests.conftest import Server
from tests.security.hostile_requests import FAMILIES, Hostile

INSIDE = ("Traceback", "site-packages", "graphql_api", "/releases/", "sandbox", "0x7f", "sys.", ".py")
"""What no answer to a client may hold."""
ANSWER = 20_000
"""Bytes that a refusal may have."""


async def send(server: Server, hostile: Hostile) -> httpx.Response:
    return await server.client.request(hostile.method, hostile.path, content=hostile.content, headers=hostile.headers)


def faults(hostile: Hostile, response: httpx.Response) -> list[str]:
    """The faults of the response to a hostile request."""
    results: list[str] = []
    if response.status_code != (hostile.status or 200):
        results.append(f"status {response.status_code}")
    if len(response.content) > ANSWER:
        results.append(f"{len(response.content)} bytes")
    results += [f"discloses {item!r}" for item in INSIDE if item in response.text]
    errors: list[dict[str, Any]] = response.json().get("errors", [])
    codes = {error.get("extensions", {}).get("code") for error in errors}
    if codes != {hostile.code} or not 1 <= len(errors) <= 20:
        results.append(f"{len(errors)} errors with {codes}")
    if not all(error["message"] and error["extensions"]["requestId"] for error in errors):
        results.append("an error without a message or the id of the request")
    return results


@pytest.mark.parametrize("family", FAMILIES)
async def test_a_hostile_request_gets_a_short_error_with_its_code(server: Server, family: str) -> None:
    wrong = [
        (hostile.method, hostile.path[:80], hostile.content[:160], hostile.code, problems)
        for hostile in FAMILIES[family]()
        if (problems := faults(hostile, await send(server, hostile)))
    ]

    assert wrong == []
    assert (await server.client.post("/graphql", json={"query": "{ __typename }"})).json() == {
        "data": {"__typename": "Query"}
    }


def test_there_are_enough_hostile_requests() -> None:
    assert sum(len(list(family())) for family in FAMILIES.values()) >= 150


async def test_requests_refused_before_execution_cause_no_upstream_call(server: Server) -> None:
    for family in ("depth", "breadth", "fragments", "directives", "bodies", "encodings", "methods", "persisted"):
        for hostile in FAMILIES[family]():
            await send(server, hostile)

    assert server.upstream_paths() == []


@pytest.mark.slow
async def test_repeated_hostile_requests_use_bounded_memory(server: Server) -> None:
    requests = [hostile for family in FAMILIES.values() for hostile in family()][::4]

    async def round_of_all() -> int:
        for hostile in requests:
            await send(server, hostile)
        gc.collect()
        return tracemalloc.get_traced_memory()[0]

    await round_of_all()  # fills caches and loads what is loaded at first use
    tracemalloc.start()
    try:
        first = await round_of_all()
        assert await round_of_all() - first < 2_000_000
    finally:
        tracemalloc.stop()
    assert MAX_BYTES <= 32_000_000
