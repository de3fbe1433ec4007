"""The client of the Competent API: returns a document, or raises one of our errors."""

import asyncio
import gzip
import inspect
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, NamedTuple, cast

import aiohttp
import orjson
import pytest
from multidict import CIMultiDict
from yarl import URL

from graphql_api.competent.fetch import Fetched, Validators
from graphql_api.competent.routes import RELEASES
from graphql_api.errors import (
    UpstreamError,
    UpstreamInvalidResponse,
    UpstreamNotFound,
    UpstreamRateLimited,
    UpstreamRefused,
    UpstreamTimeout,
    UpstreamUnauthorized,
    UpstreamUnavailable,
)
from graphql_api.observability.fetch_context import FetchContext
from graphql_api.settings import Settings
from graphql_api.settings.environment import Secret
from graphql_api.upstream import Upstream
from graphql_api.upstream.error_mapping import retry_after
from graphql_api.upstream.http_transport import HttpTransport, tls, upstream_error
from graphql_api.upstream.transport import AsgiTransport
from tests.conftest import CP_7, NoJitter

PATH = f"/releases/3.11/technicalcompetences/{CP_7}"
SETTINGS = replace(Settings(), upstream_url="https://competent.example/base/v2", api_key=Secret("k3y"))


class Sent(NamedTuple):
    """A request."""

    url: URL
    headers: Mapping[str, str]


class Received:
    """A response, as much as the transport reads of it."""

    def __init__(self, body: AsyncIterator[bytes], status: int = 200, headers: Mapping[str, str] | None = None) -> None:
        self.status = status
        self.headers = CIMultiDict(headers or {})
        self.content = self
        self.closed = False
        self._body = body

    def release(self) -> None:
        self.closed = True

    def iter_any(self) -> AsyncIterator[bytes]:
        return self._body


class RecordedRequest:
    """A session of aiohttp that returns one response, and records its requests."""

    def __init__(self, answer: Callable[[], Awaitable[Received]]) -> None:
        self.answer = answer
        self.requests: list[Sent] = []

    async def request(self, _: str, url: URL, *, headers: Mapping[str, str], **__: object) -> Received:
        self.requests.append(Sent(url, CIMultiDict(headers)))
        return await self.answer()


def network(*chunks: bytes, status: int = 200, **headers: str) -> RecordedRequest:
    async def body() -> AsyncIterator[bytes]:
        for chunk in chunks:
            yield chunk

    async def answer() -> Received:
        return Received(body(), status, {name.replace("_", "-"): value for name, value in headers.items()})

    return RecordedRequest(answer)


def upstream(session: RecordedRequest, settings: Settings = SETTINGS) -> Upstream:
    return Upstream(HttpTransport(settings, cast(aiohttp.ClientSession, session)), settings, random=NoJitter())


def code(fetched: Fetched) -> object:
    assert fetched.document is not None
    return fetched.document["code"]


def document(**more: Any) -> bytes:
    return orjson.dumps({"id": CP_7, "code": "CP-7", **more})


async def test_a_call_has_the_base_url_the_key_and_accepts_hal() -> None:
    requests = network(document())

    assert code(await upstream(requests).fetch(PATH, FetchContext())) == "CP-7"

    (request,) = requests.requests
    assert str(request.url) == f"https://competent.example/base/v2{PATH}"
    assert request.headers["x-ibm-client-id"] == "k3y"
    assert request.headers["accept"] == "application/hal+json"


async def test_a_page_is_requested_with_its_query_but_without_a_language() -> None:
    requests = network(b'{"page": {}}')

    await upstream(requests).fetch("/releases/3.11/softskills?page=1&size=500", FetchContext())

    assert requests.requests[0].url.raw_query_string == "page=1&size=500"


async def test_an_unknown_path_is_never_requested() -> None:
    requests = network(b"{}")

    for path in ("/admin", "//elsewhere.example/releases", "/releases/../admin"):
        with pytest.raises(UpstreamNotFound):
            await upstream(requests).fetch(path, FetchContext())
    assert requests.requests == []


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (301, UpstreamInvalidResponse),
        (204, UpstreamInvalidResponse),
        (400, UpstreamRefused),
        (401, UpstreamUnauthorized),
        (403, UpstreamUnauthorized),
        (404, UpstreamNotFound),
        (429, UpstreamRateLimited),
        (500, UpstreamUnavailable),
        (503, UpstreamUnavailable),
    ],
)
async def test_each_status_maps_to_an_upstream_error(status: int, error: type[UpstreamError]) -> None:
    requests = network(b"{}", status=status, location="https://elsewhere.example/")

    with pytest.raises(error) as raised:
        await upstream(requests).fetch(PATH, FetchContext())
    assert type(raised.value) is error
    assert len(requests.requests) == (3 if status >= 500 else 1)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>",
        b'{"id": "8c15',
        b"[]",
        b"null",
        b"7",
        b'"text"',
        b"\xff\xfe",
        b'{"id": "' + b"0" * 36 + b'"}',
        b"{}",
        b'{"httpCode": "401", "httpMessage": "Unauthorized"}',
        b'{"timestamp": 1, "status": 500, "error": "Internal Server Error", "path": "/x"}',
    ],
)
async def test_a_body_other_than_the_requested_document_is_rejected(body: bytes) -> None:
    with pytest.raises(UpstreamInvalidResponse):
        await upstream(network(body)).fetch(PATH, FetchContext())


