"""Renders HTML pages from the Jinja templates in `templates/`, and serves the stylesheet that they share.

Links are relative, because a proxy may publish the server under a path prefix: `root` is the relative URL of the home page.
"""

import hashlib
from datetime import date
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from graphql_api import NAME, own_version
from graphql_api.competent.hal import Document
from graphql_api.http.graphql.cache_control import conditional
from graphql_api.http.pages.catalogue import translations
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


def render(template: str, *, title: str, root: str, source: str | None, language: str = "en", **values: object) -> str:
    """The HTML of a template in a language; every value is escaped unless it is `Markup`.

    `source` says where the data is from.
    """
    shared = {"name": NAME, "version": own_version(), "style": f"assets/style.css?v={_STYLE_VERSION}"}
    page = _environment(language).get_template(template)
    return page.render(shared, language=language, title=title, root=root, source=source, **values)


def plain(text: Document | None, concept: Document) -> str:
    """A text of the graph as a string; the code or uuid of its concept if there is no text."""
    localized = text and text["localized"]
    return str(localized["text"] if localized else concept["code"] or concept["uuid"])


@cache
def _environment(language: str) -> "Environment":
    from babel.dates import format_date
    from babel.numbers import format_decimal, format_percent
    from jinja2 import Environment, FileSystemLoader, StrictUndefined
    from markupsafe import Markup

    environment = Environment(
        loader=FileSystemLoader(_HERE / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
        extensions=["jinja2.ext.i18n"],
    )
    environment.policies["ext.i18n.trimmed"] = True
    environment.install_gettext_translations(translations(language), newstyle=True)  # type: ignore[attr-defined]
    environment.filters |= {
        "number": lambda value: format_decimal(value, locale=language),
        "percent": lambda share: format_percent(share, locale=language),
        "date": lambda day: format_date(date.fromisoformat(day[:10]), "long", locale=language),
        "plain": plain,
        "marked": Markup,
    }
    return environment


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
