"""The home page at `/`: what this server is, which release it serves, and links to everything else.

It works, and says so, when the Competent API is down. Links are relative, because a proxy may publish us under a prefix.
"""

from collections.abc import Awaitable, Callable, Collection, Mapping
from html import escape
from typing import NamedTuple, TypedDict

from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from graphql_api import NAME, own_version
from graphql_api.competent.declarations import CONCEPT_TYPES
from graphql_api.competent.hal import Document
from graphql_api.competent.releases import CURRENT
from graphql_api.execution.operations import Executed
from graphql_api.http.content_negotiation import preferred
from graphql_api.http.graphql.cache_control import not_modified
from graphql_api.http.header_fields import names_tag
from graphql_api.http.pages.examples import RunQuery
from graphql_api.http.pages.rendering import PAGE_HEADERS, render, version_of
from graphql_api.observability.request_context import record_of, text_in

Links = Mapping[str, tuple[str, str]]

ABOUT = (
    "GraphQL for Competent, Belgium's shared language of occupations and competences: occupational profiles, technical "
    "competences, skills, knowledge, behavioural indicators, soft and digital skills, in Dutch, French, English and German."
)
LINKS = {
    "graphiql": ("graphiql", "GraphiQL: try queries, with examples and the documentation of every field"),
    "graphql": ("graphql", "GraphQL endpoint: POST or GET a query"),
    "schema": ("schema.graphql", "Schema: for code generation"),
    "agents": ("llms.txt", "For agents: example queries and rules"),
    "docs": ("docs/", "Documentation: query guide, clients, limits, settings"),
    "feed": ("releases.atom", "Feed: new releases, with the numbers of their changes"),
    "health": ("health/live", "Liveness: whether the process responds"),
    "ready": ("health/ready", "Readiness: whether queries can be answered, or why not"),
}
"""Links of the home page: a relative URL and a description."""

_COUNTS = {type.listing: type.plural for type in CONCEPT_TYPES if type.collection is not None}
"""List fields of concept types that upstream lists, with the plural noun for their concepts."""
_FIND = f"""{{ release {{
  number publishedOn source license attribution
  {" ".join(f"{name}(first: 0) {{ totalCount }}" for name in _COUNTS)}
}} }}"""


class ReleaseSummary(TypedDict):
    """The current release, and how many concepts of each type it has."""

    number: str
    publishedOn: str | None
    source: str | None
    license: str | None
    attribution: str | None
    counts: dict[str, int]


class HealthProblem(TypedDict):
    """Why the release is not known."""

    code: str
    message: str


class Summary(TypedDict):
    """The home page as JSON."""

    name: str
    version: str
    description: str
    release: ReleaseSummary | None
    problem: HealthProblem | None
    links: dict[str, str]


def home_routes(
    ask: RunQuery,
    sdl: str,
    without: Collection[str] = (),
    explorer: Callable[[Request], Awaitable[Response]] | None = None,
) -> list[Route]:
    """The routes `/` (HTML or JSON) and `/schema.graphql`.

    `without` names files at the root that are not served. Browsers get `explorer`, if there is one.
    """
    links = {name: link for name, link in LINKS.items() if link[0] not in without}
    etag = f'"{version_of(sdl.encode())}"'

    async def show(request: Request) -> Response:
        accept = text_in(record_of(request.scope).head, b"accept")
        if preferred(accept, ("text/html", "application/json")) == "application/json":
            return JSONResponse(await _summary(ask, links), headers=PAGE_HEADERS)
        if explorer:
            return await explorer(request)
        return HTMLResponse(_page(await _summary(ask, links), links), headers=PAGE_HEADERS)

    async def show_schema(request: Request) -> Response:
        headers = {"Cache-Control": "no-cache", "ETag": etag, "X-Content-Type-Options": "nosniff"}
        if names_tag(text_in(record_of(request.scope).head, b"if-none-match"), etag):
            return not_modified(headers)
        return PlainTextResponse(sdl + "\n", headers=headers)

    return [Route("/", show), *([Route("/schema.graphql", show_schema)] if "schema" in links else [])]


async def _summary(ask: RunQuery, links: Links) -> Summary:
    result = await ask(_FIND)
    release = (result.data or {}).get("release")
    return {
        "name": NAME,
        "version": own_version(),
        "description": ABOUT,
        "release": None if release is None else _release(release),
        "problem": _problem(result),
        "links": {name: url for name, (url, _) in links.items()},
    }


def _release(release: Document) -> ReleaseSummary:
    counts = {name: release[name]["totalCount"] for name in _COUNTS if release[name]}
    return {
        "number": release["number"],
        "publishedOn": release["publishedOn"],
        "source": release["source"],
        "license": release["license"],
        "attribution": release["attribution"],
        "counts": counts,
    }


def _problem(result: Executed) -> HealthProblem | None:
    for error in result.errors:
        return {"code": error["extensions"]["code"], "message": error["message"]}
    return None


class Provenance(NamedTuple):
    """Where the data of a release is from, and on which terms; None if that is unknown."""

    source: str | None = None
    license: str | None = None
    attribution: str | None = None

    @property
    def sentences(self) -> str:
        """All of it as one line of text; empty if nothing is known."""
        source = f"The data is {self.source}." if self.source else ""
        terms = f"Licence of the data: {self.license}." if self.license else ""
        attribution = f"Source of the data: {self.attribution}." if self.attribution else ""
        return " ".join(filter(None, (source, terms, attribution)))


async def provenance_of(ask: RunQuery, release: str = CURRENT) -> Provenance:
    """Where the data of a release is from; nothing is known if the API is unavailable."""
    data = (await ask(f'{{ release(number: "{release}") {{ {" ".join(Provenance._fields)} }} }}')).data or {}
    return Provenance(**(data.get("release") or {}))


async def source_of(ask: RunQuery, release: str = CURRENT) -> str | None:
    """Where the data of a release is from, for `render`; None if that is unknown or the API is unavailable."""
    return (await provenance_of(ask, release)).source


def notice(source: str | None) -> str:
    """A paragraph of HTML that says where the data is from; empty if that is unknown."""
    return f'<p role="note">The data is {escape(source)}.</p>' if source else ""


async def notice_of(ask: RunQuery) -> str:
    """The notice for the data of the current release."""
    return notice(await source_of(ask))


def _page(summary: Summary, links: Links) -> str:
    entries = [(url, *description.split(": ", 1)) for url, description in links.values()]
    source = summary["release"] and summary["release"]["source"]
    return render(
        "server.html",
        title="Competent as GraphQL",
        root="",
        source=source,
        summary=summary,
        links=entries,
        plurals=_COUNTS,
    )
