"""The plans of an operation, compiled when it first needs them and kept with it: one for each way in which it is steered."""

import logging
from collections.abc import Mapping
from typing import Any

from graphql import DocumentNode, GraphQLError, GraphQLSchema, OperationDefinitionNode
from graphql.execution.values import VariableValues
from strawberry.schema.schema_converter import GraphQLCoreConverter

from graphql_api.metrics import PLANS, Frequent
from graphql_api.plan.answers import KeptAnswer, KeptAnswers, Key
from graphql_api.plan.compiler import Compiler, Unplanned, steering
from graphql_api.plan.kept import KeptParts
from graphql_api.plan.plan import Plan
from graphql_api.plan.run import Run
from graphql_api.plan.variables import Variables

log = logging.getLogger(__name__)

MOST_STEERED = 8
"""Plans of one operation; it is rarely steered in more than two ways."""

_PLANNED, _GAVE_UP, _UNPLANNED, _KEPT = (
    Frequent(PLANS.labels(each)) for each in ("planned", "gave up", "unplanned", "kept")
)


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

    def plan(self, compiler: Compiler, variables: VariableValues) -> Plan | None:
        """The plan for these variables; None where there can be none."""
        if self._steering is None:
            try:
                self._steering = steering(self._document)
            except Unplanned:
                self._steering, self._plans[()] = (), None
        steered = tuple(variables.coerced.get(name) for name in self._steering)
        if steered not in self._plans:
            if len(self._plans) == MOST_STEERED:
                self._plans.clear()
            self._plans[steered] = self._compiled(compiler, variables)
        return self._plans[steered]

    def _compiled(self, compiler: Compiler, variables: VariableValues) -> Plan | None:
        try:
            return compiler.plan(self._document, self.operation, variables)
        except (Unplanned, GraphQLError):  # as of a condition that is null: graphql-core says so where it gets there
            return None
        except Exception:  # a bug of ours: graphql-core can still answer
            log.exception("an operation could not be planned")
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

    def key(self, operation: bytes, variables: dict[str, Any] | None, context: Any) -> Key | None:
        """What the answer to an operation with this digest is kept under; None where none is."""
        return None if self._answers is None else self._answers.key(operation, variables, context.languages)

    def again(self, key: Key, context: Any) -> KeptAnswer | None:
        """The answer that was kept under this key."""
        assert self._answers is not None
        found = self._answers.again(key, context.loaders)
        if found is not None:
            _KEPT.count += 1
        return found

    def keep(self, key: Key, run: Run) -> KeptAnswer | None:
        """Keep what a run gave that is over; None where that cannot be kept."""
        assert self._answers is not None
        return self._answers.keep(key, run.data, run.loaders)

    def begin(self, planned: Planned, variables: Mapping[str, Any], context: Any, spliced: bool) -> Run | None:
        """A run of the operation, as far as it goes without waiting; None where graphql-core has to run it.

        With `spliced`, its data holds parts that are encoded already.
        """
        values = planned.variables(self._schema).read(variables)
        if values is None:
            return None  # graphql-core says how they do not fit
        plan = planned.plan(self._compiler, values)
        if plan is None:
            _UNPLANNED.count += 1
            return None
        run = Run(context, values, self.kept if spliced else None)
        plan.begin(run)
        return run


def count(run: Run) -> None:
    """Count a run that is over."""
    (_GAVE_UP if run.failed else _PLANNED).count += 1
