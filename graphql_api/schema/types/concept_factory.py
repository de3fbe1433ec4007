"""Creates GraphQL objects from concepts in the index of a release.

Fields that the index holds need no document; other fields load it.
"""

from collections.abc import Iterable
from uuid import UUID

from graphql_api.asyncio_tools import all_of
from graphql_api.competent.declarations import ConceptType
from graphql_api.index import UNKNOWN
from graphql_api.index.concepts import IndexedConcept, by_code, by_row_id, by_uuid, count, listed
from graphql_api.schema.loaders import Loaders
from graphql_api.schema.types.concept import Concept
from graphql_api.schema.types.concepts import CONCEPTS
from graphql_api.schema.types.document_view import DocumentView
from graphql_api.schema.types.relay import Connection, ConnectionArguments, connection


def concept(loaders: Loaders, number: str, indexed: IndexedConcept) -> Concept:
    """Returns a concept of the index as its GraphQL type."""
    kind = CONCEPTS[indexed.type.name]
    return kind(view=DocumentView(loaders, number, indexed.item, str(indexed.uuid), kind.route))


async def concepts(loaders: Loaders, number: str, row_ids: Iterable[int]) -> list[Concept]:
    """Returns concepts by their row ids in the index, in this order; look-ups of one tick are batched."""
    row_ids = list(row_ids)
    cached = [
        indexed
        for row_id in row_ids
        if (indexed := loaders.look_up_cached(number, by_row_id, row_id)) is not UNKNOWN and indexed is not None
    ]
    if len(cached) < len(row_ids):
        looked_up = await all_of(loaders.look_up(number, by_row_id, row_id) for row_id in row_ids)
        cached = [indexed for indexed in looked_up if indexed is not None]  # all are: row ids come from the same index
    return [concept(loaders, number, indexed) for indexed in cached]


async def find_uuid(loaders: Loaders, number: str, type: ConceptType, uuid: UUID) -> Concept | None:
    """Returns the concept of this type and uuid; None if it does not exist."""
    found = await loaders.look_up(number, by_uuid, (type, uuid))
    return concept(loaders, number, found) if found else None


async def find_code(loaders: Loaders, number: str, type: ConceptType, code: str) -> Concept | None:
    """Returns the concept of this type and code; None if it does not exist."""
    found = await loaders.look_up(number, by_code, (type, code))
    return concept(loaders, number, found) if found else None


async def page_of(loaders: Loaders, number: str, type: ConceptType, paging: ConnectionArguments) -> Connection[Concept]:
    """Returns a page of all concepts of a type, by code, from the index."""
    index = await loaders.index(number)
    window = paging.window(f"{type.name} {number}", await loaders.ask(index, count, type))
    found = index.same(await loaders.ask(index, listed, type, window.start, window.stop))
    return connection(window, [concept(loaders, number, each) for each in found])


async def number_in_index(view: DocumentView, type: ConceptType) -> int | None:
    """Returns the row id of a concept in the index of its release; None if it is not there."""
    found: IndexedConcept | None = await view.loaders.look_up(view.release, by_uuid, (type, view.uuid))
    return found.row_id if found else None
