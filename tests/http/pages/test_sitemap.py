"""`/robots.txt` and the sitemaps: pages of the current release in each language, for search engines."""

import re
from collections.abc import AsyncIterator, Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit
from urllib.robotparser import RobotFileParser
from xml.etree import ElementTree

import pytest

from graphql_api.competent.declarations import LANGUAGES
from graphql_api.http.auth.keys import Keys
from graphql_api.http.pages import sitemap
from graphql_api.sandbox import Releases
from graphql_api.sandbox.document_store import documents_in_memory
from graphql_api.settings import Settings
from tests.conftest import Server, running
from tests.few_profiles import few_profiles

BASE = "https://competent.example/atlas/"
NAMESPACE = "{http://www.sitemaps.org/schemas/sitemap/0.9}"
PATHS = ("/robots.txt", "/sitemap.xml", "/nl/sitemap-1.xml")


@pytest.fixture(scope="module")
def of_vdab() -> Iterator[Releases]:
    """Few profiles without a source, like the data of Competent."""
    with closing(Releases(documents_in_memory(replace(dataset, source=None)) for dataset in few_profiles())) as opened:
        yield opened


@pytest.fixture
def public_settings(settings: Settings, tmp_path: Path) -> Settings:
    return replace(settings, public_url=BASE, cache_dir=tmp_path, store="memory:")


@pytest.fixture
async def public_server(of_vdab: Releases, public_settings: Settings) -> AsyncIterator[Server]:
    """A server with a public address over an indexed release."""
    async with running(of_vdab, public_settings) as server:
        await server.app.state.services.indexes.ready("3.11")
        yield server


async def sitemap_days(server: Server, path: str, root: str) -> dict[str, str | None]:
    """The days by address that a sitemap lists; asserts that it is one."""
    response = await server.client.get(path)
    assert (response.status_code, response.headers["content-type"]) == (200, "application/xml"), response.text
    element = ElementTree.fromstring(response.content)
    assert element.tag == NAMESPACE + root
    addresses = [entry.findtext(f"{NAMESPACE}loc") or "" for entry in element]
    assert len(set(addresses)) == len(addresses) > 0
    return {address: entry.findtext(f"{NAMESPACE}lastmod") for address, entry in zip(addresses, element, strict=True)}


async def test_sitemaps_list_the_canonical_addresses_of_all_pages(
    public_server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sitemap, "PART", 100)
    release = (await public_server.ask("{ release { publishedOn skills(first: 0) { totalCount } } }"))["release"]
    files = await sitemap_days(public_server, "/sitemap.xml", "sitemapindex")
    parts = len(files) // len(LANGUAGES)
    pages = dict[str, str | None]()
    for file in files:
        of_file = await sitemap_days(public_server, f"/{file.removeprefix(BASE)}", "urlset")
        assert len(of_file) <= 106
        pages |= of_file

    assert list(files) == [f"{BASE}{language}/sitemap-{n}.xml" for language in LANGUAGES for n in range(1, parts + 1)]
    assert parts > 1
    assert {*files.values(), *pages.values()} == {release["publishedOn"]}
    assert {f"{BASE}{language}/{path}" for language in LANGUAGES for path in ("", "occupations", "isco")} <= set(pages)
    assert len([page for page in pages if page.startswith(f"{BASE}fr/skills/")]) == release["skills"]["totalCount"]
    samples = {page.split("/")[5]: page for page in pages if page.startswith(f"{BASE}de/")}
    assert len(samples) > 5
    for page in (*samples.values(), f"{BASE}nl/"):
        response = await public_server.client.get(f"/{page.removeprefix(BASE)}", headers={"Accept": "text/html"})
        assert f'<link rel="canonical" href="{page}">' in response.text
        assert "noindex" not in response.text
    for path in (f"/nl/sitemap-{parts + 1}.xml", "/nl/sitemap-0.xml", f"/nl/sitemap-{10**30}.xml", "/nl/sitemap-x.xml"):
        assert (await public_server.client.get(path)).status_code == 404, path


