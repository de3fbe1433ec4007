"""The routes of the explorer: home, search, lists of occupations, and a page for every concept, below each language."""

from collections.abc import Awaitable, Callable
from functools import partial
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from graphql_api.competent.declarations import LANGUAGES
from graphql_api.competent.hal import Document
from graphql_api.http.content_negotiation import accepted_languages
from graphql_api.http.graphql import JSON, ClientLeft, HTTPError, error_response
from graphql_api.http.pages.explorer.concept_paths import TYPES, concept_path, enum_value, reference
from graphql_api.http.pages.explorer.my_skills import my_skills
from graphql_api.http.pages.explorer.suggestions import suggest
from graphql_api.http.pages.explorer.visit import Site, Visit
from graphql_api.http.pages.rendering import plain
from graphql_api.observability.request_context import record_of, text_in

Show = Callable[[Visit], Awaitable[Response]]

_OPERATIONS = {"competences": "competence", "competence-sets": "competence_set"}
"""The operation and template of a concept type, by path word, if it has its own."""


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
            "compare": _compare,
            "changes": _changes,
            "suggest": suggest,
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
        accepted = accepted_languages(text_in(record_of(request.scope).head, b"accept-language"))
        language = accepted[0].key if accepted else "en"
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
    path = visit.path.rstrip("/")
    return await visit.missing({}) if path == visit.path else visit.redirect(quote(path))


async def _home(visit: Visit) -> Response:
    release = await visit.ask("home", {})
    return await visit.page("home.html", "", release)


async def _search(visit: Visit) -> Response:
    text, word = visit.parameters.get("q"), visit.parameters.get("type", "")
    if text is None:
        return await visit.page("search.html", "", await visit.ask("release", {}), hits=None, text="", word=word)
    types = [enum_value(word)] if word in TYPES else None
    release = await visit.ask("search", {"text": text, "types": types, "after": visit.parameters.get("after")})
    hits = release.get("search")
    if hits is None:
        return await visit.missing(release)
    return await visit.page("search.html", text, release, hits=hits, text=text, word=word if types else "")


async def _occupations(visit: Visit) -> Response:
    names = {"sector": "sectors", "area": "areasOfInterest", "isco": "iscoPrefix"}
    conditions = {field: [visit.parameters[name]] for name, field in names.items() if name in visit.parameters}
    order = {"field": "TITLE", "language": visit.language.upper()}
    release = await visit.ask(
        "occupations", {"filter": conditions or None, "orderBy": order, "after": visit.parameters.get("after")}
    )
    profiles = release.get("occupationalProfiles")
    if profiles is None:
        return await visit.missing(release)
    return await visit.page("occupations.html", "", release, profiles=profiles)


async def _compare(visit: Visit) -> Response:
    codes = [visit.parameters.get(name) for name in ("from", "to")]
    if None in codes:
        return await visit.page("compare.html", "", await visit.ask("release", {}), gap=None)
    release = await visit.ask(
        "compare", {name: reference(str(code)) for name, code in zip(("from", "to"), codes, strict=True)}
    )
    gap = release.get("competenceGap")
    if gap is None and visit.codes != ["BAD_USER_INPUT"]:
        return await visit.missing(release)
    return await visit.page("compare.html", "", release, status=200 if gap else 404, gap=gap)


async def _changes(visit: Visit) -> Response:
    since = visit.parameters.get("since")
    if since is None:
        release = await visit.ask("releases", {})
        releases = (visit.result.data or {}).get("releases")
        if not release or releases is None:
            return await visit.missing(release)
        return await visit.page("changes.html", "", release, changes=None, releases=releases)
    release = await visit.ask("changes", {"since": since, "after": visit.parameters.get("after")})
    changes = release.get("changes")
    if changes is None:
        return await visit.missing(release)
    return await visit.page("changes.html", "", release, changes=changes)


async def _occupation(visit: Visit) -> Response:
    release = await visit.ask("occupation", _reference(visit))
    profile = release.get("occupationalProfile")
    if profile is None:
        return await visit.missing(release)
    return _to_code(visit, profile, "occupations") or await visit.page(
        "occupation.html", plain(profile["title"], profile), release, profile=profile
    )


async def _concept(word: str, visit: Visit) -> Response:
    name = _OPERATIONS.get(word, "concept")
    after = visit.parameters.get("after")
    release = await visit.ask(name, _reference(visit) | {"after": after}, TYPES[word].single)
    concept = release.get("concept")
    if concept is None:
        return await visit.missing(release)
    text = _text_of(concept)
    return _to_code(visit, concept, word) or await visit.page(
        f"{name}.html", plain(text, concept), release, concept=concept, text=text, word=word
    )


def _text_of(concept: Document) -> Document | None:
    """The title or the description of a concept; of a technical competence, that of its skill."""
    described = concept["skill"] or {} if "skill" in concept else concept
    text: Document | None = described.get("title") or described.get("description")
    return text


def _reference(visit: Visit) -> dict[str, str]:
    """The variables that identify the concept of a path."""
    return reference(visit.request.path_params["ref"])


def _to_code(visit: Visit, concept: Document, word: str) -> Response | None:
    """A redirect to the path with the code, if the concept has one and the path is another; otherwise None."""
    path = concept_path(concept, word)
    is_same = visit.request.path_params["ref"] == (concept["code"] or concept["uuid"])
    return None if is_same else visit.redirect(path)
