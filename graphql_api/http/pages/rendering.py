"""Renders HTML pages from the Jinja templates in `templates/`, and serves the stylesheet that they share.

Links are relative, because a proxy may publish the server under a path prefix: `root` is the relative URL of the home page.
"""

import hashlib
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from graphql_api import NAME, own_version
from graphql_api.http.graphql.cache_control import conditional
from graphql_api.observability.request_context import record_of

if TYPE_CHECKING:
    from jinja2 import Environment

_HERE = Path(__file__).parent
_STYLESHEET = (_HERE / "assets" / "style.css").read_bytes()
_STYLE_VERSION = hashlib.sha256(_STYLESHEET).hexdigest()[:16]

PAGE_HEADERS = {
    "Cache-Control": "no-cache",
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none'; form-action 'self'; "
    "frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "Vary": "Accept",
    "X-Content-Type-Options": "nosniff",
}
"""Headers of every rendered page: the policy allows no scripts and no other host."""


def render(template: str, *, title: str, root: str, source: str | None, **values: object) -> str:
    """The HTML of a template; `source` says where the data is from, and every value is escaped unless it is `Markup`."""
    shared = {"name": NAME, "version": own_version(), "style": f"assets/style.css?v={_STYLE_VERSION}"}
    return _environment().get_template(template).render(shared, title=title, root=root, source=source, **values)


@cache
def _environment() -> "Environment":
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    return Environment(
        loader=FileSystemLoader(_HERE / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )


def asset_routes() -> list[Route]:
    """The route of the stylesheet: cached permanently if the URL has its current version, else revalidated each time."""

    async def style(request: Request) -> Response:
        is_versioned = request.scope["query_string"] == f"v={_STYLE_VERSION}".encode()
        headers = {
            "Cache-Control": "public, max-age=31536000, immutable" if is_versioned else "no-cache",
            "X-Content-Type-Options": "nosniff",
        }
        return conditional(Response(_STYLESHEET, headers=headers, media_type="text/css"), record_of(request.scope).head)

    return [Route("/assets/style.css", style)]
