"""Suggestions as a visitor types, as JSON for the script of the search boxes."""

from starlette.responses import JSONResponse, Response

from graphql_api.competent.hal import Document
from graphql_api.http.graphql.cache_control import NO_STORE, conditional
from graphql_api.http.pages.explorer.concept_paths import TYPES, WORDS, enum_value
from graphql_api.http.pages.explorer.visit import Visit
from graphql_api.http.pages.rendering import type_label

_PREFIX_CHARS = 200


async def suggest(visit: Visit) -> Response:
    """At most eight suggestions for `q`, of the types in `type` (path words, separated by commas) or of all.

    The list is empty if nothing can be suggested, for whatever reason: the visitor can still search.
    """
    prefix = visit.parameters.get("q", "")[:_PREFIX_CHARS]
    types = [enum_value(word) for word in visit.parameters.get("type", "").split(",") if word in TYPES]
    release = await visit.ask("suggest", {"prefix": prefix, "types": types or [enum_value(word) for word in TYPES]})
    items = [item for item in release.get("suggest") or () if item["concept"]["__typename"] in WORDS]
    headers = {
        "Cache-Control": NO_STORE if visit.codes else visit.cache_control(),
        "X-Content-Type-Options": "nosniff",
        "X-Robots-Tag": "noindex",
    }
    response = JSONResponse([_item(visit, suggestion) for suggestion in items], headers=headers)
    return conditional(response, visit.record.head)


def _item(visit: Visit, suggestion: Document) -> Document:
    """A suggestion; `url` is relative to the URL of the list, and `ref` is a code or a uuid."""
    concept, language = suggestion["concept"], suggestion["language"].lower()
    return {
        "text": suggestion["text"],
        "language": language,
        "type": type_label(visit.language, WORDS[concept["__typename"]]),
        "ref": concept["code"] or concept["uuid"],
        "url": visit.concept_url(concept),
    }
