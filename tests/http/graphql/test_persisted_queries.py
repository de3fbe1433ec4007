"""Persisted queries: registered by clients under a hash, or listed in manifests of the operator."""

import json
import os
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Any, Protocol

import httpx
import orjson
import pytest

from graphql_api.errors import SettingsError
from graphql_api.http.graphql import RESPONSE_JSON
from graphql_api.http.graphql.persisted_queries import Automatic, Trusted, read_manifest
from graphql_api.sandbox import Releases
from graphql_api.settings import Settings
from tests.conftest import Server, running

TINY = "{ __typename }"
OTHER = "query Other { a: __typename }"


def hash_extension(query: str) -> dict[str, Any]:
    return {"persistedQuery": {"version": 1, "sha256Hash": sha256(query.encode()).hexdigest()}}


async def post(server: Server, **body: Any) -> httpx.Response:
    return await server.client.post("/graphql", json=body)


async def get(server: Server, **parameters: Any) -> httpx.Response:
    params = {name: value if isinstance(value, str) else json.dumps(value) for name, value in parameters.items()}
    return await server.client.get("/graphql", params=params)


def code(response: httpx.Response) -> str:
    (error,) = response.json()["errors"]
    return str(error["extensions"]["code"])


class Make(Protocol):
    """A server with these settings."""

    def __call__(self, **settings: Any) -> AbstractAsyncContextManager[Server]: ...


@pytest.fixture
def make(releases: Releases, settings: Settings) -> Make:
    return lambda **changes: running(releases, replace(settings, **changes).checked())


async def test_a_query_is_registered_once_and_then_requested_by_its_hash(server: Server) -> None:
    for ask in (post, get):
        query = f"query {ask.__name__} {{ __typename }}"
        unknown = await ask(server, extensions=hash_extension(query))
        left = await post(server, query=query, extensions=hash_extension(query))
        by_hash = await ask(server, extensions=hash_extension(query))

        assert (unknown.status_code, unknown.json()["errors"][0]["message"]) == (200, "PersistedQueryNotFound")
        assert code(unknown) == "PERSISTED_QUERY_NOT_FOUND"
        assert unknown.headers["cache-control"] == "no-store"
        assert left.json() == by_hash.json() == {"data": {"__typename": "Query"}}


async def test_a_hash_of_another_query_is_refused_and_not_stored(server: Server) -> None:
    refused = await post(server, query=TINY, extensions=hash_extension(OTHER))

    assert (refused.status_code, code(refused)) == (400, "BAD_REQUEST")
    assert code(await post(server, extensions=hash_extension(OTHER))) == "PERSISTED_QUERY_NOT_FOUND"


async def test_a_query_that_cannot_be_executed_is_not_stored(server: Server) -> None:
    for query in (
        "{",
        "{ nothing }",
        "query ($x: Int!) { node(id: $x) { id } }",
        "query A { a: __typename } query B { __typename }",
    ):
        await post(server, query=query, extensions=hash_extension(query))

        assert code(await post(server, extensions=hash_extension(query))) == "PERSISTED_QUERY_NOT_FOUND"


@pytest.mark.parametrize(
    "form",
    [
        "x",
        {},
        {"version": 2, "sha256Hash": "a" * 64},
        {"version": True, "sha256Hash": "a" * 64},
        {"version": 1},
        {"version": 1, "sha256Hash": ""},
        {"version": 1, "sha256Hash": "a" * 201},
        {"version": 1, "sha256Hash": ["a"]},
    ],
)
async def test_a_malformed_extension_is_400(server: Server, form: Any) -> None:
    assert (await post(server, query=TINY, extensions={"persistedQuery": form})).status_code == 400


async def test_the_setting_off_refuses_hashes_but_runs_queries(make: Make) -> None:
    async with make(apq_documents=0) as server:
        refused = await post(server, extensions=hash_extension(TINY))

        assert (refused.status_code, refused.json()["errors"][0]["message"]) == (200, "PersistedQueryNotSupported")
        assert code(refused) == "PERSISTED_QUERY_NOT_SUPPORTED"
        assert (await post(server, query=TINY, extensions=hash_extension(TINY))).json()["data"]
        assert code(await post(server, documentId="x")) == "PERSISTED_QUERY_NOT_SUPPORTED"


def test_persisted_queries_are_bounded_by_least_recent_use() -> None:
    few, small = Automatic(2, 10_000), Automatic(1000, 1000)
    for name in "abc":
        few.store(name, name)
        few.get("a")
        small.store(name, name * 400)

    assert [few.get(name) for name in "abc"] == ["a", None, "c"]
    assert [small.get(name) is None for name in "abc"] == [True, False, False]

    small.store("d", "d" * 2000)
    assert [small.get(name) for name in "abcd"] == [None] * 4


CODEGEN = {"0af1": TINY, "sha256:77": OTHER}
APOLLO = {
    "format": "apollo-persisted-query-manifest",
    "version": 1,
    "operations": [
        {"id": "0af1", "name": "", "type": "query", "body": TINY},
        {"id": "sha256:77", "name": "Other", "type": "query", "body": OTHER},
    ],
}