async def test_concepts_of_a_type_without_pages_are_neither_listed_nor_counted(
    public_server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    skills = (await public_server.ask("{ skills(first: 0) { totalCount } }"))["skills"]["totalCount"]
    monkeypatch.setattr(sitemap, "TYPES", {"skills": sitemap.TYPES["skills"]})
    monkeypatch.setattr(sitemap, "PART", skills)
    pages = await sitemap_days(public_server, "/nl/sitemap-1.xml", "urlset")

    assert len(await sitemap_days(public_server, "/sitemap.xml", "sitemapindex")) == len(LANGUAGES)
    assert len([page for page in pages if page.startswith(f"{BASE}nl/skills/")]) == skills
    assert (await public_server.client.get("/nl/sitemap-2.xml")).status_code == 404


async def test_a_page_says_which_language_other_readers_get(public_server: Server) -> None:
    for path, other in (("/nl/isco/22", "en/isco/22"), ("/nl/", ""), ("/", ""), ("/fr/?release=3.11", "?release=3.11")):
        page = await public_server.client.get(path, headers={"Accept": "text/html"})
        assert f'<link rel="alternate" hreflang="x-default" href="{BASE}{other}">' in page.text


async def test_robots_find_the_sitemap_and_leave_the_api_alone(public_server: Server) -> None:
    text = (await public_server.client.get("/robots.txt")).text
    rules = RobotFileParser()
    rules.parse(text.splitlines())
    refused = [re.escape(line.removeprefix("Disallow: ")) for line in text.splitlines() if line.startswith("Disallow")]
    pattern = re.compile("|".join(rule.replace(r"\*", ".*").replace(r"\$", "$") for rule in refused))

    assert rules.site_maps() == [f"{BASE}sitemap.xml"]
    for path in (
        "graphql",
        "graphql?query={a}",
        "export/3.11.ndjson",
        "nl/compare?from=OP-1&to=OP-2",
        "fr/?release=3.10",
    ):
        assert pattern.match(urlsplit(BASE).path + path), path
    for path in ("", "nl/", "graphiql", "en/occupations/OP-101", "nl/compare", "docs/export", "releases.atom"):
        assert not pattern.match(urlsplit(BASE).path + path), path


async def test_a_current_copy_gets_304(public_server: Server) -> None:
    for path in PATHS[1:]:
        first = await public_server.client.get(path)
        second = await public_server.client.get(path, headers={"If-None-Match": first.headers["etag"]})
        assert first.headers["cache-control"] == "public, max-age=60"
        assert (second.status_code, second.content) == (304, b"")


async def test_there_is_none_without_pages_or_a_public_address(of_vdab: Releases, public_settings: Settings) -> None:
    for change in ({"public_url": ""}, {"pages": "off"}):
        async with running(of_vdab, replace(public_settings, **change)) as server:  # type: ignore[arg-type]  # all are strings
            assert [(await server.client.get(path)).status_code for path in PATHS] == [404] * 3


async def test_data_that_is_not_of_vdab_has_no_sitemap(few_releases: Releases, public_settings: Settings) -> None:
    async with running(few_releases, public_settings) as server:
        response = await server.client.get("/sitemap.xml")
    assert response.status_code == 404
    assert "not for search engines" in response.json()["errors"][0]["message"]


async def test_without_an_index_search_engines_retry_and_no_crawl_starts(
    of_vdab: Releases, public_settings: Settings
) -> None:
    async with running(of_vdab, public_settings) as server:
        responses = [await server.client.get(path) for path in PATHS[1:]]
        assert not server.app.state.services.indexes.in_use
    assert [(response.status_code, response.headers["retry-after"]) for response in responses] == [(503, "60")] * 2


async def test_public_pages_have_a_sitemap_that_counts_for_their_quota(
    of_vdab: Releases, public_settings: Settings, tmp_path: Path
) -> None:
    keys = Keys(tmp_path / "keys.json")
    keys.new("client")
    limited = replace(public_settings, pages="public", access="keys", keys_file=keys.file, key_requests_per_minute=2)
    async with running(of_vdab, limited) as server:
        await server.app.state.services.indexes.ready("3.11")
        statuses = [(await server.client.get(path)).status_code for path in (*PATHS[1:], *PATHS)]
    assert statuses == [200, 200, 200, 429, 429]
