"""Pages over a Competent API on a real socket, while the index of the release is built: they show the rest, and say so."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from graphql_api.app import create_app
from graphql_api.index.registry import IndexRegistry
from graphql_api.sandbox import Fault, Faults, Releases, create_sandbox
from graphql_api.settings import Settings
from tests.conftest import LONG
from tests.http.pages.test_explorer import HTML, heading
from tests.index.test_crawler import PROFILE
from tests.server.sockets import serving

SAYS = "De index van deze release wordt voorbereid"


class Indexing:
    """A server whose crawl waits for one profile until `finish`."""

    def __init__(self, client: httpx.AsyncClient, faults: Faults, indexes: IndexRegistry) -> None:
        self.client = client
        self._faults = faults
        self._indexes = indexes

    @property
    def has_begun(self) -> bool:
        """Whether a crawl was started."""
        return self._indexes.in_use

    async def begin(self) -> None:
        """Crawl all but one document."""
        build = self._indexes.begin("3.11")
        while not build.progress.total or build.progress.done < build.progress.total - 1:
            await asyncio.wait([build.task], timeout=0.001)

    async def finish(self) -> None:
        self._faults.clear()
        await self._indexes.ready("3.11")

    async def page(self, path: str, status: int = 200) -> httpx.Response:
        page = await self.client.get(f"/nl/{path}", headers=HTML)
        assert page.status_code == status, (path, page.text)
        return page


@pytest.fixture
async def crawl_in_progress(
    few_releases: Releases, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Indexing]:
    monkeypatch.setattr(
        "graphql_api.app.PAGE_TIMEOUT", 0.5
    )  # examples need the hanging profile, and are shown without it
    faults = Faults()
    faults.add(Fault(PROFILE, "hang"))
    async with serving(create_sandbox(few_releases, faults=faults), idle=LONG, arrival=LONG) as (_, (host, port)):
        remote = replace(
            settings,
            cache_dir=tmp_path,
            store="memory:",
            upstream_url=f"http://{host}:{port}",
            upstream_rate_limit=0,
        )
        app = create_app(remote)
        client = httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://server.test")
        async with client, app.router.lifespan_context(app):
            yield Indexing(client, faults, app.state.services.indexes)
            faults.clear()


@pytest.mark.slow
async def test_a_visitor_starts_no_crawl_of_the_real_api(crawl_in_progress: Indexing) -> None:
    for path, status in (("", 200), ("search?q=zorg", 200), ("sectors", 503), ("changes?since=3.10", 503)):
        page = await crawl_in_progress.page(path, status)
        assert "deze server heeft geen index van deze release" in page.text
        assert SAYS not in page.text
        assert "retry-after" not in page.headers
    for path in ("/", "/llms.txt", "/releases.atom", "/docs/", "/graphiql/examples.json", "/nl/suggest?q=wond"):
        assert (await crawl_in_progress.client.get(path)).status_code == 200
    assert not crawl_in_progress.has_begun

    query = '{ release { search(text: "zorg", types: [SKILL]) { totalCount } } }'
    answer = await crawl_in_progress.client.post("/graphql", json={"query": query})
    assert answer.json()["errors"][0]["extensions"]["code"] == "NOT_INDEXED_YET"
    assert crawl_in_progress.has_begun, "a query does"
    assert SAYS in (await crawl_in_progress.page("sectors", 503)).text


@pytest.mark.slow
async def test_pages_show_what_needs_no_index_until_it_is_built(crawl_in_progress: Indexing) -> None:
    await crawl_in_progress.begin()
    query = (
        "{ release { technicalCompetences(first: 1) { nodes { uuid code skill { uuid code description { nl } } } } } }"
    )
    body = (await crawl_in_progress.client.post("/graphql", json={"query": query})).json()
    release = body["data"]["release"]
    competence = release["technicalCompetences"]["nodes"][0]
    skill = competence["skill"]
    shown = (
        "",
        f"competences/{competence['code']}",
        f"competences/{competence['uuid']}",
        "search?q=zorg",
        f"skills/{skill['uuid']}",
    )
    hidden = ("search?q=wond&type=skills", f"skills/{skill['code']}", "compare?from=OP-101&to=OP-102")

    for path in shown:
        page = await crawl_in_progress.page(path)
        assert SAYS in page.text, path
        assert "NOT_INDEXED_YET" in page.text
        assert page.headers["cache-control"] == "no-store"
    assert heading(page) == skill["description"]["nl"]
    assert "Geen beroep gebruikt" not in page.text, "it is not known yet"
    for path in hidden:
        page = await crawl_in_progress.page(path, 503)
        assert SAYS in page.text, path
        assert int(page.headers["retry-after"]) >= 1
    assert SAYS not in (await crawl_in_progress.page("my-skills")).text, "the empty form needs no index"
    matched = await crawl_in_progress.client.post("/nl/my-skills", data={"have": competence["code"], "do": "match"})
    assert "NOT_INDEXED_YET" in matched.text
    assert (await crawl_in_progress.client.get("/nl/suggest?q=wond")).json() == []

    await crawl_in_progress.finish()
    for path in (*shown[:2], f"skills/{skill['code']}", "search?q=wond"):
        page = await crawl_in_progress.page(path)
        assert "NOT_INDEXED_YET" not in page.text
        assert page.headers["cache-control"].startswith("public")
    await crawl_in_progress.page(shown[-1], 302)
