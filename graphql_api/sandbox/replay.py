"""A recording of a Competent API, served: answers as they once came, one file each, told by path and query.

What was not recorded does not exist here; a first page that was asked in another size is the largest that was recorded.
"""

import re
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlencode

import orjson
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from graphql_api.sandbox.gateway import path_asked
from graphql_api.sandbox.responses import service_error


def file_name(path: str) -> str:
    """Where the answer for a path is kept in the folder of a recording: `releases/3.11/softskills,page=0,size=2.json`."""
    name, _, query = path.partition("?")
    told = [_plain(name.strip("/"), "/"), *(f"{_plain(key)}={_plain(value)}" for key, value in parse_qsl(query))]
    return ",".join(told) + ".json"


def _plain(text: str, more: str = "") -> str:
    return re.sub(rf"[^A-Za-z0-9._{more}-]", "_", text)


class Recording:
    """The recording in a folder, as an ASGI app: in this process, or on a port."""

    def __init__(self, folder: Path) -> None:
        self._answers: dict[str, dict[str, Any]] = {}
        for file in sorted(folder.rglob("*.json")):
            told = orjson.loads(file.read_bytes())
            for path in (_numbered(told), told.get("path") if isinstance(told, dict) else None):
                if isinstance(path, str):
                    self._answers[_canonical(path)] = told

    def __len__(self) -> int:
        return len(self._answers)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        path = path_asked(scope)
        told = self._answers.get(_canonical(path)) or self._first_page(path)
        if told is None:
            await service_error(404, scope["path"])(scope, receive, send)
            return
        body = orjson.dumps(told["document"]) if "document" in told else told["text"].encode()
        await Response(body, told["status"], told["headers"])(scope, receive, send)

    def _first_page(self, path: str) -> dict[str, Any] | None:
        name, _, query = path.partition("?")
        if dict(parse_qsl(query)).get("page", "0") != "0" or name == "/search":
            return None
        pages = [told for known, told in self._answers.items() if known.startswith(f"{name}?") and "page=0" in known]
        return max(pages, key=lambda told: len(orjson.dumps(told)), default=self._answers.get(name))


def _numbered(told: Any) -> str | None:
    """The path of what was asked under `current` in the release that its own link names."""
    try:
        match = re.search(r"/releases/[^/]+(/.*)?$", told["document"]["_links"]["self"]["href"])
        return match[0] if match and re.match(r"/releases/current(/|$)", told["path"]) else None
    except (KeyError, TypeError):
        return None


def _canonical(path: str) -> str:
    name, _, query = path.partition("?")
    return f"{name}?{urlencode(sorted(parse_qsl(query)))}" if query else name
