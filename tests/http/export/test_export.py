"""`/export/…`: a complete release over HTTP, with conditional requests and its own limits."""

import asyncio
import gc
import gzip
import io
import json
import zipfile
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import REGISTRY

from graphql_api.export import FORMATS
from graphql_api.export.csv_zip import _WaitingRows
from graphql_api.http.auth.keys import Keys
from graphql_api.http.export.limits import ExportLimits
from graphql_api.http.graphql import ClientLeft
from graphql_api.sandbox import Releases
from graphql_api.settings import Settings
from tests.conftest import Server, running

NDJSON = "/export/3.11.ndjson"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


@pytest.fixture
def settings(settings: Settings, folder: Path) -> Settings:
    return replace(settings, cache_dir=folder)


@pytest.fixture
async def server(few_releases: Releases, settings: Settings) -> AsyncIterator[Server]:
    async with running(few_releases, settings) as started:
        yield started


async def test_a_release_is_streamed_with_the_headers_of_a_file(server: Server) -> None:
    response = await server.client.get(NDJSON)

    first, *lines = map(json.loads, response.text.splitlines())
    assert response.status_code == 200
    assert first["number"] == "3.11"
    assert len(lines) > 500
    assert response.headers["content-type"] == "application/x-ndjson"
    assert response.headers["content-disposition"] == 'attachment; filename="competent-3.11.ndjson"'
    assert response.headers["cache-control"] == "private, max-age=86400"


async def test_an_export_is_compressed_on_request(server: Server) -> None:
    plain = await server.client.get(NDJSON, headers={"Accept-Encoding": "identity"})
    async with server.client.stream("GET", NDJSON, headers={"Accept-Encoding": "gzip"}) as response:
        raw = b"".join([piece async for piece in response.aiter_raw()])

    assert "content-encoding" not in plain.headers
    assert response.headers["content-encoding"] == "gzip"
    assert gzip.decompress(raw) == plain.content
    assert len(raw) < len(plain.content) / 2


async def test_a_zip_archive_is_not_compressed_again(server: Server) -> None:
    response = await server.client.get("/export/3.11.csv.zip", headers={"Accept-Encoding": "gzip"})

    assert response.headers["content-type"] == "application/zip"
    assert "content-encoding" not in response.headers
    with zipfile.ZipFile(io.BytesIO(response.content)) as archive:
        assert archive.testzip() is None


async def test_a_byte_order_mark_is_an_option_of_csv(server: Server) -> None:
    plain, marked, refused, unknown = [
        await server.client.get(f"/export/3.11.{rest}")
        for rest in ("csv.zip", "csv.zip?bom=true", "ndjson?bom=true", "csv.zip?bom=1")
    ]
    redirect = await server.client.get("/export/current.csv.zip?bom=true")

    assert zipfile.ZipFile(io.BytesIO(marked.content)).read("skills.csv").startswith(b"\xef\xbb\xbf")
    assert marked.headers["etag"] != plain.headers["etag"]
    assert (refused.status_code, unknown.status_code) == (400, 400)
    assert redirect.headers["location"] == "3.11.csv.zip?bom=true"


async def test_current_redirects_to_its_number(server: Server) -> None:
    response = await server.client.get("/export/current.ndjson")

    assert response.status_code == 302
    assert response.headers["location"] == "3.11.ndjson"


@pytest.mark.parametrize("format", FORMATS, ids=lambda format: format.name)
async def test_a_current_copy_gets_304(format: Any, server: Server) -> None:
    path = f"/export/3.11{format.suffix}"
    head = await server.client.head(path)
    tag, modified = head.headers["etag"], head.headers["last-modified"]

    assert head.status_code == 200
    assert not head.content
    for headers in ({"If-None-Match": f'"x", {tag}'}, {"If-Modified-Since": modified}):
        response = await server.client.get(path, headers=headers)
        assert response.status_code == 304
        assert response.headers["etag"] == tag
        assert not response.content
    for headers in (
        {"If-None-Match": '"x"', "If-Modified-Since": modified},
        {"If-Modified-Since": "Sat, 01 Jan 2000 00:00:00 GMT"},
        {"If-Modified-Since": "yesterday"},
    ):
        assert (await server.client.head(path, headers=headers)).status_code == 200


@pytest.mark.parametrize("format", FORMATS, ids=lambda format: format.name)
@pytest.mark.parametrize("encoding", ["gzip", "identity"])
async def test_head_has_the_headers_of_get(format: Any, server: Server, encoding: str) -> None:
    path, headers = f"/export/3.11{format.suffix}", {"Accept-Encoding": encoding}
    head = await server.client.head(path, headers=headers)
    async with server.client.stream("GET", path, headers=headers) as get:
        ignored = {"date", "x-request-id"}
        assert {name: value for name, value in head.headers.items() if name not in ignored} == {
            name: value for name, value in get.headers.items() if name not in ignored
        }
    unchanged = await server.client.get(path, headers=headers | {"If-None-Match": head.headers["etag"]})
    assert set(unchanged.headers["vary"].split(", ")) >= set(head.headers["vary"].split(", "))


