"""One request of a page: its language and release, the operation that makes it, and the response."""

import asyncio
import hashlib
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Protocol
from urllib.parse import quote, urlencode

import orjson
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from graphql_api.caching import LRUCache
from graphql_api.competent.declarations import LANGUAGES
from graphql_api.competent.hal import Document, is_release
from graphql_api.competent.releases import CURRENT
from graphql_api.execution.operations import Executed
from graphql_api.http import resources
from graphql_api.http.forwarded import raw_path_of
from graphql_api.http.graphql.cache_control import NO_STORE, CachePolicy, conditional
from graphql_api.http.pages.explorer.concept_paths import ADDRESSES, TYPES, WORDS, concept_path
from graphql_api.http.pages.explorer.operation import PageOperation, document
from graphql_api.http.pages.rendering import render, with_policy
from graphql_api.observability.request_context import RequestContext, record_of


class RunPageQuery(Protocol):
    """Executes an operation of a page; `is_post` if the request of the page was a POST."""

    def __call__(
        self, query: str, variables: dict[str, object], record: RequestContext, *, is_post: bool
    ) -> Awaitable[Executed]: ...


_STATUSES = resources.STATUSES | {"BAD_USER_INPUT": 400}
RENDERED_BYTES = 8_000_000
"""Maximum memory for rendered pages."""
_PARAMETERS = ("q", "type", "sector", "area", "isco", "from", "to", "since", "kind", "release")
"""Parameters that a page has in every language; positions in lists do not hold in another."""
_HEADERS = with_policy("script-src 'self'", "connect-src 'self'")


@dataclass(frozen=True, slots=True)
class Site:
    """What all pages share: how they query, how long they are cached, and which other pages there are."""

    ask: RunPageQuery
    cache_policy: CachePolicy
    base: str = ""
    """The absolute URL of the server's root, with a slash at its end; empty if it is unknown."""
    has_graphiql: bool = True
    has_schema: bool = True
    has_linked_data: bool = True
    is_source_down: Callable[[], bool] = lambda: False
    """Whether documents could not be refreshed when this was last tried."""
    rendered: LRUCache[tuple[object, ...], str] = field(default_factory=lambda: LRUCache(RENDERED_BYTES))
    """Rendered pages by everything that they are made of."""


