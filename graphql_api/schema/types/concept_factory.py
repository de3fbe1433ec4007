"""Creates GraphQL objects from concepts in the index of a release.

Fields that the index holds need no document; other fields load it.
"""

from collections.abc import Iterable
from typing import TypeVar
from uuid import UUID

from graphql_api.asyncio_tools import gather_started
from graphql_api.errors import NotIndexedYet
from graphql_api.index import UNKNOWN
from graphql_api.index.concepts import IndexedConcept, by_code, by_row_id, by_uuid, count, listed
from graphql_api.schema.loaders import Loaders
from graphql_api.schema.types.concept import Concept
from graphql_api.schema.types.concept_list import ConceptList, concept_of
from graphql_api.schema.types.concepts import CONCEPTS
from graphql_api.schema.types.relay import Connection, ConnectionArguments

C = TypeVar("C", bound=Concept)

MAX_LISTED = 1_000
"""Maximum number of concepts in a list without pages."""


def concept(loaders: Loaders, number: str, indexed: IndexedConcept) -> Concept:
    """Returns a concept of the index as its GraphQL type."""
    return concept_as(CONCEPTS[indexed.type.name], loaders, number, indexed)


def concept_as(concept_class: type[C], loaders: Loaders, number: str, indexed: IndexedConcept) -> C:
    """Returns a concept of the index as this GraphQL type, which must be its own."""
    return concept_of(concept_class, loaders, number, indexed.item)


async def concepts(loaders: Loaders, number: str, row_ids: Iterable[int]) -> list[Concept]:
    """Returns concepts by their row ids in the index, in this order; lookups of one tick are batched."""
    return [concept(loaders, number, indexed) for indexed in await indexed_concepts(loaders, number, list(row_ids))]


async def concepts_as(concept_class: type[C], loaders: Loaders, number: str, row_ids: Iterable[int]) -> ConceptList[C]:
    """Returns concepts of one type by their row ids in the index, as `concepts` does."""
    indexed = await indexed_concepts(loaders, number, list(row_ids))
    return ConceptList(concept_class, loaders, number, [concept.item for concept in indexed])


async def indexed_concepts(loaders: Loaders, number: str, row_ids: list[int]) -> list[IndexedConcept]:
    """Returns the rows of concepts by their row ids, as `concepts` does."""
    cached = [
        indexed
        for row_id in row_ids
        if (indexed := loaders.look_up_cached(number, by_row_id, row_id)) is not UNKNOWN and indexed is not None
    ]
    if len(cached) == len(row_ids):
        return cached
    looked_up = await gather_started(loaders.look_up(number, by_row_id, row_id) for row_id in row_ids)
    return [indexed for indexed in looked_up if indexed is not None]  # all are: row ids come from the same index


async def find_uuid(concept_class: type[C], loaders: Loaders, number: str, uuid: UUID) -> C | None:
    """Returns the concept of this type and uuid from the index, or the crawl that builds it; None if it does not exist.

    Raises NotIndexedYet if the crawl has not met it yet.
    """
    key = concept_class.declaration, uuid
    try:
        indexed = await loaders.look_up(number, by_uuid, key)
    except NotIndexedYet:
        indexed = (await loaders.met(number, [key]))[0]
        if indexed is None:
            raise
    return None if indexed is None else concept_as(concept_class, loaders, number, indexed)


async def find_code(concept_class: type[C], loaders: Loaders, number: str, code: str) -> C | None:
    """Returns the concept of this type and code from the index; None if it does not exist."""
    indexed = await loaders.look_up(number, by_code, (concept_class.declaration, code))
    return None if indexed is None else concept_as(concept_class, loaders, number, indexed)


async def page_of(concept_class: type[C], loaders: Loaders, number: str, paging: ConnectionArguments) -> Connection[C]:
    """Returns a page of all concepts of a type, by code, from the index."""
    index = await loaders.index(number)
    declaration = concept_class.declaration
    window = paging.window(f"{declaration.name} {number}", await loaders.ask(index, count, declaration))
    page = index.canonical(await loaders.ask(index, listed, declaration, window.start, window.stop))
    items = ConceptList(concept_class, loaders, number, [concept.item for concept in page])
    return Connection(window=window, items=items)


async def all_of(concept_class: type[C], loaders: Loaders, number: str) -> list[C]:
    """Returns all concepts of a type, by code, from the index."""
    index = await loaders.index(number)
    indexed = index.canonical(await loaders.ask(index, listed, concept_class.declaration, 0, MAX_LISTED))
    return [concept_as(concept_class, loaders, number, concept) for concept in indexed]


async def number_in_index(concept: Concept) -> int | None:
    """Returns the row id of a concept in the index of its release; None if it is not there."""
    view = concept.view
    indexed = await view.loaders.look_up(view.release, by_uuid, (concept.declaration, view.uuid))
    return None if indexed is None else indexed.row_id