@pytest.mark.parametrize("path", ["/releases", "/releases/current", "/releases/3.11/softskills?page=0&size=500"])
async def test_an_object_other_than_a_list_or_release_is_rejected(path: str) -> None:
    with pytest.raises(UpstreamInvalidResponse):
        await upstream(network(b'{"message": "maintenance"}')).fetch(path, FetchContext())


async def test_cookies_are_neither_stored_nor_sent() -> None:
    requests = network(document(), set_cookie="session=abc1; Path=/")
    door = upstream(requests)
    for _ in range(2):
        requests.answer = network(document(), set_cookie="session=abc1; Path=/").answer
        await door.fetch(PATH, FetchContext())

    assert all("cookie" not in request.headers for request in requests.requests)


async def test_the_values_of_a_header_sent_twice_are_joined() -> None:
    received = await network().answer()
    received.headers = CIMultiDict({"Age": "1", "Via": "x"})
    received.headers.add("age", "2")

    async def answer() -> Received:
        return received

    client = HttpTransport(SETTINGS, cast(aiohttp.ClientSession, RecordedRequest(answer)))
    async with client.stream("GET", PATH, headers={}) as response:
        assert {name.lower(): value for name, value in response.headers.items()} == {"age": "1, 2", "via": "x"}


async def test_a_fetched_document_has_its_size_and_its_number_of_values() -> None:
    body = document(items=[{}, [1, 2]])
    fetched = await upstream(network(b"\xef\xbb\xbf" + body)).fetch(PATH, FetchContext())

    assert (fetched.size, fetched.values) == (len(body), sum(map(body.count, (b",", b"[", b"{"))))


async def test_validators_are_returned_and_sent_and_304_is_not_modified() -> None:
    response = await upstream(network(document(), etag='"7"', last_modified="Thu, 25 Jun 2026 10:00:00 GMT")).fetch(
        PATH, FetchContext()
    )
    requests = network(status=304, etag='"7"')

    assert response.validators == Validators('"7"', "Thu, 25 Jun 2026 10:00:00 GMT")
    assert await upstream(requests).fetch(PATH, FetchContext(), response.validators) == Fetched(None, Validators('"7"'))
    assert requests.requests[0].headers["if-none-match"] == '"7"'
    assert requests.requests[0].headers["if-modified-since"] == "Thu, 25 Jun 2026 10:00:00 GMT"


async def test_a_document_is_read_in_chunks_and_inflated() -> None:
    zipped = gzip.compress(document(skill=None))

    result = await upstream(network(zipped[:9], zipped[9:], content_encoding="gzip")).fetch(PATH, FetchContext())

    assert result.document == {"id": CP_7, "code": "CP-7", "skill": None}


@pytest.mark.parametrize(
    ("body", "encoding"),
    [
        (gzip.compress(document())[:-12], "gzip"),
        (b"not gzip", "gzip"),
        (document(), "br"),
    ],
    ids=["cut", "no gzip", "another encoding"],
)
async def test_a_body_that_cannot_be_inflated_is_refused(body: bytes, encoding: str) -> None:
    with pytest.raises(UpstreamInvalidResponse):
        await upstream(network(body, content_encoding=encoding)).fetch(PATH, FetchContext())


async def test_an_oversized_body_is_rejected_before_it_is_read_completely() -> None:
    read = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal read
        while True:
            read += 1000
            yield b"x" * 1000

    async def answer() -> Received:
        return Received(endless())

    with pytest.raises(UpstreamInvalidResponse):
        await upstream(RecordedRequest(answer), replace(SETTINGS, upstream_document_bytes=10_000)).fetch(
            PATH, FetchContext()
        )
    assert read < 20_000


async def test_a_gzip_bomb_is_never_inflated_beyond_the_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    bomb = gzip.compress(bytes(50_000_000))

    with pytest.raises(UpstreamInvalidResponse) as raised:
        await upstream(network(bomb, content_encoding="gzip"), replace(SETTINGS, upstream_document_bytes=10_000)).fetch(
            PATH, FetchContext()
        )
    assert raised.value.detail == "more than 10000 bytes"


