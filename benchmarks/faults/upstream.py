"""A Competent API for soak tests: the sandbox on a port, with a technical competence for every id, and a log of its calls.

`GET /book` returns the calls (arrival time, path, status, time of the status), the maximum number of simultaneous ones and
those in progress; `DELETE /book` resets it. Faults are injected as in any sandbox. Ids that start with `dead` do not exist,
those with `b0b0` to `b0b6` have the bodies of bombs.py; those with `4edd` are redirected to the port of the last
`POST /book/trap?port=`, and the links of those with `11ec` point there. `POST /book/current?number=` changes `current`. Codes of
competences contain their release: `CP-7@3.11`.
"""

import asyncio
import re
import sys
import time
from random import Random
from typing import Any

import orjson
import uvicorn

from benchmarks.faults.bombs import BODIES, ENDLESS, send_bomb
from graphql_api.sandbox import Faults, bundled_releases, create_sandbox
from graphql_api.sandbox.document_store import ReleaseDocuments
from graphql_api.sandbox.serializers import COMPETENCES

CP_7 = "8c15a1bf-9699-43ae-b890-f79ac3e5f461"
LATENCY = 0.02


class _EveryId:
    """A release in which each id is a technical competence, a copy of CP-7 with that id."""

    def __init__(self, documents: ReleaseDocuments) -> None:
        self._documents = documents

    def __getattr__(self, name: str) -> Any:
        return getattr(self._documents, name)

    def document(self, collection: str, uuid: str) -> bytes | None:
        result = self._documents.document(collection, uuid)
        if result is None and collection == COMPETENCES and not uuid.startswith("dead"):
            complete = self._documents.document(collection, CP_7)
            result = complete and complete.replace(CP_7.encode(), uuid.encode())
            result = result and result.replace(b'"CP-7"', b'"CP-7@%s"' % self._documents.number.encode())
        return result


class _Releases:
    def __init__(self) -> None:
        self._releases = bundled_releases()
        self._by_number = {release.number: _EveryId(release) for release in self._releases}
        self.number = self._releases.current.number

    @property
    def current(self) -> Any:
        return self._by_number[self.number]

    def __iter__(self) -> Any:
        return iter(self._by_number.values())

    def get(self, name: str) -> Any:
        return self.current if name == "current" else self._by_number.get(name)


class Book:
    """The sandbox as an ASGI app that records each call."""

    def __init__(self, seed: int) -> None:
        faults = Faults(random=Random(seed))  # noqa: S311
        self._releases = _Releases()
        self._sandbox = create_sandbox(self._releases, faults=faults)  # type: ignore[arg-type]
        self._trap = b""
        self._under_way = 0
        self._begin()

    def _begin(self) -> None:
        self._calls: list[list[Any]] = []
        self._most = self._under_way

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http" or scope["path"].startswith("/sandbox"):
            await self._sandbox(scope, receive, send)
        elif scope["path"].startswith("/book/"):
            value = scope["query_string"].partition(b"=")[2]
            if scope["path"] == "/book/trap":
                self._trap = b"http://127.0.0.1:" + value
            else:
                self._releases.number = value.decode()
            await _send(send, b"{}")
        elif scope["path"] == "/book":
            value = {"calls": self._calls, "most": self._most, "under_way": self._under_way}
            if scope["method"] == "DELETE":
                self._begin()
            await _send(send, orjson.dumps(value))
        else:
            await self._call(scope, receive, send)

    async def _call(self, scope: Any, receive: Any, send: Any) -> None:
        call = [time.monotonic(), scope["path"], 0, 0.0]
        self._calls.append(call)
        self._under_way += 1
        self._most = max(self._most, self._under_way)

        async def note(message: Any) -> None:
            if message["type"] == "http.response.start":
                call[2:] = message["status"], time.monotonic()
            await send(message)

        try:
            await asyncio.sleep(LATENCY)
            prefix = scope["path"].rpartition("/")[2][:4]
            if prefix in BODIES or prefix == ENDLESS:
                await send_bomb(prefix, send)
            elif "/4edd" in scope["path"]:
                await _send(send, b"", (b"location", self._trap + scope["path"].encode()), status=302)
            elif "/11ec" in scope["path"]:
                await self._sandbox(scope, receive, self._with_links(send))
            else:
                await self._sandbox(scope, receive, note)
        finally:
            self._under_way -= 1

    def _with_links(self, send: Any) -> Any:
        """A `send` that rewrites all links to point to the trap."""

        async def sending(message: Any) -> None:
            if message["type"] == "http.response.start":
                headers = [header for header in message["headers"] if header[0] != b"content-length"]
                message = {**message, "headers": headers}
            elif message.get("body"):
                message = {**message, "body": re.sub(rb'(?<="href":")https?://[^/"]+', self._trap, message["body"])}
            await send(message)

        return sending


async def _send(send: Any, body: bytes, *headers: tuple[bytes, bytes], status: int = 200) -> None:
    length = (b"content-length", str(len(body)).encode())
    await send({"type": "http.response.start", "status": status, "headers": [length, *headers]})
    await send({"type": "http.response.body", "body": body})


if __name__ == "__main__":
    uvicorn.run(Book(seed=7), port=int(sys.argv[1]), log_level="critical", timeout_graceful_shutdown=1)
