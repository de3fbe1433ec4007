"""Compares two servers that share an upstream and differ in one setting: reports all differences that a client can see.

`data` is compared including the order of keys. Errors are compared sorted by path, because the order in which documents
arrive does not matter.
"""

import asyncio
import gzip
import re
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, NamedTuple
from urllib.parse import quote, urlencode

import orjson

from graphql_api.app import create_app
from graphql_api.execution.compiled.queries import COMPILED, FELL_BACK, NOT_COMPILED
from graphql_api.server.protocol import FastPathHandler
from graphql_api.settings import Settings
from graphql_api.store.revalidation import MAX_CONCURRENT
from graphql_api.upstream import resilience
from tests.conftest import Clock
from tests.execution.compiled.shared_upstream import Upstream
from tests.server.fast_path.two_connections import remove_time_limits

REQUEST_ID = "twins"
STALE = re.compile(rb'"stale":[1-9]')
OF_THE_BODY = ("etag", "content-length")
"""Headers that depend on the body."""


@dataclass(frozen=True)
class ClientRequest:
    """An operation with its variables and headers, as a client sends it."""

    query: str
    variables: dict[str, Any] | None = None
    name: str | None = None
    headers: dict[str, str] = field(default_factory=dict)
    get: bool = False

    def request(self, tag: str | None = None) -> tuple[dict[str, Any], bytes]:
        """ASGI scope and body of the request; `tag` is the ETag of a response that the client has."""
        members = {"query": self.query, "variables": self.variables, "operationName": self.name}
        body = {name: value for name, value in members.items() if value is not None}
        headers = {"x-request-id": REQUEST_ID, "content-type": "application/json"} | self.headers
        if tag:
            headers["if-none-match"] = tag
        if not self.get:
            return _scope("POST", "", headers), orjson.dumps(body)
        if self.variables is not None:
            body["variables"] = orjson.dumps(self.variables).decode()
        return _scope("GET", urlencode(body, quote_via=quote), headers), b""


class Reply(NamedTuple):
    """A response, and the paths requested upstream for it."""

    status: int
    headers: dict[str, str]
    body: bytes
    upstream: list[str]


class Twin:
    """One server, with its fast path."""

    def __init__(self, settings: Settings, upstream: Upstream) -> None:
        self.upstream_paths: list[str] = []
        self.app = create_app(settings, upstream.door(self.upstream_paths), Clock(time.time()))
        self.services = self.app.state.services
        remove_time_limits(self.app.state.fast_path)
        self.fast_path: FastPathHandler = self.app.state.fast_path
        self.fast = 0
        """Number of responses from the fast path."""
        self.beside: Counter[str] = Counter()
        """Executions by executor for those responses."""

    async def ask(self, request: ClientRequest, tag: str | None = None) -> Reply:
        """Send an operation through ASGI and return the reply."""
        before = len(self.upstream_paths)
        scope, body = request.request(tag)
        messages: list[Any] = []
        incoming = iter([{"type": "http.request", "body": body, "more_body": False}])

        async def receive() -> Any:
            if (message := next(incoming, None)) is None:
                await asyncio.Event().wait()  # this client does not disconnect
            return message

        async def send(message: Any) -> None:
            messages.append(message)

        await self.app(scope, receive, send)
        await self.services.store.wait_idle()
        headers = {name.decode().lower(): value.decode() for name, value in messages[0]["headers"]}
        sent = b"".join(item.get("body", b"") for item in messages[1:])
        return _reply(messages[0]["status"], headers, sent, sorted(self.upstream_paths[before:]))

    async def ask_fast(self, request: ClientRequest, reply: Reply, tag: str | None = None) -> list[str]:
        """The differences between `reply` and responses of the fast path to the same request.

        It is sent twice, first parsed and then as bytes, as the fast path knows its head by then.
        """
        scope, body = request.request(tag)
        scope["headers"] = [header for header in scope["headers"] if header[0] != b"x-request-id"] + [
            (b"content-length", str(len(body)).encode())
        ]
        came = _as_bytes(scope, body)
        before, runs_before = len(self.upstream_paths), runs()
        await asyncio.sleep(0)  # a new event-loop pass
        answers = [self.fast_path.respond_to_parsed(scope, body, came, ()), self.fast_path.respond(came, ())]
        self.beside += runs() - runs_before
        await self.services.store.wait_idle()
        faults = ["the fast path asks upstream"] if len(self.upstream_paths) > before else []
        for item in (answer for answer in answers if isinstance(answer, bytes)):
            self.fast += 1
            faults += [f"fast: {difference}" for difference in differences(reply, _read(item, reply.upstream))]
        return faults


