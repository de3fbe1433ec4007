"""A way in, written once: a field of a release, and a field of the query that takes the release as an argument."""

import inspect
from collections.abc import Awaitable, Callable
from typing import Annotated, Any

import strawberry

from graphql_api.competent.releases import CURRENT
from graphql_api.schema.types.resolver_cost import NO_WORK, Work

Way = Callable[..., Awaitable[Any]]
"""Takes the loaders, the number of a release, and by name the arguments that the field has; annotated for GraphQL."""

_AFTER_RELEASE = ("filter", "first")

InRelease = Annotated[str, strawberry.argument(description="The number of a release, or `current`.")]


def of_release(way: Way, description: str, work: Work = NO_WORK) -> Any:
    """The field of a release."""

    async def resolver(self: Any, **arguments: Any) -> Any:
        return await way(self.loaders, self.number, **arguments)

    own = inspect.Parameter("self", inspect.Parameter.POSITIONAL_OR_KEYWORD)
    return _field(resolver, way, [own], description, work)


def of_query(way: Way, description: str, work: Work = NO_WORK) -> Any:
    """The field of the query; `current` is made a number before anything else is asked."""

    async def resolver(info: Any, release: str = CURRENT, **arguments: Any) -> Any:
        loaders = info.context.loaders
        return await way(loaders, await loaders.release_number(release), **arguments)

    own = [
        inspect.Parameter("info", inspect.Parameter.KEYWORD_ONLY, annotation=strawberry.Info),
        inspect.Parameter("release", inspect.Parameter.KEYWORD_ONLY, default=CURRENT, annotation=InRelease),
    ]
    return _field(resolver, way, own, description, work)


def _field(resolver: Callable[..., Any], way: Way, own: list[inspect.Parameter], description: str, work: Work) -> Any:
    signature = inspect.signature(way)
    arguments = [each.replace(kind=inspect.Parameter.KEYWORD_ONLY) for each in list(signature.parameters.values())[2:]]
    # The release stands before what narrows and cuts a list, and after what names a thing.
    here = next((place for place, each in enumerate(arguments) if each.name in _AFTER_RELEASE), len(arguments))
    parameters = [*own[:1], *arguments[:here], *own[1:], *arguments[here:]]
    resolver.__signature__ = signature.replace(parameters=parameters)  # type: ignore[attr-defined]
    resolver.__annotations__ = {each.name: each.annotation for each in parameters if each.name != "self"}
    resolver.__annotations__["return"] = signature.return_annotation
    return strawberry.field(resolver=resolver, description=description, metadata=work.metadata)
