"""One execution of a compiled query.

The query is built from what is in memory. What is missing is loaded, in one batch per level, and the query is built again.
Resolvers run once: their results are pinned for the execution, as are the documents that it has read.
"""

from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from contextlib import suppress
from functools import cached_property, lru_cache, partial
from operator import setitem
from types import CoroutineType, SimpleNamespace
from typing import NamedTuple, TypeVar, cast

from graphql_api.asyncio_tools import Completed, Failed, start_eagerly
from graphql_api.competent.hal import Document
from graphql_api.competent.releases import CURRENT
from graphql_api.competent.routes import Route
from graphql_api.errors import OperationTimeout, UpstreamError, without_trace
from graphql_api.execution.compiled.fallback import Fallback, fallback_of, odd
from graphql_api.execution.compiled.pending import LOADING, UNKNOWN, PendingResults
from graphql_api.execution.compiled.variables import Arguments, InputVariables, Resolver
from graphql_api.execution.context import Context
from graphql_api.schema.loaders import Loaders
from graphql_api.schema.time_slices import TimeSlice
from graphql_api.schema.types.concept import Concept
from graphql_api.schema.types.document_view import DocumentView
from graphql_api.schema.types.global_id import NodeId
from graphql_api.schema.types.text import Language

T = TypeVar("T")

MAX_BUILDS = 100
"""Maximum number of times that one execution is built; a level of documents takes about two."""

Build = Callable[["Execution"], object]


ConceptDocument = tuple[Document, str, str, bool]
"""A document, its release and id, and whether it is complete."""


class Completion(NamedTuple):
    """A concept whose complete document has to be loaded if a part lacks a key; without a `required` one, an error is ignored."""

    concept_class: type[Concept]
    required: frozenset[str]


