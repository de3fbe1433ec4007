"""The service behind the gateway: all routes of the Competent API.

Documents are sent as stored; only lists, search results and release documents are built here.
"""

import orjson
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from graphql_api.sandbox.dataset import LANGUAGES
from graphql_api.sandbox.document_store import Documents
from graphql_api.sandbox.hateoas import Page, link, listing, requested_page
from graphql_api.sandbox.releases import Releases
from graphql_api.sandbox.responses import hal, service_error
from graphql_api.sandbox.serializers import COMPETENCES, PROFILES, SOFT_SKILLS

_LISTS = {
    PROFILES: "occupationalProfileListInfoList",
    COMPETENCES: "technicalCompetenceListInfoList",
    SOFT_SKILLS: "softSkillList",
}
_USED = f"/releases/{{release}}/{COMPETENCES}/{{uuid}}/{PROFILES}/used"


def create_service(releases: Releases) -> Starlette:
    """The service as an ASGI app; its paths begin with `/releases` or are `/search`."""
    service = _Service(releases)
    routes = [
        # Matched in order, so the most requested routes come first.
        *(Route(f"/releases/{{release}}/{name}/{{uuid}}", service.document, name=name) for name in _LISTS),
        *(Route(f"/releases/{{release}}/{name}", service.collection, name=name) for name in _LISTS),
        Route("/releases", service.releases),
        Route("/releases/{release}", service.release),
        Route(_USED, service.used),
        Route("/search", service.search),
    ]
    app = Starlette(routes=routes, exception_handlers={HTTPException: _refuse})
    app.router.redirect_slashes = False
    return app


class _Service:
    """The request handlers of the routes."""

    def __init__(self, releases: Releases) -> None:
        self._releases = releases

    async def releases(self, request: Request) -> Response:
        items = [orjson.dumps(self._release_body(release)) for release in self._releases]
        return _answer(request, listing("releaseList", items, {"self": link("/releases")}))

    async def release(self, request: Request) -> Response:
        return _answer(request, orjson.dumps(self._release_body(self._requested_release(request))))

    async def collection(self, request: Request) -> Response:
        release, name = self._requested_release(request), _collection(request)
        path = f"/releases/{release.number}/{name}"
        if name == SOFT_SKILLS and not {"page", "size"} & request.query_params.keys():
            return _answer(request, listing(_LISTS[name], release.items(name), {"self": link(path)}))
        page, total = _page(request), release.count(name)
        items = release.items(name, page.start, page.size)
        return _answer(request, listing(_LISTS[name], items, page.links(path, {}, total), page.totals(total)))

    async def document(self, request: Request) -> Response:
        body = self._requested_release(request).document(_collection(request), request.path_params["uuid"])
        if body is None:
            raise HTTPException(404)
        return _answer(request, body)

    async def used(self, request: Request) -> Response:
        release, uuid = self._requested_release(request), request.path_params["uuid"]
        if release.document(COMPETENCES, uuid) is None:
            raise HTTPException(404)
        links = {"self": link(_USED.format(release=release.number, uuid=uuid.lower()))}
        return _answer(request, listing(_LISTS[PROFILES], release.used_in(uuid), links))

    async def search(self, request: Request) -> Response:
        release, query, page = self._releases.current, request.query_params, _page(request)
        if not query.get("searchValue", "").strip():
            raise HTTPException(400)
        hits = self._hits(release, request) if "OCCUPATIONAL_PROFILE" in _types(request) else []
        items = release.items_at(hits[page.start : page.start + page.size])
        other_parameters = {name: value for name, value in query.items() if name not in ("page", "size")}
        links = page.links("/search", other_parameters, len(hits))
        hits_json = [_hit(item, release.number) for item in items]
        return _answer(request, listing("competentSearchResultList", hits_json, links, page.totals(len(hits))))

    def _hits(self, release: Documents, request: Request) -> list[int]:
        language = request.query_params.get("language", "").lower()
        return release.search(request.query_params["searchValue"], language if language in LANGUAGES else None)

    def _requested_release(self, request: Request) -> Documents:
        release = self._releases.get(request.path_params["release"])
        if release is None:
            raise HTTPException(404)
        return release

    def _release_body(self, release: Documents) -> dict[str, object]:
        return {
            "number": release.number,
            "publicationDate": release.published_on,
            "current": release is self._releases.current,
            "_links": {"self": link(f"/releases/{release.number}")},
        }


def _answer(request: Request, body: bytes) -> Response:
    return hal(body, request.query_params.get("lang") or None)


def _collection(request: Request) -> str:
    return str(request.scope["path"].split("/")[3])


def _page(request: Request) -> Page:
    try:
        return requested_page(request.query_params)
    except ValueError as error:
        raise HTTPException(400) from error


def _types(request: Request) -> set[str]:
    """The entity types that a search requests; profiles by default."""
    asked = ",".join(request.query_params.getlist("entityTypes")) or "OCCUPATIONAL_PROFILE"
    return {name.strip().upper() for name in asked.split(",")}


def _hit(item: bytes, number: str) -> bytes:
    profile = orjson.loads(item)
    document = {"id": profile["id"], "code": profile["code"], "releaseNumber": number, "title": profile["title"]}
    return orjson.dumps({"document": document})


async def _refuse(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    return service_error(error.status_code, request.scope["path"], error.headers)
