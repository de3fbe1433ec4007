"""GraphiQL, the page where people try queries, at `/graphiql`.

All its assets are in this package, and its content policy keeps the browser from contacting any other host.
"""

import hashlib
import re
import secrets
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

Examples = Callable[[str], Awaitable[Mapping[str, object]]]
Notice = Callable[[], Awaitable[str]]

_HERE = Path(__file__).parent
_ASSETS = _HERE / "assets"
_POLICY = {
    "default-src": "'none'",
    "script-src": "'self'",
    "style-src": "'self' 'nonce-{nonce}'",  # dialogs and menus add a <style> element while they are open
    "img-src": "'self' data:",  # the icon, and small images inlined in the style sheet
    "font-src": "data:",  # all are inlined in the style sheet
    "connect-src": "'self'",
    "base-uri": "'none'",
    "form-action": "'none'",
    "frame-ancestors": "'none'",
}
_FOR_EVER = "public, max-age=31536000, immutable"
_ASK_AGAIN = "no-cache"


def graphiql_routes(
    examples: Examples, notice: Notice, *, key_header: str = "", page_too: bool = True
) -> list[Route | Mount]:
    """The routes of the page at `/graphiql` and its assets; the endpoint is `/graphql` next to it.

    `examples` takes an `Accept-Language` header and returns `groups` of examples, each with a `title`, and the `response`
    to the first one, or None; `notice` returns HTML to show above; both are called for every visit. With a `key_header`
    the page asks for a key, and sends it in this header. With `page_too=False` only the assets are served, among them the
    icon of our other pages.
    """
    versions = {file.name: _digest(file) for file in sorted(_ASSETS.iterdir())}
    page = _versioned((_HERE / "page.html").read_text(encoding="utf-8"), versions).replace("{key_header}", key_header)

    async def show_page(_: Request) -> Response:
        nonce = secrets.token_urlsafe(16)
        shown = page.replace("{nonce}", nonce).replace("{notice}", await notice())
        return HTMLResponse(shown, headers=_page_headers(nonce))

    async def show_examples(request: Request) -> Response:
        headers = {"Cache-Control": _ASK_AGAIN, "Vary": "Accept-Language", "X-Content-Type-Options": "nosniff"}
        languages = ",".join(request.headers.getlist("accept-language"))
        return JSONResponse(await examples(languages), headers=headers)

    below = [
        Route("/", _to_page),
        Route("/examples.json", show_examples),
        Mount("/assets", _Assets(versions)),
    ]
    if not page_too:
        return [Mount("/graphiql/assets", _Assets(versions))]
    return [Route("/graphiql", show_page), Mount("/graphiql", routes=below)]


async def _to_page(request: Request) -> Response:
    # Relative, because only the browser knows the host and prefix under which a proxy publishes us.
    query = f"?{request.url.query}" if request.url.query else ""
    return RedirectResponse(f"../graphiql{query}")


class _Assets(StaticFiles):
    """Assets: cached permanently if the URL has their current version, else revalidated each time."""

    def __init__(self, versions: dict[str, str]) -> None:
        super().__init__(directory=_ASSETS)
        self._versions = versions

    def is_not_modified(self, response_headers: Headers, request_headers: Headers) -> bool:
        """Whether the client's copy is current, by a tag in any line of `If-None-Match` or by its date."""
        held = [tag.strip() for line in request_headers.getlist("if-none-match") for tag in line.split(",")]
        if held:
            return "*" in held or response_headers["etag"] in (tag.removeprefix("W/") for tag in held)
        return super().is_not_modified(response_headers, request_headers)

    async def get_response(self, path: str, scope: Scope) -> Response:
        response = await super().get_response(path, scope)
        version = self._versions.get(path)
        named = version is not None and scope["query_string"] == f"v={version}".encode()
        response.headers["Cache-Control"] = _FOR_EVER if named else _ASK_AGAIN
        response.headers["X-Content-Type-Options"] = "nosniff"
        return response


def _digest(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()[:16]


def _versioned(page: str, versions: dict[str, str]) -> str:
    """The page with the version of each asset in its URL; raises KeyError if an asset does not exist."""
    return re.sub(r'(?<="graphiql/assets/)([^"]+)(?=")', lambda name: f"{name[1]}?v={versions[name[1]]}", page)


def _page_headers(nonce: str) -> dict[str, str]:
    return {
        "Content-Security-Policy": "; ".join(
            f"{directive} {sources.format(nonce=nonce)}" for directive, sources in _POLICY.items()
        ),
        "Cache-Control": _ASK_AGAIN,
        "Referrer-Policy": "no-referrer",
        "X-Content-Type-Options": "nosniff",
    }
