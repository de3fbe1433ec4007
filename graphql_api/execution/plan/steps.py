"""What plans are made of: steps, which make fields, and what completes the values that they find.

Each completes a value as graphql-core does, or raises: then graphql-core runs the operation and tells what is wrong.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from types import CoroutineType
from typing import Any

from strawberry.types.fields.resolver import StrawberryResolver

from graphql_api.asyncio_tools import Completed, Failed, begin
from graphql_api.caching import keep
from graphql_api.execution.plan.asked import Asked
from graphql_api.execution.plan.plan import Fields, Step
from graphql_api.execution.plan.run import Complete, Later, Run
from graphql_api.execution.plan.variables import MOST_ARGUMENTS, Arguments, way_in
from graphql_api.schema.types.plain_resolvers import Read

WORTH_KEEPING = 12
"""Values from which on a part is kept encoded: a smaller one is made anew as fast."""


class GivesUp(Exception):
    """A value is not as its type wants it."""


def constant(value: str) -> Step:
    """A field that is the same for every thing."""
    return lambda source, run: value


def read(read: Read, complete: Complete) -> Step:
    """A field whose value is made from the thing alone."""
    return lambda source, run: _completed(read(source), complete, run)


def resolved(resolver: StrawberryResolver[Any], arguments: Arguments, complete: Complete) -> Step:
    """A field that is resolved by a function."""
    call = _caller(resolver, arguments)
    return lambda source, run: _completed(call(source, run), complete, run)


def resolved_and_kept(
    resolver: StrawberryResolver[Any], arguments: Arguments, complete: Complete, asked: Asked
) -> Step:
    """The same for a way into a release, kept encoded: nothing but the release and what is asked decides what it gives."""
    make = resolved(resolver, arguments, complete)
    return lambda source, run: run.spliced(way_in(source, run.flavour(asked)), None, make, source)


def _caller(resolver: StrawberryResolver[Any], arguments: Arguments) -> Callable[[Any, Run], Any]:
    function: Callable[..., Any] = resolver.wrapped_func  # type: ignore[assignment]
    takes_source = resolver.self_parameter is not None
    info = resolver.info_parameter.name if resolver.info_parameter else None

    def call(source: Any, run: Run) -> Any:
        given = run.given.arguments.get(arguments)
        if given is None:
            given = keep(run.given.arguments, MOST_ARGUMENTS, arguments, arguments(run.given.values))
        if info is not None:
            given = {**given, info: run.info}
        return function(source, **given) if takes_source else function(**given)

    return call


def _completed(value: Any, complete: Complete, run: Run) -> Any:
    """What stands in the answer for a value, or for what a coroutine gives."""
    if type(value) is not CoroutineType:
        return complete(value, run)
    begun = begin(value)
    if type(begun) is Completed:
        return complete(begun.result, run)
    if type(begun) is Failed:
        raise begun.error
    return Later(begun, complete)


def required(complete: Complete) -> Complete:
    """Completes a type that is never null."""

    def completed(value: Any, run: Run) -> Any:
        if value is None:
            raise GivesUp
        return complete(value, run)

    return completed


def optional(complete: Complete) -> Complete:
    """Completes a type that may be null."""
    return lambda value, run: None if value is None else complete(value, run)


def as_made(value: Any, run: Run) -> Any:
    """Completes what was made for the answer."""
    return value


def items(complete: Complete) -> Complete:
    """Completes a list."""
    return lambda values, run: [complete(value, run) for value in _listed(values)]


def items_in_turns(complete: Complete) -> Complete:
    """Completes a list whose items take long: one that comes up when the turn is over waits for the next, with all after it."""

    def completed(values: Any, run: Run) -> list[Any]:
        made: list[Any] = []
        _go_on(made, iter(_listed(values)), complete, run)
        return made

    return completed


def _listed(values: Any) -> Sequence[Any]:
    if not isinstance(values, list | tuple):
        raise GivesUp
    return values


def _go_on(made: list[Any], values: Iterator[Any], complete: Complete, run: Run) -> None:
    for value in values:
        if run.is_long:
            made.append(None)
            rest = Later(run.turn(value), lambda value, run: _filled(made, value, values, complete, run))
            run.leave_open(rest, made, len(made) - 1)
            return
        made.append(complete(value, run))


def _filled(made: list[Any], value: Any, values: Iterator[Any], complete: Complete, run: Run) -> Any:
    found = complete(value, run)
    _go_on(made, values, complete, run)
    return found


def text(value: Any, run: Run) -> str:
    """Completes a String or an ID."""
    if type(value) is not str:
        raise GivesUp
    return value


def leaf(coerce: Callable[[Any], Any]) -> Complete:
    """Completes any other scalar, or an enum."""

    def completed(value: Any, run: Run) -> Any:
        found = coerce(value)
        if found is None:
            raise GivesUp
        return found

    return completed


def by_type(makers: Mapping[str, Complete]) -> Complete:
    """Completes an interface: by what the value is."""

    def completed(value: Any, run: Run) -> Any:
        return makers[type(value).__strawberry_definition__.name](value, run)

    return completed


def kept_thing(fields: Fields) -> Complete:
    """Completes a concept whose selection is long: kept encoded, as long as the documents are there that it was made of."""
    asked, make = fields.asked, fields.of

    def completed(value: Any, run: Run) -> Any:
        view = value.view
        key = (id(view.document), view.release, view.is_complete, *run.flavour(asked))
        return run.spliced(key, view.document, make, value)

    return completed
