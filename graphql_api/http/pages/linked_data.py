"""Concepts as linked data (SKOS in JSON-LD) at URLs of their own: `/id/{release}` and `/id/{release}/{kind}/{uuid}`.

The response is a complete document or an error; URLs in documents always name a numbered release, never `current`. Ids are
relative to the URL of the document, because the server does not know its public host.

Sources: https://www.w3.org/TR/skos-reference, https://www.w3.org/TR/json-ld11; relations between occupations and skills, and
URLs of ISCO-08 groups, are those of ESCO (http://data.europa.eu/esco/model).
"""

import re
from collections.abc import Awaitable, Callable
from html import escape
from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

from graphql_api.competent.declarations import (
    CONCEPT_TYPES,
    TECHNICAL_COMPETENCE,
    Concepts,
    ConceptType,
    Field,
    concept_type,
)
from graphql_api.competent.hal import as_list, is_release
from graphql_api.competent.releases import CURRENT
from graphql_api.competent.values import as_uuid
from graphql_api.execution.engine import Answer
from graphql_api.http.content_negotiation import preferred
from graphql_api.http.graphql import JSON, HTTPError, error_response
from graphql_api.http.graphql.cache_control import CachePolicy, conditional
from graphql_api.http.pages.home import PAGE_HEADERS, page
from graphql_api.observability.request_context import RequestContext, record_of, text_in

Ask = Callable[[str, dict[str, Any]], Awaitable[Answer]]

JSON_LD = "application/ld+json"
OFFERED = (JSON_LD, "text/html", JSON)

_TEXTS = "{ nl fr en de }"
_VALUES = {
    "code": "code",
    "title": f"title {_TEXTS}",
    "description": f"description {_TEXTS}",
    "alternativeNames": "alternativeNames { name language }",
    "classifications": "classifications { scheme code }",
    "lastModified": "lastModified",
}
"""Fields with plain values that appear in a document, with their GraphQL selections."""
_RELATIONS = {"essentialCompetences": "relatedEssentialSkill", "optionalCompetences": "relatedOptionalSkill"}
"""ESCO properties by field. Other concepts of a technical competence are `hasPart`, those of other types `related`."""


def _selection(type: ConceptType) -> str:
    return " ".join(["uuid", *filter(None, map(_selected, type.fields))])


def _selected(field: Field) -> str | None:
    match field.value:
        case Concepts(type_name, _, single=True):
            blocks = (_VALUES.get(each.name, "") for each in concept_type(type_name).fields)
            return f"{field.name} {{ uuid {' '.join(blocks)} }}"
        case Concepts():
            return f"{field.name} {{ uuid }}"
    return _VALUES.get(field.name)


