"""Concepts as linked data (SKOS in JSON-LD) at URLs of their own: `/id/{release}` and `/id/{release}/{type}/{uuid}`.

The response is a complete document or an error; URLs in documents always name a numbered release, never `current`.
"""

from collections.abc import Awaitable, Callable

import orjson
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

from graphql_api.competent.hal import Document, is_release
from graphql_api.competent.releases import CURRENT
from graphql_api.competent.values import as_uuid
from graphql_api.execution.operations import Executed
from graphql_api.http.content_negotiation import preferred
from graphql_api.http.graphql import JSON, RESOURCE_STATUSES, HTTPError, error_response
from graphql_api.http.graphql.cache_control import CachePolicy, conditional
from graphql_api.http.pages.home import provenance_of
from graphql_api.http.pages.rendering import PAGE_HEADERS, render
from graphql_api.http.pages.skos import CONTEXT, SELECTIONS, TYPES_BY_NAME, concept_document, concept_scheme
from graphql_api.observability.request_context import RequestContext, record_of, text_in

Variables = dict[str, object]
Ask = Callable[[str, Variables], Awaitable[Executed]]

JSON_LD = "application/ld+json"
OFFERED = (JSON_LD, "text/html", JSON)

_STATUSES = RESOURCE_STATUSES | {"BAD_USER_INPUT": 404}


def linked_data_routes(
    ask: Callable[[str, Variables, RequestContext], Awaitable[Executed]],
    cache_policy: CachePolicy,
    base: str | None = None,
) -> list[Route]:
    """The routes of concepts and releases; upstream calls are counted in the context of the request.

    `base` is the absolute address of `/id/`; without it, ids are relative to the address of their document.
    """

    async def show(request: Request) -> Response:
        record = record_of(request.scope)
        try:
            return await _respond(request, lambda query, variables: ask(query, variables, record), cache_policy, base)
        except HTTPError as refusal:
            return error_response(refusal, JSON, record)

    async def without_slash(request: Request) -> Response:
        query = f"?{request.url.query}" if request.url.query else ""
        return RedirectResponse(f"../{request.scope['path'].rstrip('/').rpartition('/')[2]}{query}", 308)

    paths = ("/id/{release}", "/id/{release}/{type}/{uuid}")
    return [Route(path, show) for path in paths] + [Route(f"{path}/", without_slash) for path in paths]


async def _respond(request: Request, ask: Ask, cache_policy: CachePolicy, base: str | None) -> Response:
    head = record_of(request.scope).head
    media_type = preferred(text_in(head, b"accept"), OFFERED)
    if media_type is None:
        raise HTTPError(406, f"Not acceptable: concepts are available as {', '.join(OFFERED)}.")
    release, type_name, uuid = (request.path_params.get(name) for name in ("release", "type", "uuid"))
    is_known = type_name is None or (type_name in TYPES_BY_NAME and as_uuid(uuid) is not None)
    if not is_release(release or "") or not is_known:
        types = ", ".join(TYPES_BY_NAME)
        raise HTTPError(404, f"Not found. Concepts are at /id/RELEASE/TYPE/UUID; the types are {types}.")
    if release == CURRENT:
        return await _to_number(ask, f"{type_name}/{uuid}" if type_name else "", cache_policy)
    document = await _document(ask, str(release), type_name, str(uuid).lower())
    headers = {"Cache-Control": f"public, max-age={int(cache_policy.release)}", "Vary": "Accept"}
    if media_type == "text/html":
        root = "../" * (3 if type_name else 1)
        page = render(
            "linked_data.html", title=_title(document), root=root, source=document.get("source"), document=document
        )
        return conditional(HTMLResponse(page, headers=PAGE_HEADERS | headers), head)
    base = base or ("../../" if type_name else "./")
    body = orjson.dumps({"@context": {"@base": base} | CONTEXT} | dict(document))
    headers["X-Content-Type-Options"] = "nosniff"
    return conditional(Response(body, headers=headers, media_type=media_type), head)


async def _to_number(ask: Ask, rest: str, cache_policy: CachePolicy) -> Response:
    number = (await _data(ask, "{ release { number } }", {}))["release"]["number"]
    url = f"../../{number}/{rest}" if rest else number
    return RedirectResponse(url, 302, {"Cache-Control": f"public, max-age={int(cache_policy.current)}"})


async def _document(ask: Ask, release: str, type_name: str | None, uuid: str) -> Document:
    if type_name is None:
        query = (
            "query ($release: String!) { release(number: $release) { number publishedOn source license attribution } }"
        )
        return concept_scheme((await _data(ask, query, {"release": release}))["release"])
    type = TYPES_BY_NAME[type_name]
    selection = f"{type.single}(release: $release, uuid: $uuid) {{ {SELECTIONS[type.name]} }}"
    query = f"query ($release: String!, $uuid: UUID!) {{ {selection} }}"
    concept = (await _data(ask, query, {"release": release, "uuid": uuid}))[type.single]
    if concept is None:
        raise HTTPError(404, f"Not found in release {release}.")
    return concept_document(concept, release, type, await provenance_of(lambda query: ask(query, {}), release))


async def _data(ask: Ask, query: str, variables: Variables) -> Document:
    result = await ask(query, variables)
    for error in result.errors:
        code = error["extensions"]["code"]
        raise HTTPError(_STATUSES.get(code, 503), error["message"], code, error["extensions"].get("retryAfter"))
    assert result.data is not None
    return result.data


def _title(document: Document) -> str:
    return str(next(iter(document.get("prefLabel", {}).values()), document.get("notation", document["@id"])))
