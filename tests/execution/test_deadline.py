"""One deadline covers the whole execution: documents, indexes, resolvers and waiting."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from starlette.types import ASGIApp, Receive, Scope, Send

from graphql_api.execution import graphql_core
from graphql_api.sandbox import Releases
from graphql_api.schema.loaders import Loaders
from graphql_api.settings import Settings
from tests.conftest import Server, alive

SEARCH = '{ release { number } search(text: "zorg") { totalCount } }'


class Hanging:
    """A Competent API whose lists of competences hang, so that no index is ever finished."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["path"].endswith("/technicalcompetences"):
            await asyncio.Event().wait()
        await self._app(scope, receive, send)


@pytest.fixture
async def unfinished_server(releases: Releases, settings: Settings, tmp_path: Path) -> AsyncIterator[Server]:
    """A server over it, whose index is never complete."""
    settings = replace(settings, cache_dir=tmp_path, upstream_attempt_timeout=600.0, upstream_total_timeout=600.0)
    async with alive(Server(releases, settings, Hanging)) as started:
        yield started


async def test_waiting_for_an_index_ends_at_the_deadline_of_the_client(unfinished_server: Server) -> None:
    response = (await unfinished_server.post(SEARCH, X_Competent_Timeout="0.2")).json()

    assert response["data"] == {"release": {"number": "3.11"}, "search": None}
    [error] = response["errors"]
    assert error["path"] == ["search"]
    assert error["extensions"]["code"] == "NOT_INDEXED_YET"
    assert error["extensions"]["retryAfter"] > 0


async def test_a_lookup_in_an_unbuilt_index_ends_at_the_deadline_of_the_server(
    releases: Releases, settings: Settings, tmp_path: Path
) -> None:
    settings = replace(
        settings,
        cache_dir=tmp_path,
        upstream_attempt_timeout=600.0,
        upstream_total_timeout=600.0,
        operation_timeout=2.0,
    )
    async with alive(Server(releases, settings, Hanging)) as server:
        assert await server.codes('{ skill(code: "SK-1") { code } }') == ["NOT_INDEXED_YET"]


@pytest.mark.parametrize("plans", ["on", "off"])
async def test_a_resolver_that_ignores_the_deadline_is_cancelled(
    releases: Releases, settings: Settings, plans: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def never(self: Loaders, release: str) -> Any:
        await asyncio.Event().wait()

    monkeypatch.setattr(Loaders, "release_number", never)
    monkeypatch.setattr(graphql_core, "GRACE", 0.0)
    async with alive(Server(releases, replace(settings, compiled_queries=plans, operation_timeout=0.1))) as server:
        response = (await server.post("{ release { number } }")).json()

    assert response["data"] is None
    [error] = response["errors"]
    assert error["extensions"]["code"] == "UPSTREAM_TIMEOUT"
    assert error["extensions"]["retryAfter"] == 1.0


async def test_a_deferred_part_that_is_not_ready_is_completed_with_an_error(
    releases: Releases, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def never(self: Loaders, number: str) -> Any:
        await asyncio.Event().wait()

    monkeypatch.setattr(Loaders, "index", never)
    monkeypatch.setattr(graphql_core, "GRACE", 0.0)
    query = '{ release { number } ... @defer { search(text: "zorg") { totalCount } } }'
    settings = replace(settings, incremental="on", operation_timeout=2.0)
    async with alive(Server(releases, settings)) as server:
        response = await server.post(query, Accept="multipart/mixed;incrementalSpec=v0.2, application/json")

    assert '"number":"3.11"' in response.text
    assert '"code":"UPSTREAM_TIMEOUT"' in response.text
    assert '"hasNext":false' in response.text
