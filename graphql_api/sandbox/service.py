"""The service behind the gateway: all routes of the Competent API.

Documents are sent as stored; only lists, search results and release documents are built here. It routes requests itself, because
the routing of a web framework takes longer than reading a document, and a crawl in this process requests thousands.
"""

from collections.abc import Callable, Mapping
from typing import TypeVar

import orjson
from starlette.datastructures import QueryParams
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from graphql_api.sandbox import serializers
from graphql_api.sandbox.dataset import LANGUAGES
from graphql_api.sandbox.document_store import ReleaseDocuments
from graphql_api.sandbox.hateoas import PageRequest, link, listing, requested_page
from graphql_api.sandbox.releases import Releases
from graphql_api.sandbox.responses import hal, service_error
from graphql_api.sandbox.serializers import COMPETENCES, LISTS, PROFILES, SOFT_SKILLS

T = TypeVar("T")

_METHODS = ("GET", "HEAD")
_NO_QUERY = QueryParams()


class _RequestError(Exception):
    """The response is an error with this status."""

    def __init__(self, status: int, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(status)
        self.status = status
        self.headers = headers


class CompetentService:
    """The service as an ASGI app for HTTP; its paths begin with `/releases` or are `/search`."""

    def __init__(self, releases: Releases) -> None:
        self._releases = releases

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._response(scope)(scope, receive, send)

    def read(self, path: str) -> bytes | None:
        """The document at a path and query; None if there is none."""
        path, _, query = path.partition("?")
        try:
            return self._body_builder(path, QueryParams(query) if query else _NO_QUERY)()
        except _RequestError:
            return None

    def _response(self, scope: Scope) -> Response:
        query = QueryParams(scope["query_string"]) if scope["query_string"] else _NO_QUERY
        try:
            body = self._body_builder(scope["path"], query)
            if scope["method"] not in _METHODS:
                raise _RequestError(405, {"Allow": ", ".join(_METHODS)})
            return hal(body(), query.get("lang") if query else None)
        except _RequestError as error:
            return service_error(error.status, scope["path"], error.headers)

    def _body_builder(self, path: str, query: QueryParams) -> Callable[[], bytes]:
        """The function that builds the body for a path. Raises _RequestError for an unknown path."""
        _, *segments = path.split("/")
        match segments if all(segments) else ():
            case ["releases", number, name, uuid] if name in LISTS:
                return lambda: _existing(self._release(number).document(name, uuid))
            case ["releases", number, name] if name in LISTS:
                return lambda: _collection(self._release(number), name, query)
            case ["releases"]:
                return self._list_of_releases
            case ["releases", number]:
                return lambda: orjson.dumps(self._release_body(self._release(number)))
            case ["releases", number, serializers.COMPETENCES, uuid, serializers.PROFILES, "used"]:
                return lambda: _used(self._release(number), uuid)
            case ["search"]:
                return lambda: _search(self._releases.current, query)
        raise _RequestError(404)

    def _release(self, number: str) -> ReleaseDocuments:
        return _existing(self._releases.get(number))

    def _list_of_releases(self) -> bytes:
        items = [orjson.dumps(self._release_body(release)) for release in self._releases]
        return listing("releaseList", items, {"self": link("/releases")})

    def _release_body(self, release: ReleaseDocuments) -> dict[str, object]:
        return {
            "number": release.number,
            "publicationDate": release.published_on,
            "current": release is self._releases.current,
            **({"source": release.source} if release.source else {}),
            "_links": {"self": link(f"/releases/{release.number}")},
        }


def _existing(value: T | None) -> T:
    if value is None:
        raise _RequestError(404)
    return value


def _collection(release: ReleaseDocuments, name: str, query: QueryParams) -> bytes:
    path = f"/releases/{release.number}/{name}"
    if name == SOFT_SKILLS and not {"page", "size"} & query.keys():
        return listing(LISTS[name], release.items(name), {"self": link(path)})
    page, total = _page(query), release.count(name)
    items = release.items(name, page.start, page.size)
    return listing(LISTS[name], items, page.links(path, {}, total), page.totals(total))


def _used(release: ReleaseDocuments, uuid: str) -> bytes:
    _existing(release.document(COMPETENCES, uuid))
    path = f"/releases/{release.number}/{COMPETENCES}/{uuid.lower()}/{PROFILES}/used"
    return listing(LISTS[PROFILES], release.used_in(uuid), {"self": link(path)})


def _search(release: ReleaseDocuments, query: QueryParams) -> bytes:
    page = _page(query)
    if not query.get("searchValue", "").strip():
        raise _RequestError(400)
    hits = _hits(release, query) if "OCCUPATIONAL_PROFILE" in _types(query) else []
    items = release.items_at(hits[page.start : page.start + page.size])
    other_parameters = {name: value for name, value in query.items() if name not in ("page", "size")}
    links = page.links("/search", other_parameters, len(hits))
    hits_json = [_hit(item, release.number) for item in items]
    return listing("competentSearchResultList", hits_json, links, page.totals(len(hits)))


def _hits(release: ReleaseDocuments, query: QueryParams) -> list[int]:
    language = query.get("language", "").lower()
    return release.search(query["searchValue"], language if language in LANGUAGES else None)


def _page(query: QueryParams) -> PageRequest:
    try:
        return requested_page(query)
    except ValueError as error:
        raise _RequestError(400) from error


def _types(query: QueryParams) -> set[str]:
    """The entity types that a search requests; profiles by default."""
    types = ",".join(query.getlist("entityTypes")) or "OCCUPATIONAL_PROFILE"
    return {name.strip().upper() for name in types.split(",")}


def _hit(item: bytes, number: str) -> bytes:
    profile = orjson.loads(item)
    document = {"id": profile["id"], "code": profile["code"], "releaseNumber": number, "title": profile["title"]}
    return orjson.dumps({"document": document})
