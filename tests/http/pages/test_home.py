"""The first page, the schema as text, and the page for agents."""

import json
import re
from collections.abc import AsyncIterator
from dataclasses import replace
from html import unescape
from pathlib import Path
from urllib.parse import urljoin

import graphql
import pytest

from graphql_api.execution.personal_text import takes_personal_text
from graphql_api.http.pages.examples import examples
from graphql_api.sandbox import Fault, Releases
from graphql_api.settings import Settings
from tests.conftest import Server, running

SLAGER = "07f701ec-57c9-40dd-97d9-e9238062db1e"
SOURCE = "sandbox data, not VDAB's"
HTML = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}


@pytest.fixture
async def without_pages(releases: Releases, settings: Settings) -> AsyncIterator[Server]:
    async with running(releases, replace(settings, pages="off")) as started:
        yield started


async def test_the_home_page_shows_the_release_and_links(without_pages: Server) -> None:
    page = await without_pages.client.get("/", headers=HTML)

    assert page.status_code == 200
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert '<html lang="en">' in page.text
    assert "release <strong>3.11</strong>" in page.text
    query = "{ occupationalProfiles(first: 0) { totalCount } }"
    count = (await without_pages.ask(query))["occupationalProfiles"]["totalCount"]
    assert f"{count} occupational profiles" in page.text


async def test_clients_that_prefer_json_get_a_summary(server: Server) -> None:
    summary = (await server.client.get("/", headers={"Accept": "application/json"})).json()

    assert summary["release"]["number"] == "3.11"
    assert summary["release"]["source"] == SOURCE
    assert summary["release"]["counts"]["softSkills"] > 0
    assert summary["problem"] is None
    assert summary["links"]["schema"] == "schema.graphql"


@pytest.mark.parametrize(
    "path", ["/", "/graphiql", "/docs/", "/docs/queries", "/id/3.11", f"/id/3.11/occupational-profile/{SLAGER}"]
)
async def test_every_page_states_that_the_data_is_not_of_vdab(without_pages: Server, path: str) -> None:
    page = await without_pages.client.get(path, headers=HTML)

    assert page.status_code == 200
    assert f'<p role="note">The data is {SOURCE}.</p>' in unescape(page.text)


@pytest.mark.parametrize("path", ["/id/3.11", f"/id/3.11/occupational-profile/{SLAGER}"])
async def test_linked_data_states_that_it_is_not_of_vdab(server: Server, path: str) -> None:
    document = (await server.client.get(path, headers={"Accept": "application/ld+json"})).json()

    assert document["source"] == SOURCE
    assert document["@context"]["source"] == "dct:source"


async def test_llms_txt_states_that_the_data_is_not_of_vdab(server: Server) -> None:
    assert f"\nThe data is {SOURCE}.\n" in (await server.client.get("/llms.txt")).text


@pytest.mark.parametrize("path", ["/", "/docs/", "/graphiql"])
async def test_with_upstream_down_a_page_has_no_notice_of_the_source(server: Server, path: str) -> None:
    server.faults.add(Fault("/releases/**", "status", status=503))
    page = await server.client.get(path, headers=HTML)

    assert page.status_code == 200
    assert 'role="note"' not in page.text


@pytest.mark.parametrize("prefix", ["", "/partner/competent"])
async def test_every_link_resolves_with_and_without_a_prefix(without_pages: Server, prefix: str) -> None:
    server = without_pages
    page = (await server.client.get("/", headers=HTML)).text
    links = re.findall(r'href="([^"]+)"', page)

    assert len(links) >= 6
    for link in links:
        assert not re.match(r"/|\w+:", link), "a link must be relative"
        path = urljoin(f"http://server.test{prefix}/", link).removeprefix(f"http://server.test{prefix}")
        response = await server.client.get(path, params={"query": "{__typename}"} if path == "/graphql" else None)
        assert response.status_code == 200, link


async def test_the_page_loads_only_its_own_assets(server: Server) -> None:
    page = await server.client.get("/", headers=HTML)
    policy = page.headers["content-security-policy"]

    assert policy.startswith("default-src 'none'; ")
    assert "unsafe" not in policy
    assert "<script>" not in page.text
    assert page.headers["x-content-type-options"] == "nosniff"


async def test_with_upstream_down_the_home_page_shows_the_error(server: Server) -> None:
    server.faults.add(Fault("**", "status", status=503))

    page = await server.client.get("/", headers=HTML)
    summary = (await server.client.get("/", headers={"Accept": "application/json"})).json()

    assert page.status_code == 200
    assert "UPSTREAM_UNAVAILABLE" in page.text
    assert "graphiql" in page.text
    assert summary["release"] is None
    assert summary["problem"]["code"] == "UPSTREAM_UNAVAILABLE"


async def test_the_summary_needs_no_index(server: Server) -> None:
    await server.client.get("/", headers={"Accept": "application/json"})

    assert len(server.upstream_paths()) <= 5


async def test_the_schema_is_served_as_text(server: Server) -> None:
    response = await server.client.get("/schema.graphql")

    assert response.headers["content-type"] == "text/plain; charset=utf-8"
    assert response.text == (Path(__file__).parents[3] / "schema.graphql").read_text(encoding="utf-8")
    second = await server.client.get("/schema.graphql", headers={"If-None-Match": response.headers["etag"]})
    assert (second.status_code, second.text) == (304, "")
    assert "Accept-Encoding" in second.headers["vary"]


def sections(page: str) -> list[tuple[str, str, str]]:
    return re.findall(
        r"^### (\w+)\n\n.*?\n\n```graphql\n(.*?)\n```(?:\n\n```json\n(.*?)\n```)?", page, re.DOTALL | re.MULTILINE
    )


async def test_every_operation_of_llms_txt_runs_unchanged(server: Server) -> None:
    response = await server.client.get("/llms.txt")

    assert response.text.startswith("# Competent as GraphQL\n\n> ")
    assert [name for name, _, _ in sections(response.text)] == [example.name for example in examples()]
    for _, query, variables in sections(response.text):
        if query.startswith("query") and not takes_personal_text(query):  # those need vectors
            assert None not in (await server.ask(query, json.loads(variables or "{}"))).values()


async def test_every_link_of_llms_txt_resolves(server: Server) -> None:
    for link in re.findall(r"\]\(([^)]+)\)", (await server.client.get("/llms.txt")).text):
        response = await server.client.get("/" + link, params={"query": "{__typename}"} if link == "graphql" else None)
        assert response.status_code == 200, link


async def test_fields_named_in_llms_txt_exist_in_the_schema(server: Server) -> None:
    schema = graphql.build_schema((await server.client.get("/schema.graphql")).text)
    names = {name for graphql_type in schema.type_map.values() for name in getattr(graphql_type, "fields", {})}
    rules = (await server.client.get("/llms.txt")).text.partition("## Rules")[2].partition("## Operations")[0]

    for name in ("release", "uuid", "text", "localized", "isFallback", "search", "suggest", "pageInfo", "totalCount"):
        assert name in names
        assert f"`{name}" in rules or f" {name}" in rules


async def test_with_upstream_down_llms_txt_is_served(server: Server) -> None:
    server.faults.add(Fault("**", "status", status=503))

    assert len(sections((await server.client.get("/llms.txt")).text)) == len(examples())
