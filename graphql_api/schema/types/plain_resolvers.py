"""Replaces Strawberry's resolver wrapper, which takes most of the time of a field that only reads a value.

A field without arguments that needs only its source gets a plain function `(source, info)`. Values, errors and their paths stay
the same.
"""

from collections.abc import Callable
from operator import attrgetter
from types import FunctionType

from graphql import GraphQLField, GraphQLFieldResolver, GraphQLSchema, is_object_type
from strawberry.schema.schema_converter import GraphQLCoreConverter
from strawberry.types.field import StrawberryField

Read = Callable[[object], object]


def read_of(field: StrawberryField) -> Read | None:
    """Returns the function that reads the value (or an awaitable of it) from the source; None if it needs more."""
    if field.extensions or field.permission_classes or field.arguments or field.is_subscription:
        return None
    resolver = field.base_resolver
    if resolver is None:
        return attrgetter(field.python_name)
    if "reads" in field.metadata:
        read: Read = field.metadata["reads"]
        return read
    takes_source = resolver.self_parameter is not None and resolver.info_parameter is None
    function = resolver.wrapped_func
    return function if takes_source and isinstance(function, FunctionType) else None


def use_plain_resolvers(schema: GraphQLSchema) -> None:
    """Give the fields of all object types a plain resolver if possible."""
    for type_ in schema.type_map.values():
        if is_object_type(type_):
            for field in type_.fields.values():
                _use(field)


def _use(field: GraphQLField) -> None:
    definition = field.extensions.get(GraphQLCoreConverter.DEFINITION_BACKREF)
    read = read_of(definition) if isinstance(definition, StrawberryField) else None
    if read is not None:
        field.resolve = _resolver(read)


def _resolver(read: Read) -> GraphQLFieldResolver:
    return lambda source, info: read(source)
