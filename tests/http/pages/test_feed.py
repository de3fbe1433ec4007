"""The feed of releases: valid by RFC 4287, with stable ids and times, and with the changes of releases that are indexed."""

from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import urljoin
from xml.etree import ElementTree

import feedparser
import pytest

from graphql_api.export import ReleaseFacts
from graphql_api.http.auth.keys import Keys
from graphql_api.http.pages.feed import _Entry, feed
from graphql_api.sandbox import Fault, Releases
from graphql_api.settings import Settings
from tests.conftest import Server, running

URL = "http://server.test/releases.atom"
ATOM = "{http://www.w3.org/2005/Atom}"
CHANGES = (
    '{ release { changes(since: "3.10", first: 500, after: %s) { totalCount pageInfo { endCursor } nodes { kind } } } }'
)


@pytest.fixture
async def small_server(few_releases: Releases, settings: Settings, tmp_path: Path) -> AsyncIterator[Server]:
    """A server over releases with few profiles and without indexes."""
    async with running(few_releases, replace(settings, cache_dir=tmp_path)) as server:
        yield server


async def read_feed(server: Server) -> Any:
    """The feed as a feed reader sees it; asserts that it is valid."""
    response = await server.client.get(URL)
    assert response.headers["content-type"] == "application/atom+xml"
    check(response.content)
    return feedparser.parse(response.content, response_headers={"content-location": URL})


def check(content: bytes) -> None:
    """What RFC 4287 requires (4.1.1, 4.1.2): elements that must be there, once; ids that are IRIs; times of RFC 3339."""
    result = feedparser.parse(content)
    assert not result.bozo, result.bozo_exception
    assert result.version == "atom10"
    root = ElementTree.fromstring(content)
    once = ("id", "title", "updated", "author", "generator")
    assert root.tag == f"{ATOM}feed"
    assert Counter(child.tag for child in root if child.tag.removeprefix(ATOM) in once) == {
        ATOM + name: 1 for name in once
    }
    assert [link.get("type") for link in root.findall(f"{ATOM}link[@rel='self']")] == ["application/atom+xml"]
    ids = [element.text or "" for element in root.iter(f"{ATOM}id")]
    assert all(id.startswith("urn:uuid:") for id in ids)
    assert len(set(ids)) == len(ids)
    entries = root.findall(f"{ATOM}entry")
    for entry in entries:
        assert all(len(entry.findall(ATOM + name)) == 1 for name in ("id", "title", "updated", "summary"))
        assert len(entry.findall(f"{ATOM}link[@rel='alternate']")) == 1
    times = [element.text or "" for element in (*root.iter(f"{ATOM}updated"), *root.iter(f"{ATOM}published"))]
    assert all(len(time) == 20 and time.endswith("T00:00:00Z") for time in times)
    assert root.findtext(f"{ATOM}updated") == max(entry.findtext(f"{ATOM}updated") for entry in entries)


async def test_there_is_an_entry_for_each_release_the_newest_first(small_server: Server) -> None:
    result = await read_feed(small_server)
    releases = (await small_server.ask("{ releases { number publishedOn } }"))["releases"]

    assert [entry.title for entry in result.entries] == [f"Competent {release['number']}" for release in releases]
    assert [entry.published[:10] for entry in result.entries] == [release["publishedOn"] for release in releases]
    for entry in result.entries:
        (export,) = entry.enclosures
        assert (await small_server.client.get(urljoin(URL, entry.link))).status_code == 200
        assert (await small_server.client.head(urljoin(URL, export.href))).status_code == 200


