"""How long a response may be cached, and when the client gets 304 Not Modified."""

from dataclasses import replace

import httpx
import pytest

from graphql_api.sandbox import Fault, Releases
from graphql_api.settings import Settings
from tests.conftest import CP_7, Server, running

PINNED = f'{{ technicalCompetence(uuid: "{CP_7}", release: "3.10") {{ code }} }}'
CURRENT = f'{{ technicalCompetence(uuid: "{CP_7}") {{ code }} }}'


async def get(server: Server, query: str, **headers: str) -> httpx.Response:
    fields = {name.replace("_", "-"): value for name, value in headers.items()}
    return await server.client.get("/graphql", params={"query": query}, headers=fields)


@pytest.mark.parametrize(
    ("query", "cache_control"),
    [
        (PINNED, "public, max-age=86400"),
        (
            '{ release(number: "3.10") { number publishedOn occupationalProfiles(first: 1) { totalCount } } }',
            "public, max-age=86400",
        ),
        ("{ __typename }", "public, max-age=86400"),
        (CURRENT, "public, max-age=60"),
        ("{ releases { number } }", "public, max-age=60"),
        ('{ release(number: "3.10") { isCurrent } }', "public, max-age=60"),
        ("{ softSkills(first: 1) { totalCount } }", "public, max-age=60"),
        ("{ __schema { queryType { name } } }", "public, max-age=60"),
        ('{ __type(name: "Query") { name } }', "public, max-age=60"),
        ("{ nothing }", "no-store"),
        ('{ node(id: "x") { id } a: __typename }', "no-store"),
        ('{ release(number: "9.99") { number } }', "no-store"),
    ],
)
async def test_max_age_depends_on_the_documents_of_the_response(server: Server, query: str, cache_control: str) -> None:
    assert (await get(server, query)).headers["cache-control"] == cache_control
    assert (await server.post(query)).headers["cache-control"] == cache_control


async def test_a_node_of_an_unknown_release_has_a_short_max_age(server: Server) -> None:
    id = (await server.ask(f'{{ technicalCompetence(uuid: "{CP_7}", release: "3.10") {{ id }} }}'))[
        "technicalCompetence"
    ]["id"]
    there = await get(server, f'{{ node(id: "{id}") {{ id }} }}')
    missing = await get(server, '{ node(id: "UmVsZWFzZTo5Ljk5") { id } }')

    assert there.headers["cache-control"] == "public, max-age=86400"
    assert missing.json() == {"data": {"node": None}}
    assert missing.headers["cache-control"] == "public, max-age=60"


async def test_a_response_with_upstream_errors_is_no_store(server: Server) -> None:
    server.faults.add(Fault("/releases/*/technicalcompetences/*", "status", status=502))
    response = await get(server, PINNED)

    assert response.json()["errors"]
    assert response.headers["cache-control"] == "no-store"
    assert "etag" not in response.headers


async def test_a_response_to_an_authenticated_request_is_private(server: Server) -> None:
    for name in ("Authorization", "X-API-Key", "X-IBM-Client-Id"):
        assert (await get(server, PINNED, **{name: "x"})).headers["cache-control"] == "private, max-age=86400"


async def test_a_response_with_explanations_is_no_store(server: Server) -> None:
    assert (await get(server, PINNED, X_Competent_Explain="1")).headers["cache-control"] == "no-store"


async def test_max_age_is_a_setting_and_zero_means_no_cache(releases: Releases, settings: Settings) -> None:
    async with running(releases, replace(settings, release_max_age=0, current_max_age=7)) as server:
        assert (await get(server, PINNED)).headers["cache-control"] == "no-cache"
        assert (await get(server, CURRENT)).headers["cache-control"] == "public, max-age=7"


async def test_a_request_with_a_matching_etag_gets_304(server: Server) -> None:
    complete = await get(server, PINNED)
    tag = complete.headers["etag"]

    for value in (tag, tag.removeprefix("W/"), f'"x", {tag}', "*"):
        response = await get(server, PINNED, If_None_Match=value)
        assert (response.status_code, response.content) == (304, b"")
        for name in ("etag", "cache-control", "vary"):
            assert response.headers[name] == complete.headers[name]
    assert (await get(server, PINNED, If_None_Match='"x"')).status_code == 200
    assert (await get(server, "{ __typename }", If_None_Match=tag)).status_code == 200


async def test_a_post_is_never_304(server: Server) -> None:
    response = await server.post(PINNED, If_None_Match="*")

    assert response.status_code == 200
    assert "etag" not in response.headers


async def test_the_etag_is_equal_for_compressed_and_plain_responses(server: Server) -> None:
    query = '{ occupationalProfiles(release: "3.10", first: 20) { nodes { uuid title { nl fr en de } } } }'
    plain = await get(server, query, Accept_Encoding="identity")
    zipped = await get(server, query, Accept_Encoding="gzip")

    assert "content-encoding" not in plain.headers
    assert zipped.headers["content-encoding"] == "gzip"
    assert int(zipped.headers["content-length"]) < len(plain.content) / 2
    assert plain.content == zipped.content
    assert plain.headers["etag"] == zipped.headers["etag"]
    assert plain.headers["etag"].startswith("W/")


async def test_vary_lists_the_headers_that_the_response_depends_on(server: Server) -> None:
    response = await get(server, PINNED)

    assert {part.strip() for part in response.headers["vary"].split(",")} >= {"Accept", "Accept-Language"}
