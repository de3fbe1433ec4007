"""The sandbox's description of itself, as an OpenAPI 3.0 document made from its routes and the fields that it serializes."""

from functools import cache
from typing import Any

from graphql_api.competent import declarations
from graphql_api.competent.declarations import Concepts, ConceptType, Field, Plain, Terms
from graphql_api.sandbox.dataset import LANGUAGES
from graphql_api.sandbox.gateway import BASES
from graphql_api.sandbox.hateoas import DEFAULT_SIZE, MAXIMUM_SIZE
from graphql_api.sandbox.serializers import COLLECTIONS, COMPETENCES, LISTS, PROFILES, SOFT_SKILLS, fields_of

Json = dict[str, Any]
"""A JSON object of the document."""

_TYPES = {type.name: type for type in declarations.CONCEPT_TYPES}
_STRING: Json = {"type": "string"}
_UUID: Json = {"type": "string", "format": "uuid"}
_MOMENT: Json = {"type": "string", "format": "date-time", "nullable": True}
_NULLABLE: Json = {"type": "string", "nullable": True}
_COUNT: Json = {"type": "integer", "minimum": 0}


@cache
def document() -> Json:
    """The OpenAPI document."""
    return {
        "openapi": "3.0.3",
        "info": {
            "title": "Sandbox of the Competent API",
            "version": "2",
            "description": "What competent-graphql's sandbox serves. It is not VDAB's own description.",
        },
        "servers": [{"url": base} for base in (*BASES, "/")],
        "security": [{"key": []}, {}],
        "paths": _paths(),
        "components": {
            "securitySchemes": {"key": {"type": "apiKey", "in": "header", "name": "X-IBM-Client-Id"}},
            "schemas": _schemas(),
        },
    }


def _paths() -> Json:
    release = "/releases/{release}"
    paths = {
        "/releases": _get("All releases.", "ReleaseList"),
        release: _get("A release.", "Release"),
        "/search": _get("Search for profiles.", "SearchResultList", _SEARCH),
    }
    names = {collection: name for name, collection in COLLECTIONS.items()}
    for collection, name in names.items():
        noun, plural = _TYPES[name].noun, _TYPES[name].plural
        paths[f"{release}/{collection}"] = _get(f"All {plural} of a release.", f"{name}List", _PAGING)
        paths[f"{release}/{collection}/{{uuid}}"] = _get(f"One {noun}.", name)
    used = f"{release}/{COMPETENCES}/{{uuid}}/{PROFILES}/used"
    paths[used] = _get("The profiles that use a technical competence.", "OccupationalProfileList")
    for path, item in paths.items():
        if parameters := [_PATH_PARAMETERS[name] for name in _PATH_PARAMETERS if f"{{{name}}}" in path]:
            item["parameters"] = parameters
    return paths


def _get(summary: str, schema: str, parameters: list[Json] | None = None) -> Json:
    responses = {"200": _response("The document.", schema), "404": _response("There is no such document.", "Error")}
    get: Json = {"summary": summary, "responses": responses}
    if parameters:
        get["parameters"] = parameters
    return {"get": get}


def _response(description: str, schema: str) -> Json:
    media_type = "application/json" if schema == "Error" else "application/hal+json"
    return {"description": description, "content": {media_type: {"schema": _reference(schema)}}}


def _parameter(name: str, location: str, schema: Json, description: str, required: bool = False) -> Json:
    about: Json = {"name": name, "in": location, "schema": schema, "description": description}
    return about | ({"required": True} if required else {})


_PATH_PARAMETERS = {
    "release": _parameter("release", "path", _STRING, "The number of a release, or `current`.", required=True),
    "uuid": _parameter("uuid", "path", _UUID, "The id of the concept.", required=True),
}
_PAGING = [
    _parameter("page", "query", _COUNT | {"default": 0}, "The number of the page, from 0."),
    _parameter(
        "size",
        "query",
        {"type": "integer", "minimum": 1, "default": DEFAULT_SIZE},
        f"The number of items of a page; at most {MAXIMUM_SIZE} are sent.",
    ),
]
_SEARCH = [
    _parameter("searchValue", "query", _STRING, "The words to search for.", required=True),
    _parameter("entityTypes", "query", _STRING, "Types of concepts, with commas between them; profiles by default."),
    _parameter("language", "query", {"type": "string", "enum": list(LANGUAGES)}, "The language of the words."),
    *_PAGING,
]


