"""The documentation at `/docs/`: all pages, each link of theirs, for browsers and for programs."""

import re
import zipfile
from pathlib import Path
from urllib.parse import urljoin

import pytest

from graphql_api.http.pages.docs import pages
from tests.conftest import Server

ROOT = Path(__file__).parents[3]
HTML = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}
BASE = "http://server.test/docs/"


async def test_programs_get_a_page_as_it_was_written(server: Server) -> None:
    response = await server.client.get("/docs/queries.md")

    assert response.headers["content-type"] == "text/markdown; charset=utf-8"
    assert response.text == (ROOT / "docs" / "queries.md").read_text(encoding="utf-8")


async def test_browsers_get_a_page_they_can_show(server: Server) -> None:
    response = await server.client.get("/docs/queries.md", headers=HTML)

    assert response.headers["content-type"] == "text/html; charset=utf-8"
    assert "Accept" in response.headers["vary"].split(", ")
    assert "<title>Query guide</title>" in response.text
    assert response.text.count("<h1>") == 1
    assert '<h2 id="errors">Errors</h2>' in response.text
    assert "<td><code>BAD_USER_INPUT</code></td>" in response.text
    assert "script" not in response.headers["content-security-policy"]


@pytest.mark.parametrize("name", [name for name, text in pages().items() if "<!--" in text])
async def test_browsers_are_not_shown_the_comments_of_a_page(server: Server, name: str) -> None:
    assert "&lt;!--" not in (await server.client.get(f"/docs/{name}", headers=HTML)).text


async def test_a_page_that_is_the_same_is_304(server: Server) -> None:
    for headers in ({}, HTML):
        tag = (await server.client.get("/docs/http.md", headers=headers)).headers["etag"]
        again = await server.client.get("/docs/http.md", headers=headers | {"If-None-Match": tag})

        assert (again.status_code, again.content) == (304, b"")


async def test_the_index_leads_to_every_page_and_every_link_of_each_leads_somewhere(server: Server) -> None:
    seen: dict[str, str] = {}
    waiting = [BASE]
    while waiting:
        where = waiting.pop()
        result = await server.client.get(where, headers=HTML)
        assert result.status_code == 200, where
        seen[where] = result.text
        if not where.startswith(BASE):
            continue
        for link in re.findall(r'<a href="([^"]+)"', result.text):
            target, _, anchor = urljoin(where, link).partition("#")
            assert target.startswith(("https://", "http://")), link
            if target.startswith("http://server.test/") and target not in seen:
                waiting.append(target)
            if anchor and target == where:
                assert f'id="{anchor}"' in result.text, link

    names = {response.removeprefix(BASE) for response in seen if response.startswith(BASE)}
    assert names | {"README.md"} >= set(pages())
    assert "http://server.test/schema.graphql" in seen


async def test_every_image_of_a_page_is_served_without_scripts(server: Server) -> None:
    urls = [
        urljoin(BASE + name, url)
        for name in pages()
        for url in re.findall(r'<img src="([^"]+)"', (await server.client.get(f"/docs/{name}", headers=HTML)).text)
    ]

    assert f"{BASE}architecture.svg" in urls
    for url in urls:
        response = await server.client.get(url)
        assert response.headers["content-type"] in ("image/svg+xml", "image/png"), url
        assert "script" not in response.headers["content-security-policy"]
        assert response.headers["etag"]


async def test_anchors_of_other_pages_are_there(server: Server) -> None:
    for name, text in pages().items():
        for page, anchor in re.findall(r"\]\(([\w/.-]+\.md)#([\w-]+)\)", text):
            target = urljoin(BASE + name, page)
            assert f'id="{anchor}"' in (await server.client.get(target, headers=HTML)).text, (name, page, anchor)


async def test_the_address_without_its_slash_leads_to_the_index_behind_any_prefix(server: Server) -> None:
    response = await server.client.get("/docs")

    assert response.headers["location"] == "docs/"


@pytest.mark.parametrize(
    "path", ["nothing.md", "../pyproject.toml", "%2e%2e/README.md", "decisions", "queries", "performance"]
)
async def test_a_missing_page_is_404_in_json(server: Server, path: str) -> None:
    response = await server.client.get(f"/docs/{path}", headers=HTML)

    assert response.status_code == 404
    assert response.json()["errors"][0]["extensions"]["code"] == "BAD_REQUEST"


def test_a_wheel_has_the_pages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from hatchling.build import build_wheel

    monkeypatch.chdir(ROOT)
    with zipfile.ZipFile(tmp_path / build_wheel(str(tmp_path))) as wheel:
        names = {item.removeprefix("graphql_api/docs/") for item in wheel.namelist()}

    assert names >= set(pages())
