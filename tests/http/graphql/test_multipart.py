"""`@defer` and `@stream`: behind a setting, in parts, and only for clients that take them."""

from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import httpx
import orjson
import pytest

from graphql_api.sandbox import Fault, Releases
from graphql_api.settings import Settings
from tests.conftest import CP_7, Server, running

MULTIPART = "multipart/mixed;incrementalSpec=v0.2, application/json"
PARTS = f"""{{ technicalCompetence(uuid: "{CP_7}") {{ code ... @defer(label: "skill") {{ skill {{ description {{ nl }} }} }} }} }}"""


@pytest.fixture
async def incremental_server(releases: Releases, settings: Settings) -> AsyncIterator[Server]:
    async with running(releases, replace(settings, incremental="on").checked()) as server:
        yield server


def payloads(response: httpx.Response) -> list[dict[str, Any]]:
    """The JSON of each part of a multipart body."""
    assert response.headers["content-type"] == 'multipart/mixed;boundary="-";incrementalSpec=v0.2'
    before, *parts, after = response.text.split("\r\n---")
    texts = [before.removeprefix("---"), *parts]
    assert after == "--\r\n" or not after.strip("-\r\n")
    return [orjson.loads(item.split("\r\n\r\n", 1)[1]) for item in texts]


async def test_deferred_fields_come_after_the_cached_ones(incremental_server: Server) -> None:
    response = await incremental_server.post(PARTS, accept=MULTIPART, accept_encoding="gzip")
    first, *rest = payloads(response)

    assert response.status_code == 200
    assert response.headers["cache-control"] == "no-store"
    assert first["data"] == {"technicalCompetence": {"code": "CP-7"}}
    assert first["pending"] == [{"id": "0", "path": ["technicalCompetence"], "label": "skill"}]
    assert first["hasNext"] is True
    assert rest[-1]["hasNext"] is False
    (brought,) = [item for payload in rest for item in payload.get("incremental", ())]
    assert brought["data"]["skill"]["description"]["nl"].startswith("Toezicht houden")


async def test_a_list_is_streamed(incremental_server: Server) -> None:
    first, *rest = payloads(
        await incremental_server.post("{ releases @stream(initialCount: 1) { number } }", accept=MULTIPART)
    )

    assert first["data"] == {"releases": [{"number": "3.11"}]}
    streamed = [item for payload in rest for part in payload.get("incremental", ()) for item in part["items"]]
    assert streamed == [{"number": "3.10"}, {"number": "3.9"}]


async def test_an_error_in_a_later_part_has_a_code_and_the_request_id(incremental_server: Server) -> None:
    query = """{ __typename ... @defer { occupationalProfile(code: "x", uuid: "8c15a1bf-9699-43ae-b890-f79ac3e5f461") { code } } }"""
    response = await incremental_server.post(query, accept=MULTIPART, X_Request_ID="mine")
    _, *rest = payloads(response)
    found_errors = [
        item for payload in rest for part in payload.get("incremental", ()) for item in part.get("errors", ())
    ]

    assert [item["extensions"] for item in found_errors] == [{"code": "BAD_USER_INPUT", "requestId": "mine"}]


async def test_a_lost_document_in_a_later_part_leaks_nothing(incremental_server: Server) -> None:
    incremental_server.faults.add(Fault("/releases/*/technicalcompetences/*", "status", status=502))
    response = await incremental_server.post(
        f'{{ release {{ number ... @defer {{ technicalCompetence(uuid: "{CP_7}") {{ code }} }} }} }}',
        accept=MULTIPART,
        x_request_id="mine",  # one made up could have these figures in it
    )

    assert "UPSTREAM_UNAVAILABLE" in response.text
    for secret in ("http", "/releases", "502", "Traceback"):
        assert secret not in response.text


@pytest.mark.parametrize(
    "accept", ["*/*", "application/json", "multipart/mixed;q=0, */*", "multipart/mixed;deferSpec=20220824, */*"]
)
async def test_a_client_that_does_not_accept_multipart_is_refused(incremental_server: Server, accept: str) -> None:
    response = await incremental_server.post(PARTS, accept=accept)

    assert response.status_code == 406
    assert response.json()["errors"][0]["extensions"]["code"] == "BAD_REQUEST"


async def test_an_operation_without_deferred_parts_has_one_response(incremental_server: Server) -> None:
    for query in ("{ __typename }", "{ ... @defer(if: false) { __typename } }"):
        assert (await incremental_server.post(query, accept=MULTIPART)).json() == {"data": {"__typename": "Query"}}


async def test_the_setting_off_removes_the_directives_from_the_schema(server: Server) -> None:
    response = await server.post(PARTS, accept=MULTIPART)

    assert "data" not in response.json()
    assert {error["extensions"]["code"] for error in response.json()["errors"]} == {"GRAPHQL_VALIDATION_FAILED"}


async def test_the_errors_of_all_parts_are_bounded_together(incremental_server: Server) -> None:
    query = """{ skills(first: 60) { nodes { ... @defer {
        usedInTechnicalCompetences(first: 1, after: "bad") { totalCount }
    } } } }"""
    _, *rest = payloads(await incremental_server.post(query, accept=MULTIPART))
    parts = [part for payload in rest for part in payload.get("incremental", ())]
    codes = [item["extensions"]["code"] for part in parts for item in part.get("errors", ())]

    assert len(parts) == 60
    assert codes == ["BAD_USER_INPUT"] * 20 + ["ERRORS_OMITTED"]


async def test_an_invalid_stream_directive_is_bad_input(incremental_server: Server) -> None:
    response = await incremental_server.post("{ releases @stream(initialCount: -1) { number } }", accept=MULTIPART)
    [error] = response.json()["errors"]

    assert error["extensions"]["code"] == "BAD_USER_INPUT"
    assert error["message"] == "initialCount must be a positive integer."


async def test_server_sent_events_refuse_incremental_delivery(incremental_server: Server) -> None:
    response = await incremental_server.post(PARTS, accept="text/event-stream")

    assert '"code":"BAD_REQUEST"' in response.text
    assert "multipart/mixed;incrementalSpec=v0.2" in response.text
    assert '"data"' not in response.text