async def test_etags_differ_by_release_and_format_but_not_by_server(few_releases: Releases, settings: Settings) -> None:
    paths = [f"/export/{release}{format.suffix}" for release in ("3.10", "3.11") for format in FORMATS]

    async def tags() -> list[str]:
        async with running(few_releases, replace(settings, store="memory:")) as server:
            return [(await server.client.head(path)).headers["etag"] for path in paths]

    assert await tags() == (both := await tags())
    assert len(set(both)) == len(paths)


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("/export/9.9.ndjson", "RELEASE_NOT_FOUND"),
        ("/export/3.11.xml", "BAD_REQUEST"),
        ("/export/3.11", "BAD_REQUEST"),
        ("/export/.ndjson", "BAD_REQUEST"),
        ("/export/..%2f3.11.ndjson", "BAD_REQUEST"),
    ],
)
async def test_a_missing_release_or_format_is_404_in_json(path: str, code: str, server: Server) -> None:
    response = await server.client.get(path)

    assert response.status_code == 404
    assert response.json()["errors"][0]["extensions"]["code"] == code


async def test_an_incomplete_release_is_503(server: Server) -> None:
    (await server.app.state.services.loaders().index("3.11")).missing = 3
    response = await server.client.get(NDJSON)

    assert response.status_code == 503
    assert response.json()["errors"][0]["extensions"]["code"] == "NOT_INDEXED_YET"
    assert response.headers["retry-after"] == "60"


async def test_an_export_without_an_index_is_503(few_releases: Releases, settings: Settings) -> None:
    async with running(few_releases, replace(settings, index="off", store="memory:")) as server:
        response = await server.client.get(NDJSON)

    assert response.status_code == 503
    assert response.json()["errors"][0]["extensions"]["code"] == "NOT_INDEXED_YET"


async def test_exports_per_hour_are_limited_per_client(few_releases: Releases, settings: Settings) -> None:
    async with running(few_releases, replace(settings, exports_per_hour=2)) as server:
        tag = (await server.client.head(NDJSON)).headers["etag"]
        statuses = [(await server.client.get(NDJSON)).status_code for _ in range(2)]
        refused = await server.client.get(NDJSON)
        unchanged = await server.client.get(NDJSON, headers={"If-None-Match": tag})

    assert statuses == [200, 200]
    assert refused.status_code == 429
    assert refused.json()["errors"][0]["extensions"]["code"] == "RATE_LIMITED"
    assert 3500 < int(refused.headers["retry-after"]) <= 3600
    assert unchanged.status_code == 304


class Reader:
    """A client that reads the first bytes of an export, and then no more until it is released or leaves."""

    def __init__(self, server: Server, path: str = NDJSON) -> None:
        self.started, self.goes_on, self.left = asyncio.Event(), asyncio.Event(), asyncio.Event()
        self.messages: list[Any] = []
        self._is_sent = False
        path, _, query = path.partition("?")
        self._scope = {
            "type": "http",
            "method": "GET",
            "path": path,
            "raw_path": path.encode(),
            "query_string": query.encode(),
            "headers": [],
            "client": ("192.0.2.1", 1),
            "state": {},
            "asgi": {"spec_version": "2.3"},
        }
        self.task = asyncio.create_task(server.app(self._scope, self._receive, self._send))

    async def _receive(self) -> Any:
        if not self._is_sent:
            self._is_sent = True
            return {"type": "http.request", "body": b"", "more_body": False}
        await self.left.wait()
        return {"type": "http.disconnect"}

    async def _send(self, message: Any) -> None:
        self.messages.append(message)
        if message.get("body"):
            self.started.set()
            await self.goes_on.wait()

    @property
    def is_complete(self) -> bool:
        last = self.messages[-1]
        return last["type"] == "http.response.body" and not last.get("more_body")


async def test_concurrent_exports_are_limited(server: Server) -> None:
    readers = [Reader(server) for _ in range(2)]
    for reader in readers:
        await reader.started.wait()
    refused = await server.client.get(NDJSON)
    readers[0].left.set()
    await readers[0].task
    accepted = await server.client.get(NDJSON)
    readers[1].goes_on.set()
    await readers[1].task

    assert refused.status_code == 503
    assert refused.json()["errors"][0]["extensions"]["code"] == "SERVER_UNAVAILABLE"
    assert refused.headers["retry-after"] == "30"
    assert accepted.status_code == 200
    assert not readers[0].is_complete
    assert readers[1].is_complete
    assert b"".join(message.get("body", b"") for message in readers[1].messages) == accepted.content


@pytest.mark.parametrize("format", FORMATS, ids=lambda format: format.name)
async def test_a_disconnected_reader_causes_no_further_query(format: Any, server: Server) -> None:
    index = await server.app.state.services.loaders().index("3.11")
    reader = Reader(server, f"/export/3.11{format.suffix}")
    await reader.started.wait()
    queries = 0
    original = index.query

    async def counting(*args: Any) -> Any:
        nonlocal queries
        queries += 1
        return await original(*args)

    index.query = counting
    reader.left.set()
    await reader.task

    assert queries == 0


