"""The compiled queries of a schema. Each is compiled when it is first needed, and is cached with its document."""

import logging
from collections.abc import Callable, Mapping

from graphql import DirectiveNode, DocumentNode, GraphQLError, GraphQLSchema, OperationDefinitionNode
from graphql.execution.values import VariableValues

from graphql_api.caching import keep
from graphql_api.execution.compiled.compiler import Compilation
from graphql_api.execution.compiled.execution import Build, Execution
from graphql_api.execution.compiled.fallback import Fallback, fallback_of
from graphql_api.execution.compiled.variables import InputVariables, VariableDefinitions, descendants, variables_in
from graphql_api.execution.context import Context
from graphql_api.execution.schema import CompetentSchema
from graphql_api.observability.buffered_metrics import BufferedCounter
from graphql_api.observability.metrics import EXECUTIONS, FALLBACKS

log = logging.getLogger(__name__)

MAX_VARIANTS = 8
"""Maximum number of compiled queries of one operation; `@skip` and `@include` rarely make more than two."""
LONG_COST = 10_000
"""Cost from which an execution may take longer than a time slice, and yields to the event loop."""

COMPILED, FELL_BACK, NOT_COMPILED = (
    BufferedCounter(EXECUTIONS.labels(executor)) for executor in ("compiled", "fallback", "graphql-core")
)


Compile = Callable[[DocumentNode, OperationDefinitionNode, VariableValues], Build]


class OperationQueries:
    """The compiled queries of one operation of a valid document: one for each set of selections that are skipped."""

    def __init__(self, document: DocumentNode, operation: OperationDefinitionNode) -> None:
        self._document = document
        self.operation = operation
        self._definitions: VariableDefinitions | None = None
        self._conditions: tuple[str, ...] | None = None
        self._builds: dict[tuple[object, ...], Build | Fallback] = {}

    def variables(
        self, schema: GraphQLSchema, raw: Mapping[str, object], coerced: Mapping[str, object]
    ) -> InputVariables | None:
        """Returns the coerced variables, of which some are `coerced` already; None if they are invalid."""
        if self._definitions is None:
            self._definitions = VariableDefinitions(schema, self.operation.variable_definitions or ())
        values = self._definitions.read(raw, coerced)
        return None if values is None else InputVariables(raw, values)

    def build(self, variables: InputVariables, compile: Compile | None) -> Build | Fallback | None:
        """Returns the compiled query for these variables, or why there is none; None if it has to be compiled first."""
        if variables.conditions is None:
            variables.conditions = self._values_of_conditions(variables.values)
        build = self._builds.get(variables.conditions)
        if build is None and compile is not None:
            build = self._compiled(compile, variables.values)
            keep(self._builds, MAX_VARIANTS, variables.conditions, build)
        return build

    def _values_of_conditions(self, values: VariableValues) -> tuple[object, ...]:
        if self._conditions is None:
            directives = _directives_in(self._document)
            self._conditions = tuple(sorted(variables_in(*directives)))
            if others := {directive.name.value for directive in directives} - {"skip", "include"}:
                self._conditions, self._builds[()] = (), Fallback("directive", min(others))
        return tuple(values.coerced.get(name) for name in self._conditions)

    def _compiled(self, compile: Compile, values: VariableValues) -> Build | Fallback:
        try:
            return compile(self._document, self.operation, values)
        except Fallback as fallback:
            return fallback
        except GraphQLError:  # such as for a condition that is null: graphql-core reports it where it gets there
            return Fallback("input")
        except Exception:  # a bug: graphql-core can still execute the operation
            log.exception("compiling an operation failed")
            return Fallback("error")


def _directives_in(document: DocumentNode) -> list[DirectiveNode]:
    if document.loc is not None and "@" not in document.loc.source.body:
        return []  # the usual case
    return [node for node in descendants(document) if isinstance(node, DirectiveNode)]


class CompiledQueries:
    """Executes the operations of one schema as compiled queries."""

    def __init__(self, schema: CompetentSchema) -> None:
        self._compile: Compile = lambda *operation: Compilation(
            schema.core_schema, schema.schema_converter, *operation
        ).build()

    def begin(
        self,
        queries: OperationQueries,
        variables: InputVariables,
        context: Context,
        cost: int,
        only_compiled: bool = False,
    ) -> Execution | None:
        """Execute an operation as far as that needs no waiting; None if there is no compiled query for it.

        With `only_compiled`, there is none before another request has compiled it.
        """
        build = queries.build(variables, None if only_compiled else self._compile)
        if isinstance(build, Fallback) and not only_compiled:
            count(build)
        if build is None or isinstance(build, Fallback):
            return None
        execution = Execution(build, context, variables, cost >= LONG_COST)
        execution.begin()
        return execution


def count(outcome: Execution | Fallback) -> None:
    """Count an operation that a compiled query executed or, with the reason, one that is left to graphql-core."""
    if isinstance(outcome, Fallback):
        NOT_COMPILED.count += 1
        fallback, field = outcome, outcome.field
    elif outcome.failure is None:
        COMPILED.count += 1
        return
    else:
        FELL_BACK.count += 1
        fallback = fallback_of(outcome.failure)
        field = fallback.field or outcome.field
        if fallback.reason == "error":
            log.error("a compiled query failed", exc_info=outcome.failure, extra={"fields": {"field": field}})
    FALLBACKS.labels(fallback.reason).inc()
    log.debug("graphql-core executes", extra={"fields": {"reason": fallback.reason, "field": field}})
