"""The routes of the explorer: home, search, lists of occupations, and a page for every concept, below each language."""

from collections.abc import Awaitable, Callable
from functools import partial

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from graphql_api.competent.declarations import LANGUAGES
from graphql_api.competent.hal import Document
from graphql_api.http.content_negotiation import preferred_language
from graphql_api.http.graphql import JSON, ClientLeft, HTTPError, error_response
from graphql_api.http.pages.explorer.compare import compare
from graphql_api.http.pages.explorer.concept_paths import TYPES, concept_path, enum_value, reference
from graphql_api.http.pages.explorer.ended import ended
from graphql_api.http.pages.explorer.labels import FILTERS, by_title, label_pages
from graphql_api.http.pages.explorer.last_change import last_change
from graphql_api.http.pages.explorer.my_skills import my_skills
from graphql_api.http.pages.explorer.picture import pictures_of
from graphql_api.http.pages.explorer.suggestions import suggest
from graphql_api.http.pages.explorer.visit import Show, Site, Visit
from graphql_api.http.pages.rendering import plain
from graphql_api.index.labels import text_of
from graphql_api.observability.request_context import record_of, text_in

_OPERATIONS = {"competences": "competence", "competence-sets": "competence_set"}
"""The operation and template of a concept type, by path word, if it has its own."""

_CHANGES = {"new": "ADDED", "ended": "REMOVED", "changed": "CHANGED"}
"""Values of `ChangeKind` in the schema, by those of the parameter `kind`."""


class Explorer:
    """The pages of a site; `home` renders the first page in the reader's language at `/`."""

    def __init__(self, site: Site) -> None:
        self._site = site

    @property
    def routes(self) -> list[Route]:
        """The routes below each language."""
        pages: dict[str, Show] = {
            "": _home,
            "search": _search,
            "occupations": _occupations,
            "compare": compare,
            "changes": _changes,
            "suggest": suggest,
            "occupations/{ref}/picture": _picture,
            **label_pages(),
        }
        concepts: dict[str, Show] = {word: partial(_concept, word) for word in TYPES} | {"occupations": _occupation}
        routes = []
        for language in LANGUAGES:
            routes.append(Route(f"/{language}", partial(_with_slash, language)))
            routes += [Route(f"/{language}/{path}", self._endpoint(language, show)) for path, show in pages.items()]
            routes += [
                Route(f"/{language}/{word}/{{ref}}", self._endpoint(language, show)) for word, show in concepts.items()
            ]
            routes.append(Route(f"/{language}/my-skills", self._endpoint(language, my_skills), methods=["GET", "POST"]))
            routes.append(Route(f"/{language}/{{path:path}}", self._endpoint(language, _nothing)))
        return routes

    async def home(self, request: Request) -> Response:
        """The home page at `/`, in the language that the reader prefers; English if it has none of the four."""
        language = preferred_language(text_in(record_of(request.scope).head, b"accept-language"))
        return await _home(Visit(self._site, request, language, "", at_root=True))

    def _endpoint(self, language: str, show: Show) -> Callable[[Request], Awaitable[Response]]:
        async def endpoint(request: Request) -> Response:
            path = request.scope["path"].removeprefix(request.scope.get("root_path", "")).removeprefix(f"/{language}/")
            visit = Visit(self._site, request, language, path)
            try:
                return await show(visit)
            except ClientLeft:
                visit.record.forced_outcome = "cancelled"
                return Response(status_code=400)
            except HTTPError as refusal:  # the quota is used up, or it is not a form
                return error_response(refusal, JSON, visit.record)

        return endpoint


async def _with_slash(language: str, request: Request) -> Response:
    query = f"?{request.url.query}" if request.url.query else ""
    return RedirectResponse(f"{language}/{query}", 308)


async def _nothing(visit: Visit) -> Response:
    path = visit.sent_path.rstrip("/")
    return await visit.missing({}) if path == visit.sent_path else visit.redirect(path)


async def _home(visit: Visit) -> Response:
    release = await visit.ask("home", {})
    return await visit.page("home.html", release)


async def _search(visit: Visit) -> Response:
    text, word = visit.parameters.get("q"), visit.parameters.get("type", "")
    if text is None:
        return await visit.page("search.html", await visit.ask("release", {}), hits=None, text="", word=word)
    conditions = _conditions(visit)
    types = [enum_value("occupations" if conditions else word)] if conditions or word in TYPES else None
    variables = {
        "text": text,
        "types": types,
        "after": None if conditions else visit.parameters.get("after"),
        "first": 100 if conditions else 20,
        "filter": {"text": text, **conditions},
        "orderBy": by_title(visit),
        "level": _isco_level(visit),
        "firstProfiles": 20 if conditions else 0,
        "afterProfiles": visit.parameters.get("after") if conditions else None,
    }
    release = await visit.ask("search", variables)
    hits = _filtered(release) if conditions else release.get("search")
    if hits is None:
        return await visit.missing(release)
    word = "occupations" if conditions else word if types else ""
    return await visit.page("search.html", release, hits=hits, text=text, word=word)