def runs() -> Counter[str]:
    """Number of executions in this process: by a compiled query, by one that fell back, and without one."""
    return Counter({"planned": COMPILED.count, "gave up": FELL_BACK.count, "unplanned": NOT_COMPILED.count})


class Twins:
    """Both servers; `ask` returns their differences."""

    def __init__(self, first: Twin, second: Twin) -> None:
        self.first = first
        self.second = second
        self.last: Reply | None = None
        """The last reply of the first server."""
        self.upstream_too = True
        """True if the paths requested upstream are compared too."""

    async def ask(self, request: ClientRequest, fast: bool = True) -> list[str]:
        """The differences between the replies to an operation.

        With `fast` this includes the response of the second server's fast path, and an unnecessary fallback of a compiled query.
        """
        one = await self.first.ask(request)
        before = FELL_BACK.count
        other = await self.second.ask(request)
        self.last = one
        in_vain = FELL_BACK.count > before and not one.body.startswith(b'{"errors"')
        otherwise = await self.second.ask_fast(request, other) if fast else []
        differing = (
            differences(one, other)
            if self.upstream_too
            else differences(_without_upstream(one), _without_upstream(other))
        )
        return [*differing, *otherwise, *(["a plan gave up, though nothing is wrong"] if in_vain else [])]

    async def ask_again(self, request: ClientRequest) -> list[str]:
        """The differences if each request sends the ETag of the previous response of its server."""
        tags = [item.headers.get("etag") for item in (await self.first.ask(request), await self.second.ask(request))]
        one, other = await self.first.ask(request, tags[0]), await self.second.ask(request, tags[1])
        return [*differences(one, other), *await self.second.ask_fast(request, other, tags[1])]


@asynccontextmanager
async def twins(
    first: Settings, second: Settings, upstream: Upstream, *indexed: str, other: Upstream | None = None
) -> AsyncIterator[Twins]:
    """Create two servers with the indexes of these releases open; the second may use another upstream.

    Time stands still for what they remember of documents and failures: on a busy machine, one of them would forget first.
    """
    now, read_time = asyncio.get_running_loop().time(), resilience._now
    resilience._now = lambda: now
    pair = Twins(Twin(first, upstream), Twin(second, other or upstream))
    try:
        for item in (pair.first, pair.second):
            for release in indexed:
                await item.services.indexes.ready(release)
        yield pair
    finally:
        await pair.first.services.aclose()
        await pair.second.services.aclose()
        resilience._now = read_time


def _without_upstream(reply: Reply) -> Reply:
    """A reply without the paths requested upstream, and without their number in its body."""
    body = orjson.loads(reply.body) if reply.body else {}
    if body.get("extensions", {}).pop("upstream", None) is None:
        return reply._replace(upstream=[])
    return reply._replace(upstream=[], body=orjson.dumps(body))


def differences(one: Reply, other: Reply) -> list[str]:
    """The differences between two replies."""
    results = []
    if one.status != other.status:
        results.append(f"status: {one.status} {other.status}")
    headers = [
        {name: value for name, value in item.headers.items() if name not in OF_THE_BODY} for item in (one, other)
    ]
    if headers[0] != headers[1]:
        results.append(f"headers: {headers[0]} {headers[1]}")
    if one.headers.keys() != other.headers.keys():
        results.append(f"headers: {sorted(one.headers)} {sorted(other.headers)}")
    if one.body != other.body:
        results += _of_bodies(one.body, other.body)
    # Which of many stale copies are revalidated depends on timing.
    many = STALE.search(one.body) is not None and max(len(one.upstream), len(other.upstream)) >= MAX_CONCURRENT
    if one.upstream != other.upstream and not many:
        here, there = Counter(one.upstream), Counter(other.upstream)
        results.append(f"upstream: {sorted(here - there)} {sorted(there - here)}")
    return results


