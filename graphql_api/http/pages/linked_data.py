"""Concepts and releases as linked data (SKOS) at URLs of their own: `/id/{release}` and `/id/{release}/{type}/{uuid}`.

The response is a complete document or an error; URLs in documents always name a numbered release, never `current`. A release is
a collection of all its concepts, in pages that link to each other.
"""

import asyncio
import re
from collections.abc import Mapping
from uuid import UUID

from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

from graphql_api.competent.declarations import ConceptType, Terms
from graphql_api.competent.hal import Document, is_release
from graphql_api.competent.releases import CURRENT
from graphql_api.competent.values import as_uuid
from graphql_api.errors import CompetentError, ReleaseNotFound, UpstreamNotFound
from graphql_api.export import json_ld, release_facts, turtle
from graphql_api.export.contents import members, terms_of
from graphql_api.export.skos import (
    TERMS,
    TERMS_BY_NAME,
    TYPES_BY_NAME,
    ConceptNodes,
    Node,
    address,
    page_node,
    provenance,
    scheme_node,
)
from graphql_api.http.content_negotiation import preferred
from graphql_api.http.graphql import JSON, HTTPError
from graphql_api.http.graphql.cache_control import CachePolicy, conditional
from graphql_api.http.pages.rendering import PAGE_HEADERS, render
from graphql_api.http.resources import LoadersOf, loaders_for, resource
from graphql_api.index.documents import document as indexed_document
from graphql_api.index.facets import FACETS, facets
from graphql_api.index.tables import TYPES
from graphql_api.observability.request_context import record_of, text_in
from graphql_api.schema.loaders import Loaders

JSON_LD, TURTLE, HTML = "application/ld+json", "text/turtle", "text/html"
OFFERED = (JSON_LD, TURTLE, HTML, JSON)
ENDINGS = {"jsonld": JSON_LD, "ttl": TURTLE}
"""Media types by the ending of a URL, which has this representation whatever `Accept` says, for links that people follow."""
PAGE_SIZE = 200
"""Concepts of a release per page."""
_TYPES: Mapping[str, ConceptType | Terms] = {**TYPES_BY_NAME, **TERMS_BY_NAME}
CONCEPT_COST = 100
"""What a concept counts for the quota of a key, in units of cost; a page counts one per concept."""


def linked_data_routes(loaders: LoadersOf, cache_policy: CachePolicy, base: str | None = None) -> list[Route]:
    """The routes of concepts and releases; `loaders` makes those of one request.

    `base` is the absolute address of `/id/`; without it, ids are relative to the address of their document.
    """
    show = resource(_LinkedData(loaders, cache_policy, base).respond)

    async def without_slash(request: Request) -> Response:
        query = f"?{request.url.query}" if request.url.query else ""
        return RedirectResponse(f"../{request.scope['path'].rstrip('/').rpartition('/')[2]}{query}", 308)

    paths = ("/id/{release}", "/id/{release}/{type}/{uuid}")
    return [Route(path, show) for path in paths] + [Route(f"{path}/", without_slash) for path in paths]


class _LinkedData:
    """Responds to requests for concepts and releases."""

    def __init__(self, loaders: LoadersOf, cache_policy: CachePolicy, base: str | None) -> None:
        self._loaders = loaders
        self._cache_policy = cache_policy
        self._base = base

    async def respond(self, request: Request) -> Response:
        """The response. Raises HTTPError or CompetentError."""
        record = record_of(request.scope)
        parameters, ending = _without_ending(request.path_params)
        media_type = ENDINGS.get(ending) or preferred(text_in(record.head, b"accept"), OFFERED)
        if media_type is None:
            raise HTTPError(406, f"Not acceptable: concepts are available as {', '.join(OFFERED)}.")
        release, type, uuid = _parsed(parameters)
        if record.charge:
            await record.charge(CONCEPT_COST if type else PAGE_SIZE)
        with loaders_for(request, self._loaders) as loaders:
            if release == CURRENT:
                return self._redirect(request, parameters, ending, await loaders.release_number(release))
            if type is None or uuid is None:
                node = await _page(loaders, release, _page_number(request))
            elif isinstance(type, Terms):
                node = await _term(loaders, release, type, uuid)
            else:
                node = await _concept(loaders, release, type, uuid, self._base or "/id/")
        record.executed = True
        response = await self._represented(node, media_type, up="../../" if type else "./")
        response.headers["Cache-Control"] = self._cache_policy.header_for(record, "", False)
        if not ending:
            response.headers["Vary"] = "Accept"
        return conditional(response, record.head)

    def _redirect(self, request: Request, parameters: Mapping[str, str], ending: str, number: str) -> Response:
        names = [parameters[name] for name in ("type", "uuid") if name in parameters]
        url = f"{'../' * len(names)}{'/'.join([number, *names])}{ending and '.'}{ending}"
        query = f"?{request.url.query}" if request.url.query else ""
        headers = {"Cache-Control": f"public, max-age={int(self._cache_policy.current)}"}
        return RedirectResponse(f"{url}{query}", 302, headers)

    async def _represented(self, node: Node, media_type: str, up: str) -> Response:
        """A node in a media type; `up` is the relative URL of `/id/`."""
        base = self._base or up
        headers = {"X-Content-Type-Options": "nosniff"}
        match media_type:
            case "text/html":
                root, source = f"../{up.removeprefix('./')}", node.get("source")
                page = await asyncio.to_thread(
                    render, "linked_data.html", title=_title(node), root=root, source=source, node=node, terms=TERMS
                )
                return HTMLResponse(page, headers=PAGE_HEADERS)
            case "text/turtle":
                return Response(turtle.document(node, base), headers=headers, media_type=media_type)
        return Response(json_ld.document(node, base), headers=headers, media_type=media_type)