class Visit:
    """A page in the making. `path` is the page below its language, such as `occupations/OP-101`."""

    def __init__(self, site: Site, request: Request, language: str, path: str, *, at_root: bool = False) -> None:
        self.site = site
        self.request = request
        self.language = language
        self.path = path
        self.at_root = at_root
        self.record = record_of(request.scope)
        self.operation: PageOperation | None = None
        self.result = Executed(None, [])

    @cached_property
    def parameters(self) -> dict[str, str]:
        """The query parameters with a value; the last one counts if several have the same name."""
        return {name: value.strip() for name, value in self.request.query_params.items() if value.strip()}

    @cached_property
    def sent_path(self) -> str:
        """The path in percent-encoding, as it was sent: browsers resolve links without decoding `%2F`."""
        return quote(raw_path_of(self.request.scope).partition(f"/{self.language}/".encode())[2], safe="/%")

    @property
    def root(self) -> str:
        """The relative URL of the server's root."""
        return "" if self.at_root else "../" * (1 + self.sent_path.count("/"))

    @property
    def is_post(self) -> bool:
        """Whether the page is made of a form, which may hold personal data: it is cached nowhere."""
        return self.request.method == "POST"

    async def ask(
        self, name: str, variables: Mapping[str, object], field: str = "", private: tuple[str, ...] = ()
    ) -> Document:
        """The release that an operation of `operations/` returns; empty if there is none.

        `field` is the root field of the concept type, if the operation is for several; `private` names variables that may not
        be in an address.
        """
        release = self.parameters.get("release", CURRENT)
        shared = {"release": release, "languages": [self.language.upper()]}
        self.operation = PageOperation(document(name, field), {**shared, **variables}, private)
        if not is_release(release):
            self.result = Executed(None, [{"message": "", "extensions": {"code": "RELEASE_NOT_FOUND"}}])
        else:
            self.result = await self.site.ask(
                self.operation.query, self.operation.variables, self.record, is_post=self.is_post
            )
        self.record.executed, self.record.error_codes = self.result.data is not None, self.codes
        return (self.result.data or {}).get("release") or {}

    def restore(self, operation: PageOperation | None, result: Executed) -> None:
        """Make an earlier operation and its result those of the page again."""
        self.operation, self.result = operation, result
        self.record.error_codes = self.codes

    async def page(self, template: str, release: Document, *, status: int = 200, **values: object) -> Response:
        """The page with this template; `values` are for the template, among them `summary` for search engines.

        If the release does not exist, it is the page that says so.
        """
        if not release and "RELEASE_NOT_FOUND" in self.codes:
            return await self.missing(release)
        return await self._response(status, template, release, {"summary": "", **values})

    async def missing(self, release: Document) -> Response:
        """A page that says why there is nothing to show: it does not exist, or cannot be loaded now."""
        status = _STATUSES.get(self.codes[0], 503) if self.codes else 404
        return await self._response(status, "missing.html", release, {"summary": ""})

    def redirect(self, path: str, **parameters: str | None) -> Response:
        """A redirect to another path below the same language, with the same parameters, and these."""
        present = self.parameters | {name: value for name, value in parameters.items() if value}
        query = f"?{urlencode(present)}" if present else ""
        return RedirectResponse(f"{self.root}{self.language}/{path}{query}", 302, {"Cache-Control": NO_STORE})

    @property
    def codes(self) -> list[str]:
        """The codes of the errors in the result, each once."""
        return list(dict.fromkeys(str(error["extensions"]["code"]) for error in self.result.errors))

    @property
    def reasons(self) -> list[str]:
        """The reasons of the errors in the result, of those that have one."""
        return [str(error["extensions"]["reason"]) for error in self.result.errors if "reason" in error["extensions"]]

    async def _response(self, status: int, template: str, release: Document, values: Document) -> Response:
        html = await self._html(template, release, {"status": status, **values})
        is_shared = status == 200 and not self.is_post
        headers = _HEADERS | {"Cache-Control": self.cache_control() if is_shared else NO_STORE}
        if self.at_root:
            headers["Vary"] = "Accept, Accept-Language"
        else:
            del headers["Vary"]
        retry = [error["extensions"].get("retryAfter") for error in self.result.errors]
        if status == 503 and retry and retry[0] is not None:
            headers["Retry-After"] = str(max(1, round(retry[0])))
        response = HTMLResponse(html, status, headers)
        return conditional(response, self.record.head) if is_shared else response

    async def _html(self, template: str, release: Document, values: Document) -> str:
        """The HTML of a page: from the cache, or rendered in a thread, because a large page would block the event loop."""
        if self.is_post:
            return await asyncio.to_thread(self._render, template, release, values)
        digest = hashlib.sha256(orjson.dumps(self.result.data)).digest()
        state = self.is_stale, self.is_preparing, *self.codes
        key = template, self.language, self.root, self.sent_path, self.request.url.query, *state, digest
        cached = self.site.rendered.get(key)
        if cached is not None:
            return cached
        html = await asyncio.to_thread(self._render, template, release, values)
        self.site.rendered.put(key, html, 2 * len(html))
        return html

    def _render(self, template: str, release: Document, values: Document) -> str:
        return render(
            template,
            language=self.language,
            title="",
            root=self.root,
            source=release.get("source"),
            release=release,
            visit=self,
            types=TYPES,
            words=WORDS,
            **values,
        )

    def cache_control(self) -> str:
        """The `Cache-Control` value of the page."""
        return self.site.cache_policy.header_for(self.record, "", False) if self.operation else "no-cache"

    # For templates

    @property
    def is_stale(self) -> bool:
        """Whether the page was made of documents that could not be refreshed, not only of some that are being refreshed."""
        return bool(self.record.fetch_context.stats.stale) and self.site.is_source_down()

    @property
    def is_preparing(self) -> bool:
        """Whether the index that the page lacks is being built."""
        errors = [error["extensions"] for error in self.result.errors]
        return any(error["code"] == "NOT_INDEXED_YET" and "retryAfter" in error for error in errors)

    def url(self, path: str, **parameters: str | None) -> str:
        """The relative URL of a page in the same language, and in the same release if the visitor has named one."""
        query = {"release": self.parameters.get("release")} | parameters
        present = {name: value for name, value in query.items() if value}
        return f"{self.root}{self.language}/{path}{'?' + urlencode(present) if present else ''}"

    def concept_url(self, concept: Mapping[str, object], word: str = "", page: str = "") -> str:
        """The relative URL of a concept, or of a page below it."""
        return self.url(concept_path(concept, word) + (page and f"/{page}"))

    def path_of(self, concept: Mapping[str, object]) -> str:
        """The path of a concept, which has its `__typename`, below the language."""
        return concept_path(concept)

    def linked_data(self, concept: Mapping[str, object], word: str, release: Document) -> str:
        """The relative URL of a concept as linked data."""
        return f"{self.root}id/{release['number']}/{ADDRESSES[word]}/{concept['uuid']}"

    def here(self, **changes: str | None) -> str:
        """The relative URL of this page with other parameters."""
        return self.url(self.sent_path, **({name: self.parameters.get(name) for name in _PARAMETERS} | changes))

    def translations(self) -> list[tuple[str, str]]:
        """Each language with the URL of this page in it, relative to the server's root."""
        present = {name: self.parameters[name] for name in _PARAMETERS if name in self.parameters}
        query = f"?{urlencode(present)}" if present else ""
        return [(language, f"{language}/{self.sent_path}{query}") for language in LANGUAGES]

    def for_other_readers(self) -> str:
        """The URL of this page, relative to the server's root, for readers of other languages: `/`, otherwise in English."""
        url = dict(self.translations())["en"]
        return url if self.path else url.removeprefix("en/")


Show = Callable[[Visit], Awaitable[Response]]
"""Makes the response to a visit."""
