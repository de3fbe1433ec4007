"""The page of what has ended: the last release that has it, and what took its place."""

from starlette.responses import Response

from graphql_api.competent.hal import Document
from graphql_api.http.pages.explorer.concept_paths import TYPES, reference
from graphql_api.http.pages.explorer.visit import Visit


async def ended(visit: Visit, word: str, release: Document) -> Response:
    """The page (410) of a concept that this release does not have any more; 404 if no earlier indexed release has it.

    `release` is the result of the operation that has not found it.
    """
    before = visit.operation, visit.result
    if not visit.codes:
        latest = await visit.ask("ended", {"refs": [reference(visit.request.path_params["ref"])]})
        concept = next(iter(latest.get("latestConcepts") or ()), None)
        if concept and concept["__typename"] == TYPES[word].name and concept["release"]["number"] != latest["number"]:
            return await visit.page("ended.html", latest, status=410, concept=concept, word=word)
        visit.restore(*before)
    return await visit.missing(release)
