"""Errors as pages: a reader in a browser gets HTML in place of the errors in JSON that programs get."""

import asyncio
import math
from functools import lru_cache
from typing import NamedTuple

import orjson
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from graphql_api.competent.declarations import LANGUAGES
from graphql_api.http.content_negotiation import preferred, preferred_language
from graphql_api.http.forwarded import SENT_PATH, raw_path_of
from graphql_api.http.graphql.response import NOT_FOUND
from graphql_api.http.pages.rendering import PAGE_HEADERS, render
from graphql_api.observability.request_context import record_of, text_in

MAX_BYTES = 16_000
"""Maximum size of a response that is looked at; errors are shorter."""
MAX_DEPTH = 20
"""Maximum number of slashes in an address that gets a page: its links have as many times `../`."""


class ErrorPages:
    """ASGI middleware that shows browsers a page for each error outside of the API, with its status and headers.

    The paths in `api` are left alone, and so are clients that do not prefer HTML.
    """

    def __init__(self, app: ASGIApp, api: tuple[str, ...]) -> None:
        self._app = app
        self._api = api

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, and put a page in place of errors in JSON."""
        if scope["type"] != "http" or scope["path"] in self._api or not _prefers_page(scope):
            await self._app(scope, receive, send)
            return
        start: Message | None = None

        async def send_page(message: Message) -> None:
            nonlocal start
            if message["type"] == "http.response.start" and _is_short_error(message):
                start = message
            elif start is None:
                await send(message)
            else:
                parts = (start, message) if message.get("more_body") else await _as_page(scope, start, message)
                start = None
                for part in parts:
                    await send(part)

        await self._app(scope, receive, send_page)


class _Problem(NamedTuple):
    status: int
    code: str
    message: str

    @property
    def is_unknown_address(self) -> bool:
        """Whether the message only says that there is nothing at this address."""
        return self.message == NOT_FOUND


def is_too_deep(scope: Scope) -> bool:
    """Whether an error at this address gets no page, only JSON."""
    return raw_path_of(scope).count(b"/") > MAX_DEPTH


def _prefers_page(scope: Scope) -> bool:
    if is_too_deep(scope):
        return False
    accept = text_in(record_of(scope).head, b"accept")
    return preferred(accept, ("application/json", "text/html")) == "text/html"


def _is_short_error(start: Message) -> bool:
    headers = Headers(raw=start["headers"])
    is_json = headers.get("content-type", "").startswith("application/json")
    return start["status"] >= 400 and is_json and int(headers.get("content-length", math.inf)) <= MAX_BYTES


async def _as_page(scope: Scope, start: Message, body: Message) -> tuple[Message, Message]:
    headers = MutableHeaders(raw=list(start["headers"]))
    problem = _problem(start["status"], body.get("body", b""))
    if problem is None:
        return start, body
    html = (await asyncio.to_thread(_render, _language(scope), _root(scope), problem)).encode()
    headers.update(PAGE_HEADERS | {"Cache-Control": "no-store", "Vary": "Accept, Accept-Language"})
    headers["Content-Type"] = "text/html; charset=utf-8"
    headers["Content-Length"] = str(len(html))
    return {**start, "headers": headers.raw}, {**body, "body": html}


def _problem(status: int, body: bytes) -> _Problem | None:
    """The error that a response consists of; None for any other JSON, such as that of a health check."""
    match orjson.loads(body or b"null"):
        case {"errors": [{"message": str(message), "extensions": {"code": str(code)}}]}:
            return _Problem(status, code, message)
    return None


def _language(scope: Scope) -> str:
    """The language of the path, otherwise the one that the reader prefers."""
    first = scope["path"].split("/")[1]
    return first if first in LANGUAGES else preferred_language(text_in(record_of(scope).head, b"accept-language"))


def _root(scope: Scope) -> str:
    raw_path = raw_path_of(scope)
    is_cut = scope.get(SENT_PATH, "").endswith("/") and not raw_path.endswith(b"/")
    return "../" * (raw_path.count(b"/") - 1 + is_cut)


@lru_cache(256)
def _render(language: str, root: str, problem: _Problem) -> str:
    return render("error.html", title="Competent", root=root, source=None, language=language, problem=problem)
