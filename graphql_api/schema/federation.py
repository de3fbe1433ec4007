"""Support for Apollo Federation 2: the subgraph's SDL, and entities by key.

The subgraph's schema is the printed schema plus directives, so the two differ in nothing else.

Source: https://www.apollographql.com/docs/graphos/schema-design/federated-schemas/reference/subgraph-spec
"""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import lru_cache
from typing import TYPE_CHECKING, Annotated, NewType, Union

import strawberry
from graphql import (
    ConstDirectiveNode,
    DefinitionNode,
    FieldDefinitionNode,
    NameNode,
    ObjectTypeDefinitionNode,
    ScalarTypeDefinitionNode,
    parse,
    print_ast,
)
from strawberry.schema.base import BaseSchema
from strawberry.types.scalar import ScalarDefinition

from graphql_api.asyncio_tools import gather_settled, start_eagerly
from graphql_api.competent.releases import CURRENT
from graphql_api.competent.values import as_uuid
from graphql_api.errors import BadUserInput, CompetentError
from graphql_api.index.concepts import by_code
from graphql_api.schema.loaders import Loaders
from graphql_api.schema.query import Query, node_of
from graphql_api.schema.types.concept_factory import find_code
from graphql_api.schema.types.concept_ref import as_code
from graphql_api.schema.types.concepts import CONCEPTS
from graphql_api.schema.types.global_id import Node, NodeId
from graphql_api.schema.types.relay import MAX_ITEMS
from graphql_api.schema.types.release import Release
from graphql_api.schema.types.resolver_cost import Work

LINK = 'extend schema @link(url: "https://specs.apollo.dev/federation/v2.0", import: ["@key", "@shareable"])'
KEYS = dict.fromkeys(CONCEPTS, ("id", "uuid release { number }", "code")) | {"Release": ("id", "number")}
"""The keys of each entity type. A key may have several fields; `release` is an object. A code is of the current release."""
SHAREABLE = ("PageInfo",)
"""Types that other subgraphs define identically."""

Representation = NewType("Representation", object)
ENTITY_SCALARS: dict[object, ScalarDefinition] = {
    Representation: strawberry.scalar(name="_Any", description="An entity's type and the fields of one of its keys.")
}

if TYPE_CHECKING:
    _Entity = Node
else:
    _Entity = Annotated[
        Union[(*CONCEPTS.values(), Release)],
        strawberry.union("_Entity", description="What other subgraphs can refer to by a key."),
    ]


@strawberry.type(name="_Service", description="What a router composes its schema from.")
class Service:
    """The type of `Query._service`."""

    sdl: str = strawberry.field(description="The schema of this subgraph with the directives of federation.")


@strawberry.type(name="Query", description="The entry points of Competent's graph.")
class SubgraphQuery(Query):
    """Query with the two fields that a federation router needs."""

    @strawberry.field(name="_service", description="This subgraph.")
    def service(self, info: strawberry.Info) -> Service:
        """Returns the SDL, printed once from the running schema."""
        return Service(sdl=_sdl_of(info.schema))

    @strawberry.field(
        name="_entities",
        description="Entities by their keys, in the order of their representations.",
        metadata=Work(items_of="representations").metadata,
    )
    async def entities(
        self,
        info: strawberry.Info,
        representations: Annotated[
            list[Representation],
            strawberry.argument(description=f"Types with the fields of a key each, at most {MAX_ITEMS}."),
        ],
    ) -> list[_Entity | None]:
        """Load all entities in one batch; an entity that fails to load is an error at its own position only."""
        if len(representations) > MAX_ITEMS:
            raise BadUserInput(f"`representations` has {len(representations)} entities; the limit is {MAX_ITEMS}.")
        await _look_up_codes(info.context.loaders, representations)
        return await gather_settled(
            start_eagerly(entity(info.context.loaders, representation)) for representation in representations
        )  # type: ignore[return-value]  # graphql-core takes an exception for an error


async def entity(loaders: Loaders, representation: object) -> Node | None:
    """Returns the entity of a representation; None if it does not exist. Raises BadUserInput if the representation is invalid."""
    match representation:
        case {"__typename": "Release", "number": str() as number}:
            return await node_of(loaders, NodeId("Release", await loaders.release_number(number)))
        case {"__typename": str() as name, **fields} if name in KEYS:
            return await _node(loaders, name, fields)
    raise BadUserInput(f"`__typename` of a representation must be one of {', '.join(KEYS)}.")


async def _look_up_codes(loaders: Loaders, representations: Sequence[object]) -> None:
    """Look up the codes of representations in one query, whose results are then cached; each entity raises its own errors."""
    keys = []
    for representation in representations:
        match representation:
            case {"__typename": str() as name, "code": str() as code} if name in CONCEPTS:
                keys.append((CONCEPTS[name].declaration, as_code(code)))
    if keys:
        with suppress(CompetentError):
            await loaders.look_up_all(await loaders.release_number(CURRENT), by_code, keys)


async def _node(loaders: Loaders, name: str, fields: Mapping[object, object]) -> Node | None:
    match fields:
        case {"id": str() as id}:
            node_id = NodeId.parse(id)
            if node_id.type_name != name:
                raise BadUserInput(f"This `id` is not the id of a {name}.")
            return await node_of(loaders, node_id)
        case {"uuid": text, "release": {"number": str() as number}} if uuid := as_uuid(text):
            return await node_of(loaders, NodeId(name, await loaders.release_number(number), uuid))
        case {"code": str() as code} if name in CONCEPTS:
            return await find_code(CONCEPTS[name], loaders, await loaders.release_number(CURRENT), as_code(code))
    keys = " or ".join(f"`{key}`" for key in KEYS[name])
    raise BadUserInput(f"A representation of {name} must have the fields of one of its keys: {keys}.")


@lru_cache(1)
def _sdl_of(schema: BaseSchema) -> str:
    return subgraph_sdl(schema.as_str())


def subgraph_sdl(sdl: str) -> str:
    """Returns the subgraph's SDL from the printed schema: adds directives, removes fields and types that only routers use."""
    definitions = [node for node in parse(sdl, no_location=True).definitions if not _is_for_routers(node)]
    return "\n\n".join([LINK, *(print_ast(_with_directives(node)) for node in definitions)]) + "\n"


def _is_for_routers(definition: DefinitionNode | FieldDefinitionNode) -> bool:
    name: NameNode = definition.name  # type: ignore[union-attr]  # no operations in a schema: every definition has a name
    return name.value.startswith("_")


def _with_directives(definition: DefinitionNode) -> DefinitionNode:
    if not isinstance(definition, ObjectTypeDefinitionNode):
        return definition
    name = definition.name.value
    directives = [f'@key(fields: "{key}")' for key in KEYS.get(name, ())] + ["@shareable"] * (name in SHAREABLE)
    fields = tuple(field for field in definition.fields or () if not _is_for_routers(field))
    return replace(definition, directives=tuple(map(_directive, directives)), fields=fields)


def _directive(text: str) -> ConstDirectiveNode:
    (definition,) = parse(f"scalar S {text}", no_location=True).definitions
    assert isinstance(definition, ScalarTypeDefinitionNode)
    (directive,) = definition.directives or ()
    return directive
