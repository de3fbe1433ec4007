"""The routes of the documentation: `/docs/queries` is `docs/queries.md`, and `/docs/?q=…` searches.

Browsers get HTML, programs Markdown, also at the path of the file (`/docs/queries.md`), which redirects browsers.
"""

import asyncio
import hashlib
import re
from base64 import b64encode
from collections.abc import Collection
from functools import cache
from posixpath import basename, splitext

from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, RedirectResponse, Response
from starlette.routing import Route

from graphql_api.http.content_negotiation import preferred
from graphql_api.http.graphql import JSON, HTTPError, error_response
from graphql_api.http.graphql.cache_control import conditional
from graphql_api.http.pages.docs import library
from graphql_api.http.pages.docs.library import INDEX, images, pages
from graphql_api.http.pages.docs.markdown import RootFiles, html, sections
from graphql_api.http.pages.docs.search import search
from graphql_api.http.pages.error_pages import is_too_deep
from graphql_api.http.pages.examples import RunQuery
from graphql_api.http.pages.home import source_of
from graphql_api.http.pages.rendering import PAGE_HEADERS, file_headers, render, version_of, with_policy
from graphql_api.observability.request_context import record_of, text_in

MARKDOWN = "text/markdown"
HEADERS = with_policy("script-src 'self'")
"""The script adds buttons that copy code; pages are complete without it."""
MAX_SEARCH_CHARS = 200


def documentation_routes(ask: RunQuery, *, without: Collection[str] = ()) -> list[Route]:
    """The routes of the documentation; `without` names files at the root of the server that are not served."""
    documentation = _Documentation(ask, frozenset({"graphiql", "schema.graphql"}) - set(without))
    return [Route("/docs", _with_slash), Route("/docs/{path:path}", documentation.show)]


async def _with_slash(_: Request) -> Response:
    return RedirectResponse("docs/", 308)


class _Documentation:
    def __init__(self, ask: RunQuery, root_files: RootFiles) -> None:
        self._ask = ask
        self._root_files = root_files

    async def show(self, request: Request) -> Response:
        """A page, an image or a redirect."""
        path, head = request.path_params["path"], record_of(request.scope).head
        if path in images():
            return conditional(_image(path, request), head)
        is_browser = preferred(text_in(head, b"accept"), (MARKDOWN, "text/html")) != MARKDOWN
        name = library.page_at(path)
        if name is None and (moved := _moved_to(path)) and (is_browser or moved.endswith("/")):
            return RedirectResponse(moved, 308, {"Vary": "Accept"})
        name = name or (path if path in pages() else None)
        if name is None:
            return await self._missing(path, is_browser, request)
        if not is_browser:
            return conditional(PlainTextResponse(pages()[name], headers=HEADERS, media_type=MARKDOWN), head)
        text = request.query_params.get("q", "").strip() if name == INDEX else ""
        source = await source_of(self._ask)
        if text:
            page = await asyncio.to_thread(_search, text[:MAX_SEARCH_CHARS], source, self._root_files)
        else:
            page = await asyncio.to_thread(_page, name, source, self._root_files)
        return conditional(HTMLResponse(page, headers=HEADERS), head)

    async def _missing(self, path: str, is_browser: bool, request: Request) -> Response:
        if not is_browser or is_too_deep(request.scope):
            not_found = HTTPError(404, "Page not found; /docs/ lists all pages.")
            return error_response(not_found, JSON, record_of(request.scope))
        source = await source_of(self._ask)
        page = _in_frame("docs_search.html", path, "Page not found", source, self._root_files, text="", hits=None)
        return HTMLResponse(page, 404, HEADERS)


@cache
def _page(name: str, source: str | None, root_files: RootFiles) -> str:
    """The HTML of a page, rendered once, which can take 200 ms."""
    from markupsafe import Markup

    before, after = library.neighbours(name)
    return _in_frame(
        "docs.html",
        name,
        library.title(name),
        source,
        root_files,
        body=Markup(html(name, root_files)),  # noqa: S704 - made of our own Markdown, without its raw HTML
        contents=[section for section in sections(name) if section.tag == "h2"],
        before=before,
        after=after,
    )


def _search(text: str, source: str | None, root_files: RootFiles) -> str:
    return _in_frame("docs_search.html", INDEX, f"Search: {text}", source, root_files, text=text, hits=search(text))


def _in_frame(template: str, base: str, title: str, source: str | None, root_files: RootFiles, **values: object) -> str:
    """A page with the navigation; `base` is its path below `/docs/`."""
    up = "../" * base.count("/")
    return render(
        template,
        title=title,
        root=f"../{up}",
        docs=up or "./",
        source=source,
        language="en",
        has_graphiql="graphiql" in root_files,
        current=base,
        navigation=library.navigation(),
        url=lambda name: library.url(name, base),
        **values,
    )


def _moved_to(path: str) -> str | None:
    """The relative URL to redirect to from the path of a file, or if a slash at the end is missing or too much."""
    if path in pages():
        return basename(library.address(path)) or "./"
    if library.page_at(path.removesuffix("/")):
        return f"../{basename(path[:-1])}"
    return f"{basename(path)}/" if f"{path}/{INDEX}" in pages() else None


def _image(name: str, request: Request) -> Response:
    content = images()[name]
    headers = PAGE_HEADERS | file_headers(request.scope, version_of(content))
    del headers["Vary"]
    media_type = library.MEDIA_TYPES[splitext(name)[1]]
    if media_type == "image/svg+xml":
        headers["Content-Security-Policy"] = _svg_policy(content)
    return Response(content, headers=headers, media_type=media_type)


def _svg_policy(content: bytes) -> str:
    """A policy that allows the style sheets of an SVG and nothing else."""
    styles = re.findall(b"<style>(.*?)</style>", content, re.DOTALL)
    hashes = [f"'sha256-{b64encode(hashlib.sha256(style).digest()).decode()}'" for style in styles]
    return f"default-src 'none'; style-src {' '.join(hashes)}"