def _without_ending(parameters: Mapping[str, str]) -> tuple[Mapping[str, str], str]:
    """The parameters of a path without the ending of its last name, and the ending; empty if it is not in `ENDINGS`."""
    last = "uuid" if "uuid" in parameters else "release"
    name, _, ending = parameters[last].rpartition(".")
    return ({**parameters, last: name}, ending) if ending in ENDINGS else (parameters, "")


def _parsed(parameters: Mapping[str, str]) -> tuple[str, ConceptType | Terms | None, UUID | None]:
    """The release, type and uuid that a path names. Raises HTTPError."""
    release, type_name, uuid = parameters["release"], parameters.get("type"), as_uuid(parameters.get("uuid"))
    type = _TYPES.get(type_name or "")
    if not is_release(release) or (type_name is not None and not (type and uuid)):
        types = ", ".join(_TYPES)
        raise HTTPError(404, f"Not found. Concepts are at /id/RELEASE/TYPE/UUID; the types are {types}.")
    return release, type, uuid


def _page_number(request: Request) -> int:
    """The parameter `page`, 1 without it. Raises HTTPError."""
    page = request.query_params.get("page", "1")
    if re.fullmatch("[1-9][0-9]{0,6}", page) is None:
        raise HTTPError(400, "`page` must be a number from 1.")
    return int(page)


async def _page(loaders: Loaders, release: str, page: int) -> Node:
    index, start = await loaders.index(release), (page - 1) * PAGE_SIZE
    if index.missing:
        loaders.mark_provisional()
    total, items = await loaders.ask(index, members, start, start + PAGE_SIZE)
    if page > 1 and not items:
        raise HTTPError(404, f"Not found: release {release} has {-(-total // PAGE_SIZE)} pages.")
    nodes = ConceptNodes(release, loaders.supplements.mappings, labelled=True)
    scheme = scheme_node(await release_facts(loaders, release))
    return page_node(scheme, start, PAGE_SIZE, total, [(name, nodes.link(name, item)) for name, item in items])


async def _term(loaders: Loaders, release: str, terms: Terms, uuid: UUID) -> Node:
    values = await loaders.look_up(release, facets, FACETS)
    document = terms_of(values)[terms.type_name].get(str(uuid)) if values else None
    if document is None:
        raise HTTPError(404, f"Not found in release {release}.")
    nodes = ConceptNodes(release, loaders.supplements.mappings, labelled=True)
    return {**nodes.term(terms.type_name, document), **provenance(await release_facts(loaders, release))}


async def _concept(loaders: Loaders, release: str, type: ConceptType, uuid: UUID, base: str) -> Node:
    document = await _document(loaders, release, type, uuid)
    if document is None:
        raise await _not_found(loaders, release, type, uuid, base)
    nodes = ConceptNodes(release, loaders.supplements.mappings, labelled=True)
    return {**nodes.concept(type, document), **provenance(await release_facts(loaders, release))}


async def _not_found(loaders: Loaders, release: str, type: ConceptType, uuid: UUID, base: str) -> HTTPError:
    """The error for a concept that is not in a release: 410 with its successors if an earlier indexed release has it."""
    key = type.number, str(uuid)
    try:
        timeline = await loaders.timeline(release)
    except CompetentError:  # what an earlier release has cannot be known now
        return HTTPError(404, f"Not found in release {release}.")
    last = timeline.last_before(release, key)
    if last is None:
        return HTTPError(404, f"Not found in release {release}.")
    paths = [
        f"{base}{timeline.newest}/{address(TYPES[number].name)}/{successor}"
        for (number, successor), *_ in timeline.successors(last, key) or ()
    ]
    replaced = f" Probably replaced by {', '.join(paths)}." if paths else ""
    message = f"Gone: it ended; the last indexed release that has it is {last}.{replaced}"
    return HTTPError(410, message)


async def _document(loaders: Loaders, release: str, type: ConceptType, uuid: UUID) -> Document | None:
    """The complete document of a concept: from the index or, if it is not there, from the Competent API."""
    index = loaders.cached_index(release) if type.route else await loaders.index(release)
    if index is not None:
        document = await loaders.ask(index, indexed_document, type, uuid)
        if document is not None or type.route is None or not index.missing:
            return document
    assert type.route is not None
    try:
        return await loaders.load_complete(type.route, release, str(uuid))
    except UpstreamNotFound:
        if not await loaders.release_exists(release):
            raise ReleaseNotFound from None
        return None


def _title(node: Node) -> str:
    return str(next(iter(node.get("prefLabel", {}).values()), node.get("notation", node["@id"])))
