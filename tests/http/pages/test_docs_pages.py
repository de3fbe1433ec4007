"""The documentation at `/docs/`: all pages, each link and picture of them, for browsers and for programs."""

import re
import zipfile
from collections.abc import AsyncIterator
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import parse_qs, urldefrag, urljoin

import pytest

from graphql_api.http.pages.docs import pages
from graphql_api.http.pages.docs.library import address, images, navigation
from graphql_api.http.pages.error_pages import MAX_DEPTH
from graphql_api.sandbox import Releases
from graphql_api.settings import Settings
from tests.conftest import Server, running

ROOT = Path(__file__).parents[3]
HTML = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}
SITE = "http://server.test/"
BASE = f"{SITE}docs/"


class Parsed(HTMLParser):
    """The links, pictures, anchors, attributes and visible text of a page."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.links: list[str] = []
        self.pictures: list[str] = []
        self.anchors: set[str] = set()
        self.attributes: list[tuple[str, str | None]] = []
        self.text = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        self.attributes += attrs
        self.anchors |= {str(values["id"])} if "id" in values else set()
        self.links += [str(values["href"])] if tag == "a" else []
        self.pictures += [str(values["src"])] if tag == "img" else []

    def handle_data(self, data: str) -> None:
        self.text += data


async def read_page(server: Server, url: str) -> Parsed:
    """A page; fails if it violates its content security policy or shows a comment."""
    response = await server.client.get(url, headers=HTML)
    assert response.status_code == 200, (url, response.headers.get("location"))
    page = Parsed(response.text)
    if url.startswith(BASE):
        assert "default-src 'none'" in response.headers["content-security-policy"]
        assert "unsafe" not in response.headers["content-security-policy"]
        assert [name for name, _ in page.attributes if name == "style" or name.startswith("on")] == []
        assert "<style" not in response.text
        assert "<!--" not in page.text
    return page


async def test_programs_get_the_markdown_of_a_page(server: Server) -> None:
    for path in ("/docs/queries", "/docs/queries.md"):
        response = await server.client.get(path)

        assert response.headers["content-type"] == "text/markdown; charset=utf-8"
        assert "Accept" in response.headers["vary"].split(", ")
        assert response.text == (ROOT / "docs" / "queries.md").read_text(encoding="utf-8")


async def test_browsers_get_a_page_as_html(server: Server) -> None:
    await read_page(server, f"{BASE}settings")  # a page with comments and aligned cells
    response = await server.client.get("/docs/queries", headers=HTML)

    assert response.headers["content-type"] == "text/html; charset=utf-8"
    assert "Accept" in response.headers["vary"].split(", ")
    assert "<title>Query guide · Competent documentation</title>" in response.text
    assert response.text.count("<h1>") == 1
    assert '<h2 id="errors">Errors</h2>' in response.text
    assert '<a href="#errors">Errors</a>' in response.text
    assert re.search(r"<td[^>]*><code>BAD_USER_INPUT</code></td>", response.text)


async def test_an_unchanged_page_is_304(server: Server) -> None:
    for headers in ({}, HTML):
        tag = (await server.client.get("/docs/http", headers=headers)).headers["etag"]
        second = await server.client.get("/docs/http", headers=headers | {"If-None-Match": tag})

        assert (second.status_code, second.content) == (304, b"")


async def test_a_page_is_rendered_once(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    first = (await server.client.get("/docs/limits", headers=HTML)).text
    monkeypatch.setattr("graphql_api.http.pages.docs.routes.html", None)
    monkeypatch.setattr("graphql_api.http.pages.docs.routes.render", None)

    assert (await server.client.get("/docs/limits", headers=HTML)).text == first


@pytest.mark.slow
async def test_every_link_image_and_anchor_of_every_page_resolves(server: Server) -> None:
    seen: dict[str, Parsed] = {}
    used: dict[str, set[str]] = {}
    waiting = [BASE]
    while waiting:
        url = waiting.pop()
        page = seen[url] = await read_page(server, url)
        if not url.startswith(BASE):
            continue  # pages beyond the documentation have their own tests
        for link in page.links:
            target, anchor = urldefrag(urljoin(url, link))
            assert target.startswith(("https://", "http://")), (url, link)
            if target.startswith(SITE):
                used.setdefault(target, set()).add(anchor)
                waiting += [target] if target not in seen and target not in waiting else []
        for picture in page.pictures:
            response = await server.client.get(urljoin(url, picture))
            assert response.status_code == 200, (url, picture)
            assert response.headers["cache-control"] == "public, max-age=31536000, immutable"

    assert {url.removeprefix(BASE) for url in seen if url.startswith(BASE)} == {address(name) for name in pages()}
    assert f"{SITE}schema.graphql" in seen
    for target, anchors in used.items():
        if target.startswith(BASE):
            assert anchors - {""} <= seen[target].anchors, target


async def test_an_image_has_its_content_type_and_cannot_run_scripts(server: Server) -> None:
    for name in images():
        response = await server.client.get(BASE + name)

        assert response.headers["content-type"] == {"svg": "image/svg+xml", "png": "image/png"}[name[-3:]]
        assert response.headers["x-content-type-options"] == "nosniff"
        assert len(response.content) < 150_000, name
        policy = response.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "script" not in policy
        assert "unsafe" not in policy
        assert response.headers["cache-control"] == "no-cache"
        second = await server.client.get(BASE + name, headers={"If-None-Match": response.headers["etag"]})
        assert second.status_code == 304


def test_the_navigation_has_every_page_once() -> None:
    listed = [entry.name for group in navigation() for entry in group.entries]

    assert [group.title for group in navigation()] == ["Use the API", "Run a server", "Change the code"]
    assert len(listed) == len(set(listed))
    assert set(listed) | {"README.md"} == {name for name in pages() if "/" not in name} | {"decisions/README.md"}


@pytest.mark.slow
async def test_previous_and_next_links_visit_all_pages(server: Server) -> None:
    url, visited = BASE, [BASE]
    while following := re.search(r'rel="next" href="([^"]+)"', (await server.client.get(url, headers=HTML)).text):
        before, url = url, urljoin(url, following[1])
        back = re.search(r'rel="prev" href="([^"]+)"', (await server.client.get(url, headers=HTML)).text)
        assert back
        assert urljoin(url, back[1]) == before
        visited.append(url)

    assert len(visited) == len(pages())


@pytest.mark.slow
async def test_search_finds_the_section_of_a_setting_by_any_of_its_words(server: Server) -> None:
    for text in ("COMPETENT_CORS_ORIGINS", "cors origins web pages", "circuit breakers zzzz"):
        response = await server.client.get("/docs/", params={"q": text}, headers=HTML)
        page = Parsed(response.text)
        hits = re.findall(r"<li>\s*<a href=\"([^\"]+)\">(.*?)</a>\s*<p>(.*?)</p>", response.text, re.DOTALL)
        assert hits, text
        assert any("<mark>" in excerpt for _, _, excerpt in hits)
        for url, _, _ in hits:
            target, anchor = urldefrag(urljoin(BASE, url))
            assert not anchor or anchor in (await read_page(server, target)).anchors
        assert "No page has these words" not in page.text


async def test_any_search_text_gives_a_page(server: Server) -> None:
    for text in ('"', "NEAR(", "a* OR ^b", "'; DROP TABLE section", "<b>x</b>", "é" * 300, "col:on", "\x02\x03"):
        response = await server.client.get("/docs/", params={"q": text}, headers=HTML)

        assert response.status_code == 200
        assert "<b>x" not in response.text


async def test_a_search_without_hits_has_a_message(server: Server) -> None:
    assert "No page has these words" in (await read_page(server, "/docs/?q=xyzzyxyzzy")).text


async def test_queries_link_to_graphiql_with_their_text(server: Server) -> None:
    page = await read_page(server, f"{BASE}queries")
    links = [link for link in page.links if "#query=" in link]
    queries = re.findall(r"```graphql\n(.*?)```", pages()["queries.md"], re.DOTALL)

    assert [parse_qs(urldefrag(link).fragment)["query"][0] for link in links] == queries
    assert {urljoin(f"{BASE}queries", urldefrag(link).url) for link in links} == {f"{SITE}graphiql"}


@pytest.fixture
async def without_graphiql(releases: Releases, settings: Settings) -> AsyncIterator[Server]:
    async with running(releases, replace(settings, graphiql="off", introspection="off")) as server:
        yield server


async def test_no_page_links_to_disabled_features(without_graphiql: Server) -> None:
    for path in ("", "queries"):
        page = await read_page(without_graphiql, BASE + path)
        assert [link for link in page.links if "graphiql" in link or "schema.graphql" in link] == []


async def test_code_has_classes_for_syntax_highlighting(server: Server) -> None:
    html = (await server.client.get("/docs/queries", headers=HTML)).text
    style = (await server.client.get("/assets/style.css")).text
    classes = set(re.findall(r'<span class="(\w+)">', html))

    assert len([name for name in classes if re.search(rf"\.{name}\b", style)]) >= 4


@pytest.mark.parametrize(
    ("path", "location"),
    [
        ("", "docs/"),
        ("/queries.md", "queries"),
        ("/README.md", "./"),
        ("/decisions/README.md", "./"),
        ("/decisions/0003-own-endpoint.md", "0003-own-endpoint"),
        ("/decisions", "decisions/"),
        ("/queries/", "../queries"),
    ],
)
async def test_old_addresses_redirect_behind_any_prefix(server: Server, path: str, location: str) -> None:
    response = await server.client.get(f"/docs{path}", headers=HTML)

    assert (response.status_code, response.headers["location"]) == (308, location)


async def test_a_missing_page_is_404(server: Server) -> None:
    for path in ("nothing", "nothing.md", "../pyproject.toml", "%2e%2e/README", "a/b"):
        response = await server.client.get(f"/docs/{path}")
        assert response.status_code == 404
        assert response.json()["errors"][0]["extensions"]["code"] == "BAD_REQUEST"

    page = await server.client.get("/docs/a/b", headers=HTML)
    assert page.status_code == 404
    assert "There is no page at this address" in page.text
    assert SITE in [urljoin(f"{BASE}a/b", link) for link in Parsed(page.text).links]


@pytest.mark.parametrize(("depth", "is_page"), [(MAX_DEPTH, True), (MAX_DEPTH + 1, False), (5_000, False)])
async def test_a_missing_page_of_a_deep_path_is_short(server: Server, depth: int, is_page: bool) -> None:
    for path in ("/docs", "/nothing"):
        response = await server.client.get(path + "/x" * (depth - 1), headers=HTML)

        assert response.status_code == 404
        assert response.headers["content-type"].startswith("text/html" if is_page else "application/json")
        assert is_page or len(response.content) < 1000


def test_a_wheel_has_the_pages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from hatchling.build import build_wheel

    monkeypatch.chdir(ROOT)
    with zipfile.ZipFile(tmp_path / build_wheel(str(tmp_path))) as wheel:
        names = {item.removeprefix("graphql_api/docs/") for item in wheel.namelist()}

    assert names >= {*pages(), *images()}