async def test_concurrent_calls_never_exceed_the_limit() -> None:
    release = asyncio.Event()
    most = under_way = 0

    async def answer() -> Received:
        nonlocal most, under_way
        under_way += 1
        most = max(most, under_way)
        await release.wait()
        under_way -= 1
        return await network(b'{"_links": {}}').answer()

    door = upstream(RecordedRequest(answer), replace(SETTINGS, upstream_concurrency=3))
    calls = [asyncio.create_task(door.fetch(RELEASES.path(), FetchContext())) for _ in range(10)]
    while under_way < 3:
        await asyncio.sleep(0)
    release.set()
    await asyncio.gather(*calls)

    assert most == 3


async def test_worker_processes_divide_the_rate_limit_evenly() -> None:
    requests = network(b'{"page": {}}')
    door = upstream(requests, replace(SETTINGS, upstream_rate_limit=11, workers=4))
    soon = FetchContext(deadline=asyncio.get_running_loop().time() + 1)

    for _ in range(2):
        await door.fetch(RELEASES.path(), soon)
    with pytest.raises(UpstreamRateLimited):
        await door.fetch(RELEASES.path(), soon)
    assert len(requests.requests) == 2


async def test_an_endless_response_is_a_timeout() -> None:
    async def answer() -> Received:
        await asyncio.Event().wait()
        raise AssertionError

    with pytest.raises(UpstreamTimeout):
        await upstream(RecordedRequest(answer), replace(SETTINGS, upstream_total_timeout=0.01)).fetch(
            PATH, FetchContext()
        )


def exceptions_of(module: Any, base: type[Exception]) -> list[type[Exception]]:
    return [value for _, value in inspect.getmembers(module, inspect.isclass) if issubclass(value, base)]


def instance(error_class: type[aiohttp.ClientError]) -> aiohttp.ClientError:
    """An instance of an exception class, whose constructor may need more arguments."""
    described = type(
        error_class.__name__, (error_class,), {"__str__": lambda _: "http://internal.host:8080/ went wrong"}
    )
    made: aiohttp.ClientError = described.__new__(described)
    return made


@pytest.mark.parametrize("error_class", exceptions_of(aiohttp, aiohttp.ClientError))
def test_every_aiohttp_exception_maps_to_an_upstream_error(error_class: type[aiohttp.ClientError]) -> None:
    expected = UpstreamTimeout if issubclass(error_class, TimeoutError) else UpstreamUnavailable

    error = upstream_error(instance(error_class))

    assert isinstance(error, expected)
    assert "internal.host" not in str(error)


NOW = datetime(2026, 11, 24, 12, 0, 0, tzinfo=UTC)


@dataclass
class RejectedResponse:
    """A response with status 429."""

    headers: dict[str, str]
    status_code: int = 429

    def aiter_raw(self) -> AsyncIterator[bytes]:
        raise NotImplementedError


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("7", 7.0),
        ("0", 0.0),
        ("86400", 60.0),
        ("9" * 400, 60.0),
        ("Tue, 24 Nov 2026 12:00:30 GMT", 30.0),
        ("Tue, 24 Nov 2026 13:00:00 GMT", 60.0),
        ("Tue, 24 Nov 2026 11:00:00 GMT", 0.0),
        ("Tue, 24 Nov 2026 12:00:30", None),
        ("soon", None),
        ("-1", None),
        ("", None),
    ],
)
def test_retry_after_is_a_number_or_a_date_and_never_longer_than_a_minute(header: str, seconds: float | None) -> None:
    assert retry_after(RejectedResponse({"retry-after": header}), NOW) == seconds


def test_tls_is_new_enough_and_verified() -> None:
    context = tls()

    assert context.minimum_version == ssl.TLSVersion.TLSv1_2
    assert context.verify_mode == ssl.CERT_REQUIRED
    assert context.check_hostname


async def test_a_refused_connection_is_unavailable_and_not_a_timeout(unused_tcp_port: int) -> None:
    settings = replace(Settings(), upstream_url=f"http://127.0.0.1:{unused_tcp_port}")
    door = Upstream(HttpTransport(settings), settings)

    with pytest.raises(UpstreamUnavailable):
        await door.fetch(PATH, FetchContext())
    await door.aclose()


async def test_an_exception_inside_the_sandbox_is_unavailable() -> None:
    async def broken(scope: Any, receive: Any, send: Any) -> None:
        raise RuntimeError("secret")

    settings = Settings()
    with pytest.raises(UpstreamUnavailable) as raised:
        await Upstream(AsgiTransport(broken, settings), settings).fetch(PATH, FetchContext())
    assert "secret" not in str(raised.value)