def _of_bodies(one: bytes, other: bytes) -> list[str]:
    if not (one and other):
        return [f"body: {one[:200]!r} {other[:200]!r}"]
    bodies = [orjson.loads(item) for item in (one, other)]
    results = [
        f"not as it is written: {raw[:200]!r}"
        for raw, body in zip((one, other), bodies, strict=True)
        if orjson.dumps(body) != raw
    ]
    if list(bodies[0]) != list(bodies[1]):
        results.append(f"keys: {list(bodies[0])} {list(bodies[1])}")
    for key in bodies[0].keys() & bodies[1].keys():
        values = [_in_order(item[key]) if key == "errors" else item[key] for item in bodies]
        if orjson.dumps(values[0]) != orjson.dumps(values[1]):
            results.append(f"{key}: {first_difference(*values)}")
    return results


def _in_order(errors: list[Any]) -> list[Any]:
    if errors[-1].get("extensions", {}).get("code") == "ERRORS_OMITTED":  # which errors are listed depends on timing
        return [len(errors), errors[-1]["message"]]
    return sorted(errors, key=lambda error: orjson.dumps([error.get("path"), error]))


def first_difference(one: Any, other: Any, path: str = "") -> str:
    """The first path at which two values differ, with both values."""
    if isinstance(one, dict) and isinstance(other, dict):
        if list(one) != list(other):
            return f"{path or '/'}: keys {list(one)} {list(other)}"
        for key in one:
            if orjson.dumps(one[key]) != orjson.dumps(other[key]):
                return first_difference(one[key], other[key], f"{path}/{key}")
    if isinstance(one, list) and isinstance(other, list) and len(one) == len(other):
        for position, (item, its) in enumerate(zip(one, other, strict=True)):
            if orjson.dumps(item) != orjson.dumps(its):
                return first_difference(item, its, f"{path}/{position}")
    return f"{path or '/'}: {str(one)[:300]} {str(other)[:300]}"


def _as_bytes(scope: dict[str, Any], body: bytes) -> bytes:
    query = b"?" + scope["query_string"] if scope["query_string"] else b""
    line = b"%b %b%b HTTP/1.1" % (scope["method"].encode(), scope["raw_path"], query)
    return b"\r\n".join([line, *(b"%b: %b" % header for header in scope["headers"]), b"", body])


def _read(answer: bytes, upstream: list[str]) -> Reply:
    """A response of the fast path as a reply, without its request id."""
    head, _, body = answer.partition(b"\r\n\r\n")
    line, *lines = head.decode().split("\r\n")
    headers = dict(item.split(": ", 1) for item in lines) | {"x-request-id": REQUEST_ID}
    return _reply(int(line.split(" ")[1]), headers, body, upstream)


def _reply(status: int, headers: dict[str, str], body: bytes, upstream: list[str]) -> Reply:
    if headers.get("content-encoding") == "gzip":
        body = gzip.decompress(body)
    return Reply(status, headers, _RETRY_AFTER.sub(b'"retryAfter":0', body), upstream)


_RETRY_AFTER = re.compile(rb'"retryAfter":[0-9.]+')
"""Remaining seconds of a wait, which depend on the time of the request."""


def _scope(method: str, query: str, headers: dict[str, str]) -> dict[str, Any]:
    return {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": "/graphql",
        "raw_path": b"/graphql",
        "root_path": "",
        "query_string": query.encode(),
        "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
        "client": ("127.0.0.1", 1),
        "server": ("server.test", 80),
    }