def _filtered(release: Document) -> Document | None:
    """The occupations that meet the conditions, as hits; a match is known of the best 100 hits."""
    if not release.get("search") or not release.get("occupationalProfiles"):
        return None
    matches = {edge["node"]["uuid"]: edge["match"] for edge in release["search"]["edges"]}
    profiles: dict[str, object] = release["occupationalProfiles"]
    nodes: list[Document] = release["occupationalProfiles"]["nodes"]
    return profiles | {"edges": [{"node": node, "match": matches.get(node["uuid"])} for node in nodes]}


def _conditions(visit: Visit) -> dict[str, list[str]]:
    """The conditions on occupations in the parameters, for the filter of the schema."""
    return {field: [visit.parameters[name]] for name, field in FILTERS.items() if name in visit.parameters}


def _isco_level(visit: Visit) -> int:
    """The level of the groups of ISCO-08 to choose from: that below the chosen one."""
    return min(4, len(visit.parameters.get("isco", "")) + 1)


async def _occupations(visit: Visit) -> Response:
    variables = {
        "filter": _conditions(visit) or None,
        "orderBy": by_title(visit),
        "level": _isco_level(visit),
        "after": visit.parameters.get("after"),
    }
    release = await visit.ask("occupations", variables)
    profiles = release.get("occupationalProfiles")
    if profiles is None:
        return await visit.missing(release)
    return await visit.page("occupations.html", release, profiles=profiles)


async def _changes(visit: Visit) -> Response:
    since = visit.parameters.get("since")
    if since is None:
        release = await visit.ask("releases", {})
        numbers = [other["number"] for other in _releases(visit)]
        following = numbers[numbers.index(release["number"]) + 1 :] if release.get("number") in numbers else []
        if following:
            return visit.redirect("changes", since=following[0])
        if not release:
            return await visit.missing({})
        return await visit.page("changes.html", release, changes=None, releases=[])
    change = _CHANGES.get(visit.parameters.get("kind", ""))
    variables = {
        "since": since,
        "kinds": [change] if change else [*_CHANGES.values()],
        "after": visit.parameters.get("after"),
    }
    release = await visit.ask("changes", variables)
    changes = release.get("changes")
    if changes is None and visit.codes != ["NOT_INDEXED_YET"]:
        return await visit.missing(release)
    status = 503 if changes is None else 200
    return await visit.page("changes.html", release, status=status, changes=changes, releases=_releases(visit))


def _releases(visit: Visit) -> list[Document]:
    """All releases that an operation asked for, the latest first."""
    return (visit.result.data or {}).get("releases") or []


async def _occupation(visit: Visit) -> Response:
    release = await visit.ask("occupation", _reference(visit))
    profile = release.get("occupationalProfile")
    if profile is None:
        return await ended(visit, "occupations", release)
    if redirect := _to_code(visit, profile, "occupations"):
        return redirect
    change = await last_change(visit, release["number"], profile)
    summary = plain(profile["description"], profile)
    return await visit.page("occupation.html", release, profile=profile, change=change, summary=summary)


async def _picture(visit: Visit) -> Response:
    release = await visit.ask("picture", _reference(visit))
    profile = release.get("occupationalProfile")
    if profile is None:
        return await ended(visit, "occupations", release)
    return _to_code(visit, profile, "occupations", "/picture") or await visit.page(
        "picture.html", release, profile=profile, pictures=pictures_of(profile)
    )


async def _concept(word: str, visit: Visit) -> Response:
    name = _OPERATIONS.get(word, "concept")
    after = visit.parameters.get("after")
    release = await visit.ask(name, _reference(visit) | {"after": after}, TYPES[word].single)
    concept = release.get("concept")
    if concept is None:
        return await ended(visit, word, release)
    text = text_of(concept)
    return _to_code(visit, concept, word) or await visit.page(
        f"{name}.html", release, concept=concept, text=text, word=word, summary=plain(text, concept)
    )


def _reference(visit: Visit) -> dict[str, str]:
    """The variables that identify the concept of a path."""
    return reference(visit.request.path_params["ref"])


def _to_code(visit: Visit, concept: Document, word: str, page: str = "") -> Response | None:
    """A redirect to the path with the code, if the concept has one and the path is another; otherwise None.

    Until the index is there, a concept may be found by its uuid alone.
    """
    is_same = visit.request.path_params["ref"] == (concept["code"] or concept["uuid"])
    if is_same or "NOT_INDEXED_YET" in visit.codes:
        return None
    return visit.redirect(concept_path(concept, word) + page)
