"""Selects the operation of a document that a request means, and checks it with its variables against the limits."""

from dataclasses import dataclass

from graphql import GraphQLError, GraphQLSchema

from graphql_api.errors import QueryTooComplex
from graphql_api.execution.compiled.variables import InputVariables
from graphql_api.execution.cost import Fit, fit
from graphql_api.execution.documents import Operation, Prepared, ValidDocument, operation_type
from graphql_api.execution.error_formatting import format_error, shortened
from graphql_api.execution.limits import Limits, exceeded, values_in
from graphql_api.execution.operations import Refused, Variables
from graphql_api.execution.validation import InvalidDocument
from graphql_api.observability.request_context import RequestContext

MAX_NAME_CHARS = 100
"""Maximum number of characters of a field's alias in a message."""


@dataclass(frozen=True, slots=True, eq=False)
class ExecutableOperation:
    """An operation that passed all checks, with its variables."""

    document: ValidDocument
    operation: Operation
    variables: Variables
    input: InputVariables | None
    """The variables as read for a compiled query; None if compiled queries are off or the variables are invalid."""
    cost: int


class Selector:
    """Selects operations of documents for one schema; `compiled` is whether they may run as compiled queries."""

    def __init__(self, schema: GraphQLSchema, limits: Limits, compiled: bool) -> None:
        self._schema = schema
        self._limits = limits
        self._compiled = compiled

    def select(
        self, document: Prepared, variables: Variables | None, name: str | None, record: RequestContext
    ) -> ExecutableOperation | Refused:
        """Returns the operation to run, or the errors; adds its name, type and cost to the request's record."""
        if isinstance(document, InvalidDocument):
            errors = [error | {"extensions": dict(error["extensions"])} for error in document.errors]
            return Refused(errors, operation_type(document, name))
        try:
            operation = document.operation(name)
            values = document.values(variables)
            cost = operation.cost.of(values)
            self.note(operation, cost, record)
            self._check(variables)
            if cost > self._limits.cost:
                raise self._too_expensive(operation, cost, values)
        except GraphQLError as error:
            return Refused([format_error(error, "INTERNAL_SERVER_ERROR")], operation_type(document, name))
        except QueryTooComplex as error:
            located = GraphQLError(str(error), original_error=error)
            return Refused([format_error(located, error.code)], operation_type(document, name))
        coerced = document.literals.coerced
        read = operation.queries.variables(self._schema, values, coerced) if self._compiled else None
        return ExecutableOperation(document, operation, variables or {}, read, cost)

    def note(self, operation: Operation, cost: int, record: RequestContext) -> None:
        """Add the operation's name, type and cost to the request's record."""
        record.name, record.operation_type = operation.name, operation.type
        record.cost, record.cost_allowed = cost, self._limits.cost
        record.is_personal = operation.is_personal

    def _check(self, variables: Variables | None) -> None:
        if variables and (values := values_in(variables)) > self._limits.variable_values:
            raise exceeded("The variables have", values, "values", self._limits.variable_values)

    def _too_expensive(self, operation: Operation, cost: int, values: Variables) -> QueryTooComplex:
        limit = self._limits.cost
        match fit(operation.cost, values, limit):
            case Fit(first, ""):
                hint = f" With `first: {first}` in every list, it would fit."
            case Fit(first, field):
                hint = f" With `first: {first}` in `{shortened(field, MAX_NAME_CHARS)}`, it would fit."
            case None:
                hint = " Use fewer fields, ids or searches, or several operations."
        return exceeded("The operation costs", cost, "units", limit, hint=hint)