def _schemas() -> Json:
    schemas: Json = {
        "LocalizedText": _object(dict.fromkeys(LANGUAGES, _NULLABLE)),
        "Link": _object({"href": {"type": "string", "format": "uri"}}),
        "Links": {"type": "object", "additionalProperties": _reference("Link")},
        "Page": _object(dict.fromkeys(("size", "totalElements", "totalPages", "number"), _COUNT)),
        "AlternativeName": _object({"id": _NULLABLE, "code": _NULLABLE, "name": _STRING, "language": _NULLABLE}),
        "Classification": _object({"type": _STRING, "value": _STRING}),
        "Term": _object({"id": _NULLABLE, "code": _NULLABLE, "title": _reference("LocalizedText")}),
        "Error": _object({"timestamp": _STRING, "status": {"type": "integer"}, "error": _STRING, "path": _STRING}),
        "Release": _release(),
        "ReleaseList": _list("releaseList", "Release", is_paged=False),
        "SearchResult": _object({"document": _reference("SearchDocument")}),
        "SearchDocument": _object(
            {"id": _UUID, "code": _NULLABLE, "releaseNumber": _STRING, "title": _reference("LocalizedText")}
        ),
        "SearchResultList": _list("competentSearchResultList", "SearchResult"),
    }
    for type in declarations.CONCEPT_TYPES:
        schemas[type.name] = _concept(type, is_embedded=False)
        schemas[f"Embedded{type.name}"] = _concept(type, is_embedded=True)
    for name, collection in COLLECTIONS.items():
        schemas[f"{name}Item"] = _item(name)
        schemas[f"{name}List"] = _list(LISTS[collection], f"{name}Item")
    return schemas


def _object(properties: Json, optional: tuple[str, ...] = ()) -> Json:
    required = [name for name in properties if name not in optional]
    return {"type": "object", "properties": properties} | ({"required": required} if required else {})


def _reference(name: str) -> Json:
    return {"$ref": f"#/components/schemas/{name}"}


def _array(items: Json) -> Json:
    return {"type": "array", "items": items}


def _release() -> Json:
    values = {"number": _STRING, "publicationDate": {"type": "string", "format": "date", "nullable": True}}
    more = {"current": {"type": "boolean"}, "source": _STRING, "_links": _reference("Links")}
    return _object(values | more, optional=("source",))


def _list(name: str, item: str, is_paged: bool = True) -> Json:
    """A list: without `_embedded` if it is empty, and without `page` if it was not requested by pages."""
    properties = {"_embedded": _object({name: _array(_reference(item))}), "_links": _reference("Links")}
    return _object(properties | ({"page": _reference("Page")} if is_paged else {}), optional=("_embedded", "page"))


def _item(name: str) -> Json:
    """The items of a list: soft skills in full, others with little more than their id and code."""
    if COLLECTIONS[name] == SOFT_SKILLS:
        return _reference(name)
    title = {"title": _reference("LocalizedText")} if COLLECTIONS[name] == PROFILES else {}
    return _object({"id": _UUID, "code": _NULLABLE, **title, "_links": _reference("Links")})


def _concept(type: ConceptType, is_embedded: bool) -> Json:
    in_profile = is_embedded or type.name == declarations.OCCUPATIONAL_PROFILE.name
    properties: Json = {"id": _UUID, "code": _NULLABLE}
    properties |= {field.hal_keys[0]: _value(field, in_profile) for field in fields_of(type, is_embedded)}
    if type.is_block:
        properties["type"] = {"type": "string", "enum": [type.name.lower()]}
    if type.name in COLLECTIONS:
        properties["_links"] = _reference("Links")
    return _object(properties)


def _value(field: Field, in_profile: bool) -> Json:
    match field.value:
        case Concepts(type_name, single=single):
            concept = _reference(f"Embedded{type_name}" if in_profile else type_name)
            return concept if single else _array(concept)
        case Terms():
            return _array(_reference("Term"))
        case Plain("text"):
            return _reference("LocalizedText")
        case Plain("strings"):
            return _array(_STRING)
        case Plain("names"):
            return _array(_reference("AlternativeName"))
        case Plain("classifications"):
            return _array(_reference("Classification"))
        case Plain("moment"):
            return _MOMENT
    return _NULLABLE
