"""The schema, built in one place, and what a client is told of errors.

Every error leaves with a code; an unexpected exception is logged with its trace and told as INTERNAL_SERVER_ERROR alone.
"""

import logging
from collections.abc import AsyncGenerator, Iterator
from contextlib import aclosing
from typing import Any, NamedTuple

import strawberry
from graphql import (
    ExperimentalIncrementalExecutionResults,
    GraphQLError,
    GraphQLSyntaxError,
    SubsequentIncrementalExecutionResult,
    Undefined,
    is_input_object_type,
)
from graphql.language import OperationDefinitionNode
from strawberry.extensions import MaxTokensLimiter, ParserCache, SchemaExtension, ValidationCache
from strawberry.schema.config import StrawberryConfig
from strawberry.schema.exceptions import CannotGetOperationTypeError, InvalidOperationTypeError
from strawberry.types import ExecutionContext
from strawberry.types.execution import ExecutionResult, PreExecutionError
from strawberry.types.graphql import OperationType

from graphql_api.errors import CompetentError
from graphql_api.federation import ENTITY_SCALARS, SubgraphQuery
from graphql_api.query import CONCEPTS, Query
from graphql_api.types.scalars import SCALARS

log = logging.getLogger(__name__)

DOCUMENTS_KEPT = 500
"""Parsed and validated GraphQL documents that are kept, of the operations asked most recently."""


class Answer(NamedTuple):
    """What an operation gave; `executed` is false where the request itself was at fault and no field was resolved."""

    data: dict[str, Any] | None
    errors: list[dict[str, Any]]
    executed: bool
    pending: list[dict[str, Any]] | None = None
    """What `@defer` and `@stream` put off, as the specification of incremental delivery has it; None where nothing is."""
    later: AsyncGenerator[dict[str, Any]] | None = None
    """The further payloads that bring it."""


class OnlyQueries(Exception):
    """A mutation or a subscription, where only a query may be run."""


class OneOperation(SchemaExtension):
    """Refuses a document with several operations where none is named, instead of running the first.

    Writes name and kind of the one that is run into the record of the request.
    """

    def on_validate(self) -> Iterator[None]:
        """Counts the operations once the document is parsed."""
        context = self.execution_context
        definitions = context.graphql_document.definitions if context.graphql_document else ()
        operations = [each for each in definitions if isinstance(each, OperationDefinitionNode)]
        named = context._provided_operation_name
        count = len(operations)
        for each in operations:
            name = each.name.value if each.name else ""
            if named == name or (named is None and count == 1):
                context.context.record.name, context.context.record.kind = name, each.operation.value
        if count > 1 and named is None:
            context.pre_execution_errors = [
                GraphQLError(
                    f"The document has {count} operations; say which by `operationName`.",
                    extensions={"code": "OPERATION_RESOLUTION_FAILURE"},
                )
            ]
        yield


class CompetentSchema(strawberry.Schema):
    """Strawberry's schema, with arguments that have no default where Python's is None, and a logger that stays silent."""

    def __init__(self, max_tokens: int, query: type[Query], incremental: bool) -> None:
        super().__init__(
            query,
            types=list(CONCEPTS.values()),
            config=StrawberryConfig(
                scalar_map=SCALARS | ENTITY_SCALARS, enable_experimental_incremental_execution=incremental
            ),
            extensions=[
                lambda: MaxTokensLimiter(max_tokens),
                lambda: ParserCache(DOCUMENTS_KEPT),
                lambda: ValidationCache(DOCUMENTS_KEPT),
                OneOperation,
            ],
        )
        for kind in self._schema.type_map.values():
            _without_null_defaults(kind)

    def process_errors(self, errors: list[GraphQLError], execution_context: ExecutionContext | None = None) -> None:
        """Log nothing: Strawberry would write an excerpt of the query for each error."""

    async def answer(
        self,
        query: str,
        variables: dict[str, Any] | None,
        operation_name: str | None,
        context: Any,
        *,
        only_queries: bool = False,
    ) -> Answer:
        """Run one operation of a document; raises OnlyQueries where it is of another kind and that is not allowed."""
        allowed = (OperationType.QUERY,) if only_queries else None
        try:
            result = await self.execute(
                query, variables, context, operation_name=operation_name, allowed_operation_types=allowed
            )
        except InvalidOperationTypeError:
            raise OnlyQueries from None
        except CannotGetOperationTypeError:
            return Answer(None, [_told(_no_such_operation(operation_name), "OPERATION_RESOLUTION_FAILURE")], False)
        if isinstance(result, PreExecutionError):
            return Answer(None, [_told_before(error) for error in result.errors or ()], False)
        if isinstance(result, ExperimentalIncrementalExecutionResults):
            return _begun(result, context.request_id)
        return _executed(result, context.request_id)


