"""`/robots.txt`, and sitemaps (sitemaps.org) of the explorer: the pages of the current release, in files of each language.

They have absolute addresses, and exist only if COMPETENT_PUBLIC_URL is set.
"""

import sqlite3
from collections.abc import Awaitable, Callable, Iterable
from html import escape
from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from graphql_api.competent.declarations import LANGUAGES
from graphql_api.competent.releases import CURRENT
from graphql_api.errors import NotIndexedYet
from graphql_api.export import release_facts
from graphql_api.http.graphql import CachePolicy, HTTPError
from graphql_api.http.graphql.cache_control import conditional
from graphql_api.http.pages.explorer.concept_paths import TYPES, concept_path
from graphql_api.http.pages.explorer.labels import LABEL_TYPES
from graphql_api.http.resources import LoadersOf, loaders_for, resource
from graphql_api.index.concepts import count
from graphql_api.index.tables import numbers
from graphql_api.observability.request_context import record_of

PART = 10_000
"""Concepts per file: sitemaps.org allows 50,000 addresses and 50 MB."""
RETRY_AFTER = 60.0
"""Seconds until a search engine looks for an index again that is not there."""
_LISTS = ("", "occupations", *LABEL_TYPES, "competence-sets")
"""Pages that list others, by path below a language; they are in the first file."""
_NOT_CRAWLED = "graphql$ graphql? export/ */suggest? */search? */compare? */occupations? *release="
"""Patterns (RFC 9309) below the server's root: the API, files of releases, and pages for any input."""

_Document = Callable[[sqlite3.Connection, str, str | None], bytes]
"""Writes a file from an index; takes the absolute address of the server's root and the day of the release in ISO 8601."""


def sitemap_routes(loaders: LoadersOf, cache_policy: CachePolicy, base: str | None) -> list[Route]:
    """The routes `/robots.txt`, `/sitemap.xml` and `/{language}/sitemap-{part}.xml`; none without `base`.

    `base` is the absolute address of the server's root, with a slash at its end; `loaders` makes those of one request.
    """
    if base is None:
        return []

    def endpoint(language: str | None) -> Callable[[Request], Awaitable[Response]]:
        async def respond(request: Request) -> Response:
            record = record_of(request.scope)
            document = _part(language, request.path_params["part"]) if language else _index
            body = await _document(request, loaders, document, base)
            record.executed = True
            headers = {"Cache-Control": cache_policy.header_for(record, "", False), "X-Content-Type-Options": "nosniff"}
            return conditional(Response(body, headers=headers, media_type="application/xml"), record.head)

        return resource(respond)

    async def show_robots(_: Request) -> Response:
        rules = "".join(f"Disallow: {urlsplit(base).path}{pattern}\n" for pattern in _NOT_CRAWLED.split())
        text = f"User-agent: *\n{rules}\nSitemap: {base}sitemap.xml\n"
        return PlainTextResponse(text, headers={"Cache-Control": "no-cache", "X-Content-Type-Options": "nosniff"})

    parts = [Route(f"/{language}/sitemap-{{part:int}}.xml", endpoint(language)) for language in LANGUAGES]
    return [Route("/robots.txt", show_robots), Route("/sitemap.xml", endpoint(None)), *parts]


async def _document(request: Request, loaders_of: LoadersOf, document: _Document, base: str) -> bytes:
    """A file of the current release. Raises HTTPError if its pages are not for search engines, and NotIndexedYet."""
    with loaders_for(request, loaders_of) as loaders:
        number = await loaders.release_number(CURRENT)
        release = await release_facts(loaders, number)
        if release.source:
            raise HTTPError(404, "No sitemap: the data is not VDAB's, and its pages are not for search engines.")
        index = await loaders.open_index(number)  # starts no crawl
        if index is None:
            raise NotIndexedYet(f"Release {number} is not indexed.", retry_after=RETRY_AFTER)
        if index.missing:
            loaders.mark_provisional()
        return await loaders.ask(index, document, base, release.published_on)


def _index(connection: sqlite3.Connection, base: str, day: str | None) -> bytes:
    parts = range(1, 1 + -(-sum(count(connection, type) for type in TYPES.values()) // PART))
    addresses = (f"{base}{language}/sitemap-{part}.xml" for language in LANGUAGES for part in parts)
    return _xml("sitemapindex", "sitemap", addresses, day)


def _part(language: str, part: int) -> _Document:
    def document(connection: sqlite3.Connection, base: str, day: str | None) -> bytes:
        paths = _paths(connection, (part - 1) * PART) if 1 <= part <= PART else []
        if not paths:
            raise HTTPError(404, "Not found: /sitemap.xml lists the files.")
        return _xml("urlset", "url", (f"{base}{language}/{path}" for path in paths), day)

    return document


def _paths(connection: sqlite3.Connection, start: int) -> list[str]:
    """The paths of PART concepts from position `start` on, below a language; those of lists come first."""
    words = {type.number: word for word, type in TYPES.items()}
    sql = f"""SELECT concept_type, code, uuid FROM concept WHERE concept_type IN ({numbers(words)})
        ORDER BY concept_type, position LIMIT ? OFFSET ?"""  # noqa: S608  # numbers of declared types
    rows = connection.execute(sql, (PART, start))
    paths = [concept_path({"code": code, "uuid": uuid}, words[number]) for number, code, uuid in rows]
    return paths if start else [*_LISTS, *paths]


def _xml(root: str, child: str, addresses: Iterable[str], day: str | None) -> bytes:
    changed = f"<lastmod>{day}</lastmod>" if day else ""
    entries = "".join(f"<{child}><loc>{escape(address)}</loc>{changed}</{child}>\n" for address in addresses)
    namespace = "http://www.sitemaps.org/schemas/sitemap/0.9"
    return f'<?xml version="1.0" encoding="utf-8"?>\n<{root} xmlns="{namespace}">\n{entries}</{root}>\n'.encode()
