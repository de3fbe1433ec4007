"""The status codes of the edition of September 2026; the other tests cover those of the audits."""

from collections.abc import AsyncIterator
from dataclasses import replace
from hashlib import sha256
from typing import Any

import httpx
import orjson
import pytest

from graphql_api.errors import SettingsError
from graphql_api.http.graphql import JSON, RESPONSE_JSON
from graphql_api.sandbox import Releases
from graphql_api.settings import Settings
from tests.conftest import Server

UNKNOWN = {"persistedQuery": {"version": 1, "sha256Hash": sha256(b"{ x }").hexdigest()}}
PARTIAL = '{ release(number: "9.9") { number } softSkill(code: "x") { code } }'

CASES: dict[str, tuple[object, int, int]] = {
    "data": ({"query": "{ __typename }"}, 200, 200),
    "data and errors": ({"query": PARTIAL}, 200, 294),
    "a document that does not parse": ({"query": "{"}, 400, 400),
    "a document that is not valid": ({"query": "{ nothing }"}, 400, 422),
    "too much": ({"query": "{ " + "a " * 2_000 + "}"}, 400, 422),
    "no operation can be chosen": ({"query": "query A { __typename } query B { __typename }"}, 400, 422),
    "variables that do not fit": ({"query": "query ($c: String!) { softSkill(code: $c) { code } }"}, 400, 422),
    "no query": ({"qeury": "{ __typename }"}, 400, 422),
    "variables of the wrong shape": ({"query": "{ __typename }", "variables": [7]}, 400, 422),
    "an array": ([{"query": "{ __typename }"}], 400, 422),
    "a document that is not known": ({"extensions": UNKNOWN}, 200, 422),
    "no JSON": (b"NONSENSE", 400, 400),
    "a large body": ({"query": " " * 300_000}, 413, 413),
}


@pytest.fixture
async def newer(releases: Releases, settings: Settings) -> AsyncIterator[Server]:
    server = Server(releases, replace(settings, status_policy="2026").checked())
    async with server.client:
        yield server


async def ask(server: Server, body: object, accept: str) -> httpx.Response:
    content = body if isinstance(body, bytes) else orjson.dumps(body)
    return await server.client.post("/graphql", content=content, headers={"Content-Type": JSON, "Accept": accept})


def content_of(response: httpx.Response) -> tuple[str, Any]:
    """The type, and the body without what differs from request to request."""
    body = response.json()
    for error in body.get("errors", ()):
        assert error["extensions"].pop("requestId") == response.headers["x-request-id"]
    return response.headers["content-type"].partition(";")[0], body


@pytest.mark.parametrize("case", CASES)
async def test_the_status_policy_changes_status_codes_but_not_bodies(server: Server, newer: Server, case: str) -> None:
    body, audited, recommended = CASES[case]
    older, answer = await ask(server, body, RESPONSE_JSON), await ask(newer, body, RESPONSE_JSON)

    assert (older.status_code, answer.status_code) == (audited, recommended)
    assert content_of(older) == content_of(answer)
    assert content_of(answer)[0] == RESPONSE_JSON


@pytest.mark.parametrize("case", CASES)
async def test_a_client_that_accepts_json_gets_it_if_there_is_data(newer: Server, case: str) -> None:
    body, _, recommended = CASES[case]
    answer = await ask(newer, body, JSON)

    assert answer.status_code == (200 if recommended == 294 else recommended)
    assert content_of(answer)[0] == (JSON if answer.status_code == 200 else RESPONSE_JSON)


async def test_protocol_errors_have_the_same_status_in_both_policies(newer: Server) -> None:
    unacceptable = await ask(newer, {"query": "{ __typename }"}, "image/png")
    method = await newer.client.put("/graphql")
    other = await newer.client.post(
        "/graphql", content=b"{ __typename }", headers={"Content-Type": "application/graphql"}
    )

    assert [item.status_code for item in (unacceptable, method, other)] == [406, 405, 415]
    assert content_of(unacceptable)[0] == JSON
    assert method.headers["allow"] == "GET, HEAD, POST"


async def test_partial_success_is_no_store(newer: Server) -> None:
    answer = await newer.client.get("/graphql", params={"query": PARTIAL}, headers={"Accept": RESPONSE_JSON})

    assert (answer.status_code, answer.headers["cache-control"]) == (294, "no-store")


def test_an_unknown_status_policy_is_refused() -> None:
    with pytest.raises(SettingsError, match="audits or 2026"):
        Settings(status_policy="2025").checked()