def _without_null_defaults(kind: Any) -> None:
    """Take off the default of null that Strawberry gives to whatever may be left out."""
    fields = getattr(kind, "fields", {}).values()
    takers = (
        fields
        if is_input_object_type(kind)
        else [each for field in fields for each in getattr(field, "args", {}).values()]
    )
    for taker in takers:
        if taker.default_value is None:
            taker.default_value = Undefined


def build_schema(max_tokens: int = 1000, *, federation: bool = False, incremental: bool = False) -> CompetentSchema:
    """The schema of this server; with `federation` a router can ask it too, with `incremental` it has `@defer`."""
    return CompetentSchema(max_tokens, SubgraphQuery if federation else Query, incremental)


def _no_such_operation(name: str | None) -> GraphQLError:
    return GraphQLError(f"The document has no operation named {name!r}." if name else "The document has no operation.")


def _executed(result: ExecutionResult, request_id: str) -> Answer:
    errors = result.errors or []
    if result.data is None and errors and all(error.path is None for error in errors):
        return Answer(None, [_told(error, "BAD_USER_INPUT") for error in errors], False)  # the variables do not fit
    return Answer(result.data, [_told_in_execution(error, request_id) for error in errors], True)


def _begun(results: ExperimentalIncrementalExecutionResults, request_id: str) -> Answer:
    initial = results.initial_result
    errors = [_told_in_execution(error, request_id) for error in initial.errors or ()]
    pending = [dict(each.formatted) for each in initial.pending]
    return Answer(initial.data, errors, True, pending, _later(results.subsequent_results, request_id))


async def _later(
    payloads: AsyncGenerator[SubsequentIncrementalExecutionResult], request_id: str
) -> AsyncGenerator[dict[str, Any]]:
    async with aclosing(payloads):
        async for payload in payloads:
            told: dict[str, Any] = dict(payload.formatted)
            for name, each in (("incremental", payload.incremental), ("completed", payload.completed)):
                for item, part in zip(told.get(name, ()), each or (), strict=True):
                    if part.errors:
                        item["errors"] = [_told_in_execution(error, request_id) for error in part.errors]
            yield told


def _told_before(error: GraphQLError) -> dict[str, Any]:
    if isinstance(error, GraphQLSyntaxError):
        return _told(error, "GRAPHQL_PARSE_FAILED")
    if error.original_error is not None and not isinstance(error.original_error, CompetentError | GraphQLError):
        log.warning("a document could not be read: %r", error.original_error)
        return _told(GraphQLError("The document cannot be read; it may be nested too deeply."), "GRAPHQL_PARSE_FAILED")
    return _told(error, "GRAPHQL_VALIDATION_FAILED")


def _told_in_execution(error: GraphQLError, request_id: str) -> dict[str, Any]:
    cause = error.original_error
    if cause is None or isinstance(cause, GraphQLError):
        return _told(error, "BAD_USER_INPUT")  # an argument that does not fit, found when its field was resolved
    if not isinstance(cause, CompetentError):
        log.error("unexpected error in request %s at %s", request_id, error.path, exc_info=cause)
        error = GraphQLError(CompetentError.default, nodes=error.nodes, path=error.path)
    return _told(error, CompetentError.code)


def _told(error: GraphQLError, code: str) -> dict[str, Any]:
    told: dict[str, Any] = dict(error.formatted)
    told["extensions"] = {"code": code} | dict(error.extensions or {})
    return told
