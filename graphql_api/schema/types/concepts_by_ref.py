"""Concepts of any type by their references, in one batch."""

from typing import Annotated, Any

import strawberry

from graphql_api.errors import BadUserInput, CompetentError
from graphql_api.index.concepts import IndexedConcept
from graphql_api.schema.loaders import Loaders
from graphql_api.schema.types.concept import Concept
from graphql_api.schema.types.concept_factory import concept
from graphql_api.schema.types.concept_ref import ConceptRef
from graphql_api.schema.types.references import REF_UNITS, resolve
from graphql_api.schema.types.relay import MAX_ITEMS
from graphql_api.schema.types.resolver_cost import Per, Work

CONCEPTS_WORK = Work(base=1, arguments=(Per("refs", REF_UNITS, "item"),), items_of="refs")

Refs = Annotated[
    list[ConceptRef], strawberry.argument(description=f"Concepts by id, uuid or code, at most {MAX_ITEMS}.")
]


def entries_of(refs: Refs) -> dict[str, ConceptRef]:
    """The references by the names of their entries, such as `refs[0]`. Raises BadUserInput if there are too many."""
    if len(refs) > MAX_ITEMS:
        raise BadUserInput(f"`refs` has {len(refs)} entries; the limit is {MAX_ITEMS}.")
    return {f"refs[{position}]": ref for position, ref in enumerate(refs)}


async def concepts_by_ref(loaders: Loaders, release: str | None, refs: Refs) -> list[Concept | None]:
    """Returns the concepts in the order of their references.

    A failure is an exception at the position of its entry, which becomes an error there: the field itself is not nullable. Raises
    BadUserInput if there are too many references.
    """
    entries = entries_of(refs)
    results: list[Any]
    try:
        resolved = await resolve(loaders, release, entries)
    except CompetentError as error:
        results = [error] * len(refs)
        return results
    results = [
        concept(loaders, resolved.release, result) if isinstance(result, IndexedConcept) else result
        for result in resolved.concepts.values()
    ]
    return results