def _address(type_name: str) -> str:
    """The name of a concept type in a URL, such as `soft-skill`."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "-", type_name).lower()


KINDS = {_address(each.name): each for each in CONCEPT_TYPES}
"""Concept types by their name in a URL."""
_SELECTIONS = {each.name: _selection(each) for each in CONCEPT_TYPES}

CONTEXT: dict[str, Any] = {
    "skos": "http://www.w3.org/2004/02/skos/core#",
    "dct": "http://purl.org/dc/terms/",
    "xsd": "http://www.w3.org/2001/XMLSchema#",
    "esco": "http://data.europa.eu/esco/model#",
    "prefLabel": {"@id": "skos:prefLabel", "@container": "@language"},
    "altLabel": {"@id": "skos:altLabel", "@container": "@language"},
    "definition": {"@id": "skos:definition", "@container": "@language"},
    "notation": "skos:notation",
    "inScheme": {"@id": "skos:inScheme", "@type": "@id"},
    "related": {"@id": "skos:related", "@type": "@id"},
    "broadMatch": {"@id": "skos:broadMatch", "@type": "@id"},
    "hasPart": {"@id": "dct:hasPart", "@type": "@id"},
    "relatedEssentialSkill": {"@id": "esco:relatedEssentialSkill", "@type": "@id"},
    "relatedOptionalSkill": {"@id": "esco:relatedOptionalSkill", "@type": "@id"},
    "modified": {"@id": "dct:modified", "@type": "xsd:dateTime"},
    "issued": {"@id": "dct:issued", "@type": "xsd:date"},
}
ISCO = "http://data.europa.eu/esco/isco/C"
"""URL prefix of ISCO-08 groups in ESCO; the code follows."""

_STATUS = {"RELEASE_NOT_FOUND": 404, "BAD_USER_INPUT": 404, "UPSTREAM_TIMEOUT": 504, "UPSTREAM_INVALID_RESPONSE": 502}


def linked_data_routes(
    ask: Callable[[str, dict[str, Any], RequestContext], Awaitable[Answer]], caching: CachePolicy
) -> list[Route]:
    """The routes of concepts and releases; upstream calls are counted in the context of the request."""

    async def show(request: Request) -> Response:
        record = record_of(request.scope)
        try:
            return await _respond(request, lambda query, variables: ask(query, variables, record), caching)
        except HTTPError as refusal:
            return error_response(refusal, JSON, record)

    async def without_slash(request: Request) -> Response:
        query = f"?{request.url.query}" if request.url.query else ""
        return RedirectResponse(f"../{request.scope['path'].rstrip('/').rpartition('/')[2]}{query}", 308)

    addresses = ("/id/{release}", "/id/{release}/{kind}/{uuid}")
    return [Route(each, show) for each in addresses] + [Route(f"{each}/", without_slash) for each in addresses]


async def _respond(request: Request, ask: Ask, caching: CachePolicy) -> Response:
    media_type = preferred(text_in(record_of(request.scope).head, b"accept"), OFFERED)
    if media_type is None:
        raise HTTPError(406, f"Not acceptable: concepts are available as {', '.join(OFFERED)}.")
    release, kind, uuid = (request.path_params.get(name) for name in ("release", "kind", "uuid"))
    if not is_release(release or "") or (kind is not None and (kind not in KINDS or as_uuid(uuid) is None)):
        raise HTTPError(404, f"Not found. Concepts are at /id/RELEASE/TYPE/UUID; the types are {', '.join(KINDS)}.")
    if release == CURRENT:
        return await _to_number(ask, f"{kind}/{uuid}" if kind else "", caching)
    document = await _document(ask, str(release), kind, str(uuid).lower())
    headers = {"Cache-Control": f"public, max-age={int(caching.release)}", "Vary": "Accept"}
    if media_type == "text/html":
        shown = page(_title(document), _html(document, "../" * (3 if kind else 1)), "../" * (3 if kind else 1))
        return conditional(HTMLResponse(shown, headers=PAGE_HEADERS | headers), record_of(request.scope).head)
    body = orjson.dumps({"@context": {"@base": "../../" if kind else "./"} | CONTEXT} | document)
    told = Response(body, headers=headers | {"X-Content-Type-Options": "nosniff"}, media_type=media_type)
    return conditional(told, record_of(request.scope).head)


async def _to_number(ask: Ask, rest: str, caching: CachePolicy) -> Response:
    number = (await _data(ask, "{ release { number } }", {}))["release"]["number"]
    where = f"../../{number}/{rest}" if rest else number
    return RedirectResponse(where, 302, {"Cache-Control": f"public, max-age={int(caching.current)}"})


async def _document(ask: Ask, release: str, kind: str | None, uuid: str) -> dict[str, Any]:
    if kind is None:
        query = "query ($release: String!) { release(number: $release) { number publishedOn } }"
        return _scheme((await _data(ask, query, {"release": release}))["release"])
    field, selection = KINDS[kind].single, _SELECTIONS[KINDS[kind].name]
    query = f"query ($release: String!, $uuid: UUID!) {{ {field}(release: $release, uuid: $uuid) {{ {selection} }} }}"
    found = (await _data(ask, query, {"release": release, "uuid": uuid}))[field]
    if found is None:
        raise HTTPError(404, f"Not found in release {release}.")
    return _concept(found, release, KINDS[kind])


async def _data(ask: Ask, query: str, variables: dict[str, Any]) -> dict[str, Any]:
    answer = await ask(query, variables)
    for error in answer.errors:
        code = error["extensions"]["code"]
        raise HTTPError(_STATUS.get(code, 503), error["message"], code, error["extensions"].get("retryAfter"))
    assert answer.data is not None
    return answer.data


def _scheme(found: dict[str, Any]) -> dict[str, Any]:
    number = found["number"]
    told = {
        "@id": number,
        "@type": "skos:ConceptScheme",
        "prefLabel": {"en": f"Competent {number}"},
        "issued": found["publishedOn"],
    }
    return _without_empty(told)


def _concept(found: dict[str, Any], release: str, type: ConceptType) -> dict[str, Any]:
    skill = found.get("skill") or {}
    told = {
        "@id": f"{release}/{_address(type.name)}/{found['uuid']}",
        "@type": ["skos:Concept", *([type.esco] if type.esco else [])],
        "notation": found["code"],
        "prefLabel": _texts(found.get("title") or skill.get("description") or found.get("description")),
        "altLabel": _names(found.get("alternativeNames")),
        "definition": _texts(found["description"]) if "title" in found else {},
        "inScheme": release,
        "broadMatch": [
            ISCO + each["code"] for each in found.get("classifications") or () if each["scheme"] == "ISCO-08"
        ],
        **_relations(found, release, type),
        "modified": found.get("lastModified"),
    }
    return _without_empty(told)


def _relations(found: dict[str, Any], release: str, type: ConceptType) -> dict[str, list[str]]:
    """The URLs of the concepts that a concept refers to, by property."""
    relations: dict[str, list[str]] = {}
    for field in type.fields:
        if isinstance(field.value, Concepts):
            name = _RELATIONS.get(field.name, "hasPart" if type.name == TECHNICAL_COMPETENCE.name else "related")
            address = f"{release}/{_address(field.value.type_name)}"
            relations.setdefault(name, []).extend(
                f"{address}/{each['uuid']}" for each in as_list(found.get(field.name))
            )
    return relations


def _without_empty(document: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in document.items() if value not in (None, [], {})}


def _texts(texts: dict[str, str | None] | None) -> dict[str, str]:
    return {language: text for language, text in (texts or {}).items() if text}


def _names(names: list[dict[str, Any]] | None) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for each in names or ():
        found.setdefault((each["language"] or "none").lower().replace("none", "@none"), []).append(each["name"])
    return found


def _title(document: dict[str, Any]) -> str:
    return str(next(iter(document.get("prefLabel", {}).values()), document.get("notation", document["@id"])))


def _html(document: dict[str, Any], up: str) -> str:
    rows = "\n".join(
        f"      <dt>{escape(name)}</dt>\n" + "\n".join(f"      <dd>{each}</dd>" for each in _shown(value, up))
        for name, value in document.items()
        if not name.startswith("@")
    )
    return f"    <p><code>{escape(document['@id'])}</code>, also as JSON-LD.</p>\n    <dl>\n{rows}\n    </dl>"


def _shown(value: Any, up: str) -> list[str]:
    if isinstance(value, dict):
        return [
            f'<span lang="{escape(language.lstrip("@"))}">{escape(each)}</span>'
            for language, texts in value.items()
            for each in ([texts] if isinstance(texts, str) else texts)
        ]
    values = value if isinstance(value, list) else [value]
    return [_link(each, up) if "/" in each else escape(each) for each in values]


def _link(address: str, up: str) -> str:
    where = address if address.startswith("http://data.europa.eu/") else f"{up}id/{address}"
    return f'<a href="{escape(where)}">{escape(address)}</a>'