async def test_changes_are_counted_once_both_releases_are_indexed(small_server: Server) -> None:
    before = await read_feed(small_server)
    assert small_server.app.state.services.indexes.in_use is False  # the feed builds none
    changes, after = list[str](), "null"
    for release in ("3.10", "3.11"):
        await small_server.app.state.services.indexes.ready(release)
    while len(changes) < (page := (await small_server.ask(CHANGES % after))["release"]["changes"])["totalCount"]:
        changes += [node["kind"] for node in page["nodes"]]
        after = f'"{page["pageInfo"]["endCursor"]}"'
    result = await read_feed(small_server)
    counts = Counter(changes)

    assert "changes since release 3.10 are not known yet" in before.entries[0].summary
    expected = f"{counts['ADDED']} added, {counts['REMOVED']} removed, {counts['CHANGED']} changed, {counts['CODE_MOVED']} codes moved ("
    assert result.entries[0].summary.startswith(f"Since release 3.10: {expected}")
    assert "skills: " in result.entries[0].summary
    assert "not known yet" in result.entries[1].summary
    assert "oldest release" in result.entries[-1].summary
    assert [(entry.id, entry.updated) for entry in result.entries] == [
        (entry.id, entry.updated) for entry in before.entries
    ]


async def test_a_restarted_server_opens_the_indexes_of_the_two_newest(
    small_server: Server, few_releases: Releases, settings: Settings, tmp_path: Path
) -> None:
    for release in ("3.10", "3.11"):
        await small_server.app.state.services.indexes.ready(release)
    async with running(few_releases, replace(settings, cache_dir=tmp_path)) as restarted:
        result = await read_feed(restarted)

    assert result.entries[0].summary.startswith("Since release 3.10: ")


async def test_links_begin_with_the_public_url_and_ids_do_not_change(
    few_releases: Releases, settings: Settings, small_server: Server
) -> None:
    public = replace(settings, public_url="https://example.org/competent")
    async with running(few_releases, public) as server:
        result = await read_feed(server)

    assert result.feed.links[0].href == "https://example.org/competent/releases.atom"
    assert result.entries[0].link == "https://example.org/competent/id/3.11"
    assert [entry.id for entry in result.entries] == [entry.id for entry in (await read_feed(small_server)).entries]


async def test_a_reader_with_a_current_feed_gets_304(small_server: Server) -> None:
    first = await small_server.client.get(URL)
    second = await small_server.client.get(URL, headers={"If-None-Match": first.headers["etag"]})

    assert first.headers["cache-control"] == "public, max-age=60"
    assert (second.status_code, second.content) == (304, b"")


async def test_pages_and_llms_txt_link_to_the_feed(small_server: Server) -> None:
    for path in ("/", "/docs/", "/id/3.11"):
        page = (await small_server.client.get(path, headers={"Accept": "text/html"})).text
        (link,) = [line for line in page.splitlines() if "application/atom+xml" in line]
        assert urljoin(f"http://server.test{path}", link.split('href="')[1].split('"')[0]) == URL
    assert "(releases.atom)" in (await small_server.client.get("/llms.txt")).text


async def test_the_feed_needs_no_key(few_releases: Releases, settings: Settings, tmp_path: Path) -> None:
    Keys(tmp_path / "keys.json").new("reader", None)
    async with running(few_releases, replace(settings, access="keys", keys_file=tmp_path / "keys.json")) as server:
        assert (await server.client.get(URL)).status_code == 200


async def test_with_upstream_down_the_feed_is_an_error_with_its_code(small_server: Server) -> None:
    small_server.faults.add(Fault("**", "status", status=503))
    response = await small_server.client.get(URL)

    assert response.status_code == 503
    assert response.json()["errors"][0]["extensions"]["code"] == "UPSTREAM_UNAVAILABLE"


def test_hostile_texts_and_unknown_days_make_a_valid_feed() -> None:
    text = "<script>&\"'\x00\x0b]]>\ufffe𝄞"
    release = ReleaseFacts("3.27", None, text, text, text)
    content = feed(
        [_Entry(release, None, None), _Entry(ReleaseFacts("3.26"), None, None)], lambda path: f"/{path}?a&b<"
    )
    check(content)

    assert feedparser.parse(content).feed.author == "<script>&\"']]>𝄞"
