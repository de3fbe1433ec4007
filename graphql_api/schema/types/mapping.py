"""Mappings of concepts to other classifications, from files of the operator."""

from collections.abc import Awaitable
from enum import Enum
from inspect import isawaitable
from typing import Annotated

import strawberry

from graphql_api.competent.declarations import Length
from graphql_api.schema.types.document_view import DocumentView
from graphql_api.schema.types.resolver_cost import Work

MAPPINGS_WORK = Work(base=1)
MAPPINGS_LENGTH = Length(3, 50)
"""Estimated length of the mappings of a concept; `mappings.MAX_PER_CONCEPT` is the most."""

InScheme = Annotated[
    str | None,
    strawberry.argument(
        description="Only mappings to this classification, such as `ESCO`, `ROME`, `O*NET`, `Talent Brussels` or `Competent 1`. "
        "Case, spaces and punctuation do not matter."
    ),
]


@strawberry.enum(description="How close a mapping is, as in SKOS.")
class MappingMatch(Enum):
    """GraphQL enum; the values are those of `sssom.MappingMatch`."""

    EXACT = strawberry.enum_value("exactMatch", description="Both mean the same (`skos:exactMatch`).")
    CLOSE = strawberry.enum_value("closeMatch", description="Similar enough for some uses (`skos:closeMatch`).")
    BROAD = strawberry.enum_value("broadMatch", description="The other concept is broader (`skos:broadMatch`).")
    NARROW = strawberry.enum_value("narrowMatch", description="The other concept is narrower (`skos:narrowMatch`).")
    RELATED = strawberry.enum_value("relatedMatch", description="They are related (`skos:relatedMatch`).")


@strawberry.type(description="A mapping of a concept to one of another classification, from a file of the operator.")
class Mapping:
    """A row of a file of mappings."""

    scheme: str = strawberry.field(description="The other classification, such as `ESCO`.")
    uri: str = strawberry.field(description="The URI of the concept there.")
    code: str | None = strawberry.field(
        description="Its code there: the URI without the prefix that the file declares."
    )
    label: str | None = strawberry.field(description="What it is called there.")
    match: MappingMatch = strawberry.field(description="How close the two concepts are, seen from Competent's.")
    source: str | None = strawberry.field(description="Where the mapping is from.")


async def mappings_of(view: DocumentView, scheme: str | None) -> list[Mapping]:
    """Returns the mappings of a concept, by its uuid and by its code, in the order of the files."""
    mappings = view.loaders.supplements.mappings
    if not mappings:
        return []
    code: str | Awaitable[str | None] | None = view.read("code", lambda _, value: value)
    loaded = await code if isawaitable(code) else code
    return [
        Mapping(
            scheme=mapped.scheme,
            uri=mapped.uri,
            code=mapped.code,
            label=mapped.label,
            match=MappingMatch(mapped.match.value),
            source=mapped.source,
        )
        for mapped in mappings.of(view.id, loaded, scheme)
    ]
