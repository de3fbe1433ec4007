"""Finds concepts by a URI of another classification that they are mapped to."""

from typing import Annotated

import strawberry

from graphql_api.competent.declarations import Length
from graphql_api.competent.mappings import uuids_and_codes
from graphql_api.errors import BadUserInput
from graphql_api.index.concepts import row_ids_by_code, row_ids_by_uuid
from graphql_api.schema.loaders import Loaders
from graphql_api.schema.types.concept import Concept
from graphql_api.schema.types.concept_factory import concepts
from graphql_api.schema.types.resolver_cost import Work

MAX_CONCEPTS = 100
MAX_URI_CHARS = 1_000
MAPPED_FROM_WORK = Work(base=5, more=50)
MAPPED_FROM_LENGTH = Length(3, MAX_CONCEPTS)

Uri = Annotated[
    str,
    strawberry.argument(
        description="The URI of a concept of another classification, complete, as in `mappings { uri }`."
    ),
]


async def concepts_mapped_from(loaders: Loaders, number: str, uri: Uri) -> list[Concept] | None:
    """Returns the concepts of a release that are mapped to a URI, at most MAX_CONCEPTS: those mapped by uuid come first."""
    if len(uri) > MAX_URI_CHARS:
        raise BadUserInput(f"`uri` has {len(uri):,} characters; the limit is {MAX_URI_CHARS:,}.")
    subjects = loaders.supplements.mappings.mapped_from(uri.strip())[:MAX_CONCEPTS]
    if not subjects:
        return []
    uuids, codes = uuids_and_codes(subjects)
    looked_up = [
        *await loaders.look_up_all(number, row_ids_by_uuid, uuids),
        *await loaders.look_up_all(number, row_ids_by_code, codes),
    ]
    row_ids = dict.fromkeys(row_id for row_ids in looked_up for row_id in row_ids or ())
    return await concepts(loaders, number, list(row_ids)[:MAX_CONCEPTS])