@pytest.fixture(params=[CODEGEN, APOLLO], ids=["codegen and relay", "apollo"])
def manifest(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    file = tmp_path / "manifest.json"
    file.write_bytes(orjson.dumps(request.param))
    return file


@pytest.fixture
async def server_with_manifest(make: Make, manifest: Path) -> AsyncIterator[Server]:
    async with make(persisted=(manifest,)) as server:
        yield server


@pytest.fixture
async def server_of_manifest_only(make: Make, manifest: Path) -> AsyncIterator[Server]:
    async with make(persisted=(manifest,), persisted_mode="only") as server:
        yield server


async def test_a_trusted_document_is_requested_by_its_id(
    server_with_manifest: Server, server_of_manifest_only: Server
) -> None:
    for server in (server_with_manifest, server_of_manifest_only):
        by_hash = f"sha256:{sha256(TINY.encode()).hexdigest()}"
        for ask in (post, get):
            assert (await ask(server, documentId="0af1")).json() == {"data": {"__typename": "Query"}}
            assert (await ask(server, documentId="sha256:77", operationName="Other")).json() == {"data": {"a": "Query"}}
            assert (await ask(server, documentId=by_hash)).json() == {"data": {"__typename": "Query"}}
            # Apollo's link for manifests sends the id as a hash.
            extensions = {"persistedQuery": {"version": 1, "sha256Hash": "0af1"}}
            assert (await ask(server, extensions=extensions)).json() == {"data": {"__typename": "Query"}}


async def test_an_unknown_id_is_persisted_query_not_found(
    server_with_manifest: Server, server_of_manifest_only: Server
) -> None:
    for server in (server_with_manifest, server_of_manifest_only):
        for response in (await post(server, documentId="nope"), await get(server, extensions=hash_extension("{ x }"))):
            assert code(response) == "PERSISTED_QUERY_NOT_FOUND"


async def test_an_id_with_another_query_is_refused(server_with_manifest: Server) -> None:
    assert (await post(server_with_manifest, documentId="0af1", query=OTHER)).status_code == 400
    assert (await post(server_with_manifest, documentId="0af1", query=TINY)).status_code == 200


async def test_other_documents_run_in_mode_allow(server_with_manifest: Server) -> None:
    assert (await post(server_with_manifest, query="{ b: __typename }")).json() == {"data": {"b": "Query"}}


async def test_other_documents_are_forbidden_in_mode_only(server_of_manifest_only: Server) -> None:
    for query in ("{ b: __typename }", "{ __schema { queryType { name } } }", TINY + " ", "{"):
        for body in ({"query": query}, {"query": query, "extensions": hash_extension(query)}):
            refused = await post(server_of_manifest_only, **body)

            assert (refused.status_code, code(refused)) == (403, "FORBIDDEN")
            assert (
                code(await post(server_of_manifest_only, extensions=hash_extension(query)))
                == "PERSISTED_QUERY_NOT_FOUND"
            )
    assert (await post(server_of_manifest_only, query=TINY)).json() == {"data": {"__typename": "Query"}}


async def test_a_refusal_follows_the_accept_header(server_of_manifest_only: Server) -> None:
    response = await server_of_manifest_only.client.post(
        "/graphql", json={"query": "{ x }"}, headers={"accept": RESPONSE_JSON}
    )

    assert response.headers["content-type"].startswith(RESPONSE_JSON)
    assert "data" not in response.json()


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (b"{", "is not JSON"),
        (b"\xff", "is not JSON"),
        (b"[" * 100_000, "is not JSON"),
        (b"[]", "is not a manifest"),
        (b"7", "is not a manifest"),
        (b'{"a": 7}', "is not a manifest"),
        (b'{"operations": [], "format": "x"}', "is not a manifest"),
        (b'{"operations": [{}], "format": "apollo-persisted-query-manifest", "version": 1}', "is not a manifest"),
        (
            b'{"operations": [{"id": "a"}], "format": "apollo-persisted-query-manifest", "version": 1}',
            "is not a manifest",
        ),
        (b'{"a": "{"}', "document 'a' of"),
        (None, "cannot be read"),
    ],
)
def test_an_invalid_manifest_stops_the_start_with_the_reason(text: bytes | None, why: str, tmp_path: Path) -> None:
    file = tmp_path / "manifest.json"
    if text is not None:
        file.write_bytes(text)

    with pytest.raises(SettingsError, match=why) as raised:
        read_manifest(file)
    assert str(file) in str(raised.value)


def test_a_manifest_that_is_a_pipe_stops_the_start_without_blocking(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "manifest.json")

    with pytest.raises(SettingsError, match="not a regular file"):
        read_manifest(tmp_path / "manifest.json")


def test_one_id_for_two_documents_stops_the_start(tmp_path: Path) -> None:
    for name, query in (("a", TINY), ("b", OTHER)):
        (tmp_path / name).write_bytes(orjson.dumps({"id": query}))

    assert len(Trusted.read([tmp_path / "a", tmp_path / "a"])) == 1
    with pytest.raises(SettingsError, match="different documents"):
        Trusted.read([tmp_path / "a", tmp_path / "b"])


def test_a_mode_without_manifests_and_an_unknown_mode_stop_the_start() -> None:
    for settings in (Settings(persisted_mode="only"), Settings(persisted_mode="x", persisted=(Path("a"),))):
        with pytest.raises(SettingsError, match="COMPETENT_PERSISTED_MODE"):
            settings.checked()
