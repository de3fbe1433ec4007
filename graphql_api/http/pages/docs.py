"""Serves the documentation of this version at `/docs/`: the pages of `docs/`, as HTML to browsers, else as Markdown.

URLs match paths in the repository. Images that pages show are served, too. In HTML, links to other files become plain text.
"""

import re
from functools import cache
from importlib.resources import files
from posixpath import dirname, join, normpath, splitext
from typing import TYPE_CHECKING

from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, RedirectResponse, Response
from starlette.routing import Route

from graphql_api.http.content_negotiation import preferred
from graphql_api.http.graphql import JSON, HTTPError, error_response
from graphql_api.http.graphql.cache_control import conditional
from graphql_api.http.pages.home import Ask, source_of
from graphql_api.http.pages.rendering import PAGE_HEADERS, render
from graphql_api.observability.request_context import record_of, text_in

if TYPE_CHECKING:
    from collections.abc import Iterator
    from importlib.resources.abc import Traversable

    from markdown_it.token import Token

MARKDOWN = "text/markdown"
INDEX = "README.md"
"""The index page of a folder."""
_COMMENT = re.compile(r"^<!--.*?-->$", re.MULTILINE)
"""Comments that mark generated parts of a page. Raw HTML is off, so they would be shown as text."""
MEDIA_TYPES = {".svg": "image/svg+xml", ".png": "image/png"}
IMAGE_HEADERS = PAGE_HEADERS | {"Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'"}
"""An SVG has its style inside, and may do nothing else."""
SERVED_FILES = ("schema.graphql",)
"""Files that pages link to and that this server has at its root."""


def documentation_routes(ask: Ask) -> list[Route]:
    """The routes of the documentation pages, at the same paths as in the repository."""

    async def show(request: Request) -> Response:
        name = request.path_params["name"]
        name = name + INDEX if name.endswith("/") or not name else name
        head = record_of(request.scope).head
        if image := images().get(name):
            return conditional(Response(image, headers=IMAGE_HEADERS, media_type=MEDIA_TYPES[splitext(name)[1]]), head)
        if name not in pages():
            not_found = HTTPError(404, "Page not found; /docs/ lists all pages.")
            return error_response(not_found, JSON, record_of(request.scope))
        if preferred(text_in(head, b"accept"), (MARKDOWN, "text/html")) == "text/html":
            return conditional(HTMLResponse(as_html(name, await source_of(ask)), headers=PAGE_HEADERS), head)
        return conditional(PlainTextResponse(text(name), headers=PAGE_HEADERS, media_type=MARKDOWN), head)

    async def enter(_: Request) -> Response:
        return RedirectResponse("docs/", 308)

    return [Route("/docs", enter), Route("/docs/{name:path}", show)]


@cache
def pages() -> dict[str, str]:
    """All pages: Markdown by name, such as `queries.md` and `decisions/README.md`."""
    return {name: file.read_text(encoding="utf-8") for name, file in _files() if name.endswith(".md")}


@cache
def images() -> dict[str, bytes]:
    """All images by name, such as `architecture.svg`."""
    return {name: file.read_bytes() for name, file in _files() if splitext(name)[1] in MEDIA_TYPES}


def _files() -> "Iterator[tuple[str, Traversable]]":
    package = files("graphql_api")
    folder = package / "docs"
    return _below(folder if folder.is_dir() else package / ".." / "docs", "")  # the latter if run from source


def _below(folder: "Traversable", above: str) -> "Iterator[tuple[str, Traversable]]":
    for file in sorted(folder.iterdir(), key=lambda file: file.name):
        if file.is_dir():
            yield from _below(file, f"{above}{file.name}/")
        else:
            yield above + file.name, file


def text(name: str) -> str:
    """A page in Markdown; the index page of a folder also lists the pages that it does not link to."""
    markdown = pages()[name]
    if not name.endswith(INDEX):
        return markdown
    folder = name.removesuffix(INDEX)
    siblings = [page for page in pages() if page.startswith(folder) and "/" not in page[len(folder) :] and page != name]
    missing = [page for page in siblings if f"]({page[len(folder) :]})" not in markdown]
    lines = [f"- [{title(page)}]({page[len(folder) :]})\n" for page in missing]
    return markdown + "\n" * bool(lines) + "".join(lines)


def title(name: str) -> str:
    """The title of a page: its first line."""
    return pages()[name].partition("\n")[0].lstrip("# ")


@cache
def as_html(name: str, source: str | None) -> str:
    """A page in HTML; `source` says where the server's data is from."""
    from markdown_it import MarkdownIt
    from markupsafe import Markup

    reader = MarkdownIt("commonmark", {"html": False}).enable("table")
    tokens = reader.parse(_COMMENT.sub("", text(name)))[3:]  # without the title, which the template adds
    for position, token in enumerate(tokens):
        if token.type == "heading_open":
            token.attrSet("id", _anchor(tokens[position + 1].content))
        token.children = token.children and _without_dead_links(token.children, name)
    html = reader.renderer.render(tokens, reader.options, {})
    scrollable = re.sub("<(pre|table)>", r'<\1 tabindex="0">', html)  # by keys, too
    body = Markup(scrollable)  # noqa: S704 - raw HTML is off
    return render("docs.html", title=title(name), root="../" * (name.count("/") + 1), source=source, body=body)


def _anchor(heading: str) -> str:
    """The anchor of a heading, as on GitHub."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def _without_dead_links(tokens: "list[Token]", name: str) -> "list[Token]":
    """The tokens, without links to files that are not served."""
    remaining, inside = [], False
    for token in tokens:
        if token.type == "link_open":
            inside = not _is_served(str(token.attrGet("href")), name)
        if not (inside and token.type in ("link_open", "link_close")):
            remaining.append(token)
    return remaining


def _is_served(link: str, name: str) -> bool:
    if re.match(r"https?:|#", link):
        return True
    target = normpath(join("docs", dirname(name), link.partition("#")[0]))
    return target in SERVED_FILES or target.removeprefix("docs/") in pages()
