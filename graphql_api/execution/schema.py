"""Builds the GraphQL schema from the types of `graphql_api.schema`."""

from functools import cache, cached_property

import strawberry
from graphql import (
    GraphQLArgument,
    GraphQLInputField,
    GraphQLNamedType,
    GraphQLSchema,
    Undefined,
    is_input_object_type,
    is_interface_type,
    is_object_type,
)
from strawberry.schema.config import StrawberryConfig
from strawberry.schema.schema_converter import GraphQLCoreConverter

from graphql_api.library_internals import core_schema_of
from graphql_api.schema.federation import ENTITY_SCALARS, SubgraphQuery
from graphql_api.schema.query import Query
from graphql_api.schema.subscription import Subscription
from graphql_api.schema.types.concepts import CONCEPTS
from graphql_api.schema.types.plain_resolvers import use_plain_resolvers
from graphql_api.schema.types.scalars import SCALARS


class CompetentSchema(strawberry.Schema):
    """Strawberry's schema."""

    @property
    def core_schema(self) -> GraphQLSchema:
        """The schema as graphql-core executes it."""
        return core_schema_of(self)

    @cached_property
    def sdl(self) -> str:
        """The schema in GraphQL's schema definition language, printed once."""
        return self.as_str()


@cache
def build_schema(*, federation: bool = False, incremental: bool = False) -> CompetentSchema:
    """Build the schema: `federation` adds the fields for a router, `incremental` adds `@defer` and `@stream`.

    Built once per combination, as nothing changes a schema once it is built.
    """
    schema = CompetentSchema(
        SubgraphQuery if federation else Query,
        subscription=Subscription,
        types=list(CONCEPTS.values()),
        config=StrawberryConfig(
            scalar_map=SCALARS | ENTITY_SCALARS, enable_experimental_incremental_execution=incremental
        ),
    )
    for named_type in schema.core_schema.type_map.values():
        _remove_null_defaults(named_type)
        _mark_one_of(named_type)
    use_plain_resolvers(schema.core_schema)
    return schema


def _remove_null_defaults(named_type: GraphQLNamedType) -> None:
    """Remove the null default that Strawberry gives to arguments and input fields whose Python default is None."""
    inputs: list[GraphQLArgument | GraphQLInputField] = []
    if is_input_object_type(named_type):
        inputs += named_type.fields.values()
    elif is_object_type(named_type) or is_interface_type(named_type):
        inputs += (argument for field in named_type.fields.values() for argument in field.args.values())
    for value in inputs:
        if value.default_value is None:
            value.default_value = Undefined


def _mark_one_of(named_type: GraphQLNamedType) -> None:
    """Let graphql-core check `@oneOf` inputs, which Strawberry leaves out: its errors name the variable and the entry."""
    if is_input_object_type(named_type):
        named_type.is_one_of = named_type.extensions[GraphQLCoreConverter.DEFINITION_BACKREF].is_one_of
