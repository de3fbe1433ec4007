"""Texts of Competent that are markup, turn the direction of writing or are very long are shown as text."""

import re
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from html import escape, unescape
from pathlib import Path

import pytest

from graphql_api.sandbox import Releases
from graphql_api.settings import Settings
from tests.conftest import Server, running
from tests.http.pages.hostile_data import LONG, TEXT, hostile_releases
from tests.http.pages.test_explorer import FIRST_CODES, HTML

PATHS = (
    *("", "search?q=wond", "search?q=wond&isco=2", "occupations", "sectors", "sectors/ES-1", "areas/AI-1", "isco/2221"),
    *(
        "occupations/OP-101",
        "occupations/OP-101/picture",
        "competences/CP-101",
        "skills/SK-101",
        "knowledge/KN-101",
        "soft-skills/SS-1",
    ),
    *("compare?from=OP-101&to=OP-101", "compare?from=wond&to=wond", "suggest?q=wond"),
)


@pytest.fixture(scope="module")
def releases() -> Iterator[Releases]:
    opened = hostile_releases()
    yield opened
    opened.close()


@pytest.fixture
async def hostile_server(releases: Releases, settings: Settings, tmp_path: Path) -> AsyncIterator[Server]:
    async with running(releases, replace(settings, cache_dir=tmp_path)) as started:
        await started.app.state.services.indexes.ready("3.11")
        yield started


@pytest.mark.slow
async def test_hostile_texts_are_escaped_on_every_page(hostile_server: Server) -> None:
    for path in PATHS:
        page = await hostile_server.client.get(f"/nl/{path}", headers=HTML)
        assert page.status_code in (200, 302), path
        assert_harmless(page.text, path)
    form = {"have": list(FIRST_CODES.values())[1:7], "q": "wond", "do": "match"}
    assert_harmless((await hostile_server.client.post("/nl/my-skills", data=form, headers=HTML)).text, "my-skills")
    assert_harmless((await hostile_server.client.get("/id/3.11/occupational-profile/OP-101", headers=HTML)).text, "id")

    page = await hostile_server.client.get("/nl/occupations/OP-101", headers=HTML)
    (heading,) = re.findall("<h1>(.*?)</h1>", page.text, re.DOTALL)
    assert unescape(re.sub("<[^>]+>", "", heading)).strip() == LONG
    assert page.text.count(escape(TEXT).replace("&#x27;", "&#39;").replace("&quot;", "&#34;")) > 100


def assert_harmless(text: str, path: str) -> None:
    if path.startswith("suggest"):
        return  # JSON, which the script shows as text
    assert "<script>" not in text, path
    assert not re.search(r"<[^>]*\sonload=", re.sub(r'="[^"]*"', "", text)), path
    assert "49" not in re.findall(r"&amp; (\S+)", text), path
    isolated = re.sub(
        r"<bdi[^>]*>.*?</bdi>|<title>.*?</title>|<pre.*?</pre>|[\w-]+=\"[^\"]*\"", "", text, flags=re.DOTALL
    )
    assert "\u202e" not in isolated, (path, isolated[max(0, isolated.index("\u202e") - 200) :][:300])
