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

from graphql_api.sandbox.gateway import path_asked
from graphql_api.sandbox.responses import service_error


def file_name(path: str) -> str:
    """The file of a response in a recording's folder, such as `releases/3.11/softskills,page=0,size=2.json`."""
    name, _, query = path.partition("?")
    told = [_plain(name.strip("/"), "/"), *(f"{_plain(key)}={_plain(value)}" for key, value in parse_qsl(query))]
    return ",".join(told) + ".json"


def _plain(text: str, more: str = "") -> str:
    return re.sub(rf"[^A-Za-z0-9._{more}-]", "_", text)


class Recording:
    """The recording in a folder, as an ASGI app."""

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
        """Send the recorded response, or 404."""
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
    """For a response recorded under `current`, the path with the release number in its self link; otherwise None."""
    try:
        match = re.search(r"/releases/[^/]+(/.*)?$", told["document"]["_links"]["self"]["href"])
        return match[0] if match and re.match(r"/releases/current(/|$)", told["path"]) else None
    except (KeyError, TypeError):
        return None


def _canonical(path: str) -> str:
    name, _, query = path.partition("?")
    return f"{name}?{urlencode(sorted(parse_qsl(query)))}" if query else name
