"""Serves a recording of a Competent API: one file per response, identified by path and query.

Requests that were not recorded get 404. A first page in a size that was not recorded gets the largest recorded first page.
"""

import re
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlencode

import orjson
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from graphql_api.sandbox.gateway import path_and_query
from graphql_api.sandbox.responses import service_error


def file_name(path: str) -> str:
    """The file of a response in a recording's folder, such as `releases/3.11/softskills,page=0,size=2.json`."""
    name, _, query = path.partition("?")
    segments = [_plain(name.strip("/"), "/"), *(f"{_plain(key)}={_plain(value)}" for key, value in parse_qsl(query))]
    return ",".join(segments) + ".json"


def _plain(text: str, more: str = "") -> str:
    return re.sub(rf"[^A-Za-z0-9._{more}-]", "_", text)


Recorded = dict[str, Any]
"""A recorded response: `path`, `status`, `headers` and a JSON `document` or a `text`."""


class Recording:
    """The recording in a folder, as an ASGI app."""

    def __init__(self, folder: Path) -> None:
        self._responses: dict[str, Recorded] = {}
        for file in sorted(folder.rglob("*.json")):
            response = orjson.loads(file.read_bytes())
            for path in (_numbered(response), response.get("path") if isinstance(response, dict) else None):
                if isinstance(path, str):
                    self._responses[_canonical(path)] = response

    def __len__(self) -> int:
        return len(self._responses)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the recorded response, or 404."""
        path = path_and_query(scope)
        response = self._responses.get(_canonical(path)) or self._first_page(path)
        if response is None:
            await service_error(404, scope["path"])(scope, receive, send)
            return
        body = orjson.dumps(response["document"]) if "document" in response else response["text"].encode()
        await Response(body, response["status"], response["headers"])(scope, receive, send)

    def _first_page(self, path: str) -> Recorded | None:
        name, _, query = path.partition("?")
        if dict(parse_qsl(query)).get("page", "0") != "0" or name == "/search":
            return None
        pages = [
            response for key, response in self._responses.items() if key.startswith(f"{name}?") and "page=0" in key
        ]
        return max(pages, key=lambda response: len(orjson.dumps(response)), default=self._responses.get(name))


def _numbered(response: Any) -> str | None:
    """For a response recorded under `current`, the path with the release number in its self link; otherwise None."""
    try:
        match = re.search(r"/releases/[^/]+(/.*)?$", response["document"]["_links"]["self"]["href"])
        return match[0] if match and re.match(r"/releases/current(/|$)", response["path"]) else None
    except (KeyError, TypeError):
        return None


def _canonical(path: str) -> str:
    name, _, query = path.partition("?")
    return f"{name}?{urlencode(sorted(parse_qsl(query)))}" if query else name