def exports(format: str, outcome: str) -> float:
    return REGISTRY.get_sample_value("competent_exports_total", {"format": format, "outcome": outcome}) or 0


@pytest.mark.parametrize("format", FORMATS, ids=lambda format: format.name)
async def test_exports_are_counted_by_format_and_outcome(format: Any, server: Server) -> None:
    labels = {"format": format.name}
    sent_bytes = REGISTRY.get_sample_value("competent_export_bytes_total", labels) or 0
    before = [exports(format.name, outcome) for outcome in ("complete", "cut", "rejected")]
    response = await server.client.get(path := f"/export/3.11{format.suffix}")
    readers = [Reader(server, path) for _ in range(2)]
    for reader in readers:
        await reader.started.wait()
    assert (await server.client.get(path)).status_code == 503
    for reader in readers:
        reader.left.set()
        await reader.task
    after = [exports(format.name, outcome) for outcome in ("complete", "cut", "rejected")]
    counted = REGISTRY.get_sample_value("competent_export_bytes_total", labels) - sent_bytes

    assert [new - old for old, new in zip(before, after, strict=True)] == [1, 2, 1]
    assert counted == len(response.content)
    assert REGISTRY.get_sample_value("competent_export_duration_seconds_count", labels) >= 3


async def test_a_slow_reader_is_disconnected(
    few_releases: Releases, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("graphql_api.app._export_limits", lambda _: ExportLimits(1, 10, 10**12, grace=0.01))
    async with running(few_releases, settings) as server:
        await server.client.head(NDJSON)
        reader = Reader(server)
        await reader.task
        after = Reader(server)
        after.goes_on.set()
        await asyncio.wait([after.task])

    assert not reader.is_complete
    assert after.messages[0]["status"] == 200


async def test_a_reader_at_the_minimum_pace_is_not_disconnected(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 0.0
    loop = asyncio.get_running_loop()
    monkeypatch.setattr(loop, "time", lambda: now)
    reads: list[Any] = []

    async def send(message: Any) -> None:
        nonlocal now
        now += seconds
        reads.append(message)
        await asyncio.sleep(0)
        await asyncio.sleep(0)

    paced = ExportLimits(1, 1, 1000, grace=2).paced(send)
    message = {"type": "http.response.body", "body": b"x" * 1000, "more_body": True}
    seconds = 1.0
    for _ in range(20):
        await paced(message)
    seconds = 1.9
    await paced(message)
    await paced(message)
    with pytest.raises(ClientLeft):
        await paced(message)

    assert len(reads) == 23


async def test_the_operation_timeout_does_not_apply_to_exports(few_releases: Releases, settings: Settings) -> None:
    async with running(few_releases, settings) as server:
        await server.app.state.services.loaders().index("3.11")
    async with running(few_releases, replace(settings, operation_timeout=0.001)) as server:
        response = await server.client.get(NDJSON)

    assert response.status_code == 200
    assert response.text.count("\n") > 500


@pytest.mark.parametrize("format", FORMATS, ids=lambda format: format.name)
async def test_a_corrupt_index_aborts_the_export_and_releases_its_slot(
    format: Any, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = f"/export/3.11{format.suffix}"
    await server.client.head(path)
    reader = Reader(server, path)
    await reader.started.wait()

    def corrupt(*_: Any) -> Any:
        from graphql_api.index.tables import DamagedIndex

        raise DamagedIndex("on purpose")

    monkeypatch.setattr("graphql_api.export.contents.listed_documents", corrupt)
    reader.goes_on.set()
    await reader.task
    monkeypatch.undo()

    assert not reader.is_complete
    assert (await server.client.get(path)).status_code == 200


async def test_a_full_disk_aborts_the_export_and_releases_its_slot(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Temporary files that are left open are an error of the test: a ResourceWarning."""
    path = "/export/3.11.csv.zip"
    await server.client.head(path)
    reader, original = Reader(server, path), _WaitingRows.put
    await reader.started.wait()

    def full(rows: _WaitingRows, data: bytes) -> None:
        original(rows, data)
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("graphql_api.export.csv_zip.MAX_IN_MEMORY", 1)
    monkeypatch.setattr(_WaitingRows, "put", full)
    reader.goes_on.set()
    await reader.task
    monkeypatch.undo()
    gc.collect()

    assert not reader.is_complete
    assert (await server.client.get(path)).status_code == 200


async def test_exports_require_a_key_if_the_server_does(
    few_releases: Releases, settings: Settings, tmp_path: Path
) -> None:
    locked = replace(settings, access="keys", keys_file=tmp_path / "keys.json")
    key = Keys(tmp_path / "keys.json").new("reader", None)
    async with running(few_releases, locked) as server:
        assert (await server.client.get(NDJSON)).status_code == 401
        assert (await server.client.get(NDJSON, headers={"X-API-Key": key})).status_code == 200