class Execution:
    """Builds the data of one operation. With `is_long` it yields to the event loop whenever its time slice is over."""

    def __init__(self, build: Build, context: Context, variables: InputVariables, is_long: bool = True) -> None:
        self.context = context
        self.loaders: Loaders = context.loaders
        self.data: dict[str, object] = {}
        """The data, complete once nothing is `waits` any more, unless it has failed by then."""
        self.failure: Exception | None = None
        """Why graphql-core has to execute the operation."""
        self.field = ""
        """The field, or the type of the document, that was read last by a function."""
        self._build = build
        self._variables = variables
        self._is_long = is_long
        self._pending = PendingResults()
        self._is_incomplete = False
        self._unfinished: list[Iterator[None]] = []
        self._attempts = 0

    @cached_property
    def _slice(self) -> TimeSlice:
        return TimeSlice(self.context.scheduler, self.context.fetch_context.deadline)

    @property
    def waits(self) -> bool:
        """Whether `finish` has to be awaited."""
        return self._is_incomplete or bool(self._unfinished)

    @property
    def is_complete(self) -> bool:
        """Whether `data` is the result."""
        return self.failure is None and not self._is_incomplete and not self._unfinished

    def begin(self) -> None:
        """Build the data as far as that needs no waiting."""
        self._attempts += 1
        self._is_incomplete, self.data = False, {}
        self._pending.arrived = 0
        try:
            if self._attempts > MAX_BUILDS:
                raise Fallback("passes")
            self._build(self)
        except Exception as error:
            self._fail(error)

    async def finish(self) -> None:
        """Load what is missing and build again, until the data is complete or something fails."""
        try:
            while self.waits and self.failure is None:
                if self._unfinished:
                    await self._slice.turn()
                    self._resume()
                else:
                    await self._pending.half_of_the_rest()
                    if self._slice.is_over:
                        await self._slice.turn()
                    self.begin()
            if self._is_long and self.failure is None:
                with suppress(OperationTimeout):  # it is complete
                    await self._slice.turn()  # a large response is encoded in a pass of its own
        except OperationTimeout as error:
            self._fail(error)

    def abandon(self) -> None:
        """Cancel what is still loading for this execution alone."""
        self._pending.cancel()

    def _fail(self, error: Exception) -> None:
        if fallback_of(error).reason != "error":
            without_trace(error)
        self.failure = error
        self._unfinished.clear()

    def _work(self, work: Iterator[None]) -> None:
        """Do some work, step by step; what is left when the time slice is over is done in the next."""
        for _ in work:
            if self._slice.is_over:
                self._unfinished.append(work)
                return

    def _resume(self) -> None:
        try:
            while self._unfinished and not self._slice.is_over:
                self._work(self._unfinished.pop())
        except Exception as error:
            self._fail(error)

    # What the generated source calls

    def root(self, fields: Sequence[tuple[str, Callable[[], object]]]) -> None:
        """Build the fields of the query."""
        if self._is_long:
            self._work(_each(lambda field: setitem(self.data, field[0], field[1]()), fields))
            return
        for key, make in fields:
            self.data[key] = make()

    def items(self, values: Iterable[object], make: Callable[[object], object], are_resolved: bool) -> list[object]:
        """Build a list whose items are large, or call resolvers; the time slice is checked after each if that may take long."""
        if not (self._is_long or are_resolved):
            return [make(value) for value in values]
        made: list[object] = []
        self._work(_each(lambda value: made.append(make(value)), values))
        return made

    def call(self, resolver: Resolver, source: object) -> object:
        """Call a resolver."""
        self.field = resolver.field
        arguments = {} if resolver.arguments is None else self._variables.arguments(resolver.arguments)
        if resolver.info is not None:
            # In place of Strawberry's Info, of which resolvers use only the context. Not this, or errors would refer to it.
            arguments = {**arguments, resolver.info: SimpleNamespace(context=self.context)}
        return resolver.function(source, **arguments) if resolver.takes_source else resolver.function(**arguments)

    def find(self, resolver: Resolver, number: str | None) -> ConceptDocument | None:
        """Returns a concept by uuid if its document is in memory; `number` is the release, unless that is an argument."""
        location = self._variables.location(resolver)
        if location is None:
            return None
        number = number or location.release or self.loaders.cached_release_number(CURRENT)
        if number is None:
            return None
        document = self.loaders.get_cached(location.path or location.route.path(number, location.id))
        return None if document is None else (document, number, location.id, True)

    def resolve(self, resolver: Resolver, key: Hashable, source: object) -> object:
        """Returns the result of a resolver, which is called once per key; None if it is not there yet."""
        result = self._pending.results.get(key, UNKNOWN)
        if result is UNKNOWN:
            result = self._resolved(resolver, key, source)
        if result is LOADING:
            self._is_incomplete = True
            return None
        if type(result) is Failed:
            self.field = resolver.field
            raise result.error
        return result

    def _resolved(self, resolver: Resolver, key: Hashable, source: object) -> object:
        result = self.call(resolver, source)
        if type(result) is CoroutineType:
            started = start_eagerly(result)
            if type(started) is not Completed and type(started) is not Failed:
                return self._pending.start(key, started)
            result = started.result if type(started) is Completed else started
        self._pending.results[key] = result
        return result

    def complete(self, completion: Completion) -> Callable[[Document, str, str], Document]:
        """Returns a function from a document, its release and id to the complete document; to the same one until that is there.

        If it cannot be loaded, the function raises its error, unless no `required` key is missing.
        """
        route, cached = completion.concept_class.route, self.loaders.get_cached
        assert route is not None
        path = route.path

        def read(document: Document, release: str, id: str) -> Document:
            return cached(path(release, id)) or self._completed(completion, route, document, release, id)

        return read

    def _completed(self, completion: Completion, route: Route, document: Document, release: str, id: str) -> Document:
        path = route.path(release, id)
        result = self._pending.results.get(path, UNKNOWN)
        tolerant = completion.required <= document.keys()
        if result is UNKNOWN:
            result = self._pending.start(path, self.loaders.load_complete(route, release, id), tolerant)
        if result is LOADING:
            self._is_incomplete = True
            return document
        if type(result) is Failed:
            if tolerant and isinstance(result.error, UpstreamError):
                return document
            self.field = completion.concept_class.__name__
            raise result.error
        return cast(Document, result)

    def concept(
        self, concept_class: type[Concept], document: Document, release: str, id: str, is_complete: bool
    ) -> Concept:
        """Returns the object of a concept, for a resolver."""
        return concept_class(view=DocumentView(self.loaders, release, document, id, concept_class.route, is_complete))

    def row(self, row_class: Callable[..., T], row: Document, release: str) -> T:
        """Returns the object of a row, for a resolver."""
        return row_class(row=row, loaders=self.loaders, release=release)

    def text(self, arguments: Arguments) -> Callable[[dict[str, str]], str]:
        """Returns the function that chooses the language of a text; it raises if the arguments are invalid."""
        try:
            languages = cast("Sequence[Language] | None", self._variables.arguments(arguments).get("languages"))
        except Exception as error:
            return partial(odd, error)
        return _chooser(tuple(self.context.languages if languages is None else languages))

    def null(self, field: str) -> None:
        """A non-null field is null. Decides nothing before everything has arrived: it may be null because of that."""
        if not self._is_incomplete:
            raise Fallback("null", field)


def node_id(type_name: str, release: str, id: str) -> str:
    """Returns the global id of a concept."""
    return str(NodeId(type_name, release, id))  # type: ignore[arg-type]  # a normalised id is the text of its UUID


def _each(work: Callable[[T], None], values: Iterable[T]) -> Iterator[None]:
    for value in values:
        work(value)
        yield


@lru_cache(1_000)
def _chooser(languages: tuple[Language, ...]) -> Callable[[dict[str, str]], str]:
    keys = tuple(language.key for language in languages)

    def choose(texts: dict[str, str]) -> str:
        for key in keys:
            if text := texts.get(key):
                return text
        return next(iter(texts.values()))

    return choose
