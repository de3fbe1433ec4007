"""Renders HTML pages from the Jinja templates in `templates/`, and serves their stylesheet and scripts.

Links are relative, because a proxy may publish the server under a path prefix: `root` is the relative URL of the home page.
"""

import hashlib
import re
from collections.abc import Sequence
from datetime import date
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Scope

from graphql_api import NAME, own_version
from graphql_api.competent.hal import Document
from graphql_api.http.graphql.cache_control import conditional
from graphql_api.http.pages.catalogue import translations
from graphql_api.index.labels import text_of
from graphql_api.observability.request_context import record_of

if TYPE_CHECKING:
    from jinja2 import Environment

_HERE = Path(__file__).parent
_ASSETS = {file.name: file.read_bytes() for file in sorted((_HERE / "assets").iterdir())}
_MEDIA_TYPES = {".css": "text/css", ".js": "text/javascript"}

PAGE_HEADERS = {
    "Cache-Control": "no-cache",
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none'; form-action 'self'; "
    "frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "Vary": "Accept",
    "X-Content-Type-Options": "nosniff",
}
"""Headers of every rendered page: the policy allows no scripts and no other host."""


def with_policy(*directives: str) -> dict[str, str]:
    """PAGE_HEADERS with further directives in the content policy, such as `script-src 'self'`."""
    policy = "; ".join((PAGE_HEADERS["Content-Security-Policy"], *directives))
    return PAGE_HEADERS | {"Content-Security-Policy": policy}


def version_of(content: bytes) -> str:
    """The version of a file, for its URL."""
    return hashlib.sha256(content).hexdigest()[:16]


def file_headers(scope: Scope, version: str | None) -> dict[str, str]:
    """Headers of a file: cached permanently if the URL has its version, otherwise revalidated each time."""
    is_versioned = version is not None and scope["query_string"] == f"v={version}".encode()
    return {
        "Cache-Control": "public, max-age=31536000, immutable" if is_versioned else "no-cache",
        "X-Content-Type-Options": "nosniff",
    }


_REGIONS = {"en": "en_GB"}
"""Locales of dates, where that of the language is another region's: Europeans write `3 November`."""
_VERSIONS = {name: version_of(content) for name, content in _ASSETS.items()}


def render(template: str, *, title: str, root: str, source: str | None, language: str = "en", **values: object) -> str:
    """The HTML of a template in a language; every value is escaped unless it is `Markup`.

    `source` says where the data is from.
    """
    shared = {"name": NAME, "version": own_version(), "asset": asset}
    page = _environment(language).get_template(template)
    return page.render(shared, language=language, title=title, root=root, source=source, **values)


def asset(name: str) -> str:
    """The URL of an asset, relative to the server's root, with its version."""
    return f"assets/{name}?v={_VERSIONS[name]}"


def type_label(language: str, word: str) -> str:
    """What a type of concept is called in a language, by path word."""
    return str(_environment(language).get_template("macros.html").module.type_name(word)).strip()  # type: ignore[attr-defined]  # jinja2: a macro of the template


def by_field(names: Sequence[str]) -> dict[str, list[str]]:
    """The languages of each field in names such as `description.nl`; empty for fields without languages."""
    languages: dict[str, list[str]] = {}
    for name in names:
        field, _, language = name.partition(".")
        languages.setdefault(field, []).extend([language] if language else [])
    return languages


def plain(text: Document | None, concept: Document) -> str:
    """A text of the graph as a string; the code or uuid of its concept if there is no text."""
    localized = text and text["localized"]
    return str(localized["text"] if localized else concept["code"] or concept["uuid"])


def heading_text(html: str) -> str:
    """The text of the first heading in HTML, without marks of languages: the title of the page in search engines and tabs."""
    from markupsafe import Markup

    heading = re.search("<h1>(.*?)</h1>", html, re.DOTALL)
    return Markup(re.sub("<small.*?</small>", "", heading[1])).striptags() if heading else ""  # noqa: S704 - of our templates


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
    environment.install_gettext_translations(translations(language), newstyle=True)  # type: ignore[attr-defined]  # jinja2: of its extension
    environment.filters |= {
        "number": lambda value: format_decimal(value, locale=language),
        "percent": lambda share: format_percent(share, locale=language),
        "date": lambda day: format_date(date.fromisoformat(day[:10]), "long", locale=_REGIONS.get(language, language)),
        "heading_text": heading_text,
        "plain": plain,
        "text_of": text_of,
        "by_field": lambda names: by_field(names).items(),
        "marked": Markup,
    }
    return environment


def asset_routes() -> list[Route]:
    """The route of the assets, with `file_headers`."""

    async def show(request: Request) -> Response:
        name = request.path_params["name"]
        if name not in _ASSETS:
            raise HTTPException(404)
        headers = file_headers(request.scope, _VERSIONS[name])
        response = Response(_ASSETS[name], headers=headers, media_type=_MEDIA_TYPES[Path(name).suffix])
        return conditional(response, record_of(request.scope).head)

    return [Route("/assets/{name}", show)]
