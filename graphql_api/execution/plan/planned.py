"""The plans of an operation, compiled when it first needs them and kept with it: one for each way in which it is steered."""

import logging
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import orjson
from graphql import DocumentNode, GraphQLError, GraphQLSchema, OperationDefinitionNode
from graphql.execution.values import VariableValues
from strawberry.schema.schema_converter import GraphQLCoreConverter

from graphql_api.caching import keep
from graphql_api.execution.plan.answers import KeptAnswer, KeptAnswers, Key
from graphql_api.execution.plan.compiler import Compiler, Unplanned, steering
from graphql_api.execution.plan.kept import KeptParts
from graphql_api.execution.plan.plan import Plan
from graphql_api.execution.plan.run import Run
from graphql_api.execution.plan.variables import Given, Variables
from graphql_api.observability.metrics import EXECUTIONS, BufferedCounter
from graphql_api.schema.dependencies import Dependencies
from graphql_api.schema.time_slices import TimeSlice
from graphql_api.schema.types.text import Language

log = logging.getLogger(__name__)

MOST_STEERED = 8
"""Plans of one operation; it is rarely steered in more than two ways."""

_PLANNED, _GAVE_UP, _UNPLANNED, _KEPT = (
    BufferedCounter(EXECUTIONS.labels(each)) for each in ("compiled", "fallback", "graphql-core", "response-cache")
)


class Whole(NamedTuple):
    """An answer for which nothing was made: its body, what that was made of, and itself where it was kept as a whole."""

    body: bytes
    reads: Sequence[Dependencies]
    kept: KeptAnswer | None = None


class Planned:
    """The plans of one operation of a valid document."""

    def __init__(self, document: DocumentNode, operation: OperationDefinitionNode) -> None:
        self._document = document
        self.operation = operation
        self._variables: Variables | None = None
        self._steering: tuple[str, ...] | None = None
        self._plans: dict[tuple[Any, ...], Plan | None] = {}

    def variables(self, schema: GraphQLSchema) -> Variables:
        """The variables that it defines."""
        if self._variables is None:
            self._variables = Variables(schema, self.operation.variable_definitions or ())
        return self._variables

    def plan(self, given: Given, compiler: Compiler | None) -> Plan | None:
        """The plan for these variables; None where there can be none, and without a compiler where it is not made yet."""
        if given.steered is None:
            given.steered = self._steered(given.values)
        plan = self._plans.get(given.steered)
        if plan is None and compiler is not None and given.steered not in self._plans:
            plan = keep(self._plans, MOST_STEERED, given.steered, self._compiled(compiler, given.values))
        return plan

    def _steered(self, variables: VariableValues) -> tuple[Any, ...]:
        if self._steering is None:
            try:
                self._steering = steering(self._document)
            except Unplanned:
                self._steering, self._plans[()] = (), None
        return tuple(variables.coerced.get(name) for name in self._steering)

    def _compiled(self, compiler: Compiler, variables: VariableValues) -> Plan | None:
        try:
            return compiler.plan(self._document, self.operation, variables)
        except (Unplanned, GraphQLError):  # as of a condition that is null: graphql-core says so where it gets there
            return None
        except Exception:  # a bug of ours: graphql-core can still answer
            log.exception("compiling an operation failed")
            return None


class Plans:
    """Runs operations of one schema by plans, with the answers, and the parts of answers, that are kept encoded."""

    def __init__(
        self, schema: GraphQLSchema, converter: GraphQLCoreConverter, kept: KeptParts, answers: KeptAnswers | None
    ) -> None:
        self._schema = schema
        self._compiler = Compiler(schema, converter)
        self.kept = kept
        self._answers = answers

    def key(self, operation: bytes, given: Given, languages: tuple[Language, ...]) -> Key | None:
        """What the answer to an operation with this digest is kept under; None where none can be kept."""
        return None if self._answers is None or given.text is None else (operation, given.text, languages)

    def again(self, key: Key, now: float) -> Whole | None:
        """The answer that was kept under this key."""
        assert self._answers is not None
        found = self._answers.get(key, now)
        if found is None:
            return None
        _KEPT.count += 1
        return Whole(found.body, (found.read,), found)

    def spliced(self, planned: Planned, given: Given, languages: tuple[Language, ...], now: float) -> Whole | None:
        """The answer as its plan gives it, if all that stands in it is kept in parts."""
        plan = planned.plan(given, None)
        if plan is None or plan.root.ways is None:
            return None
        data, reads = {}, []
        for name, key in given.ways(plan.root.ways, languages):
            part = self.kept.get(key, now)
            if part is None:
                return None
            data[name] = part.json
            reads.append(part.read)
        _PLANNED.count += 1
        return Whole(orjson.dumps({"data": data}), reads)

    def keep(self, key: Key, run: Run) -> KeptAnswer | None:
        """Keep what a run gave that is over; None where that cannot be kept."""
        assert self._answers is not None
        return self._answers.keep(key, run.data, run.loaders)

    def given(self, planned: Planned, variables: Mapping[str, Any]) -> Given | None:
        """The variables for an operation, read; None where they do not fit: graphql-core says how."""
        values = planned.variables(self._schema).read(variables)
        return None if values is None else Given(variables, values)

    def begin(
        self,
        planned: Planned,
        given: Given,
        context: Any,
        time_slice: TimeSlice,
        spliced: bool,
        compiled: bool = False,
    ) -> Run | None:
        """A run of the operation, as far as it goes without waiting; None where graphql-core has to run it.

        With `spliced`, its data holds parts that are encoded already; with `compiled`, its plan has to be made already.
        """
        plan = planned.plan(given, None if compiled else self._compiler)
        if plan is None:
            return None
        run = Run(context, given, self.kept if spliced else None, time_slice)
        plan.begin(run)
        return run


def count(run: Run | None) -> None:
    """Count an operation whose run is over, or that had none."""
    (_UNPLANNED if run is None else _GAVE_UP if run.failed else _PLANNED).count += 1
