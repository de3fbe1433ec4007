"""A root field, declared once: becomes a field of Release, and one of Query that takes the release as an argument."""

import inspect
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Protocol

import strawberry

from graphql_api.competent.declarations import Length
from graphql_api.competent.releases import CURRENT
from graphql_api.competent.routes import Route
from graphql_api.schema.loaders import Loaders
from graphql_api.schema.types.resolver_cost import NO_WORK, Work

RootResolver = Callable[..., Awaitable[object]]
"""Takes the loaders, the release number, and the field's arguments by name; annotated for GraphQL."""

_AFTER_RELEASE = ("filter", "first")

InRelease = Annotated[str, strawberry.argument(description="The number of a release, or `current`.")]
_InReleaseOfIds = Annotated[
    str | None,
    strawberry.argument(
        description="The number of a release, or `current`. If omitted: the release that all ids in the arguments share if it "
        "is served, otherwise the current one. Ids of other releases are translated."
    ),
]


@dataclass(frozen=True, slots=True)
class RootField:
    """A field of Release, and of Query if it has a description there.

    With `takes_refs`, its arguments refer to concepts, whose ids determine the release: on Query the argument `release` has no
    default, and the resolver gets None if it is omitted.
    """

    name: str
    resolver: RootResolver
    in_release: str
    in_query: str
    work: Work = NO_WORK
    length: Length | None = None
    """The number of items, for a list without pages."""
    takes_refs: bool = False
    route: Route | None = None
    """The field with the argument `uuid` alone is the concept whose document has this route."""

    @property
    def metadata(self) -> Mapping[str, object]:
        """Returns the metadata of the field."""
        return {**self.work.metadata, "length": self.length, "route": self.route}


class _Release(Protocol):
    loaders: Loaders
    number: str


def release_field(field: RootField) -> object:
    """Returns the field of Release."""

    async def resolver(self: _Release, **arguments: object) -> object:
        return await field.resolver(self.loaders, self.number, **arguments)

    own = inspect.Parameter("self", inspect.Parameter.POSITIONAL_OR_KEYWORD)
    return _strawberry_field(resolver, field, [own], field.in_release)


def query_field(field: RootField) -> object:
    """Returns the field of Query; `current` is resolved to a number before anything else is loaded."""

    default = None if field.takes_refs else CURRENT

    async def resolver(info: strawberry.Info, release: str | None = default, **arguments: object) -> object:
        loaders = info.context.loaders
        number = None if release is None else await loaders.release_number(release)
        return await field.resolver(loaders, number, **arguments)

    annotation = _InReleaseOfIds if field.takes_refs else InRelease
    own = [
        inspect.Parameter("info", inspect.Parameter.KEYWORD_ONLY, annotation=strawberry.Info),
        inspect.Parameter("release", inspect.Parameter.KEYWORD_ONLY, default=default, annotation=annotation),
    ]
    return _strawberry_field(resolver, field, own, field.in_query)


def _strawberry_field(
    resolver: Callable[..., object],
    field: RootField,
    own: list[inspect.Parameter],
    description: str,
) -> object:
    signature = inspect.signature(field.resolver)
    arguments = [
        parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY) for parameter in list(signature.parameters.values())[2:]
    ]
    # The `release` argument comes after arguments that identify a concept, and before those that filter or slice a list.
    position = next(
        (number for number, argument in enumerate(arguments) if argument.name in _AFTER_RELEASE), len(arguments)
    )
    parameters = [*own[:1], *arguments[:position], *own[1:], *arguments[position:]]
    resolver.__signature__ = signature.replace(parameters=parameters)  # type: ignore[attr-defined]  # functions take any attribute
    resolver.__annotations__ = {
        parameter.name: parameter.annotation for parameter in parameters if parameter.name != "self"
    }
    resolver.__annotations__["return"] = signature.return_annotation
    return strawberry.field(resolver=resolver, name=field.name, description=description, metadata=field.metadata)
