"""Concepts in the newest release that has them, for stored references of which some have ended."""

from typing import Any

from graphql_api.competent.releases import release_order
from graphql_api.errors import CompetentError
from graphql_api.schema.loaders import Loaders
from graphql_api.schema.types.concept import Concept
from graphql_api.schema.types.concept_factory import concept
from graphql_api.schema.types.concepts_by_ref import Refs, entries_of
from graphql_api.schema.types.references import REF_UNITS, LatestConcept, resolve_latest
from graphql_api.schema.types.resolver_cost import Per, Work

LATEST_WORK = Work(base=5, arguments=(Per("refs", 5 * REF_UNITS, "item"),), items_of="refs")
"""A reference that no release has is looked up in all of them."""


async def latest_concepts(loaders: Loaders, number: str, refs: Refs) -> list[Concept | None]:
    """Returns each concept in the newest indexed release that has it, this release or an earlier one.

    Failures are as in `concepts_by_ref`.
    """
    entries = entries_of(refs)
    results: list[Any]
    try:
        timeline = await loaders.timeline(number)
    except CompetentError as error:
        results = [error] * len(refs)
        return results
    releases = [one for one in reversed(timeline.releases) if release_order(one) <= release_order(number)]
    resolved = await resolve_latest(loaders, releases, entries)
    results = [
        concept(loaders, result.release, result.concept) if isinstance(result, LatestConcept) else result
        for result in resolved
    ]
    return results
