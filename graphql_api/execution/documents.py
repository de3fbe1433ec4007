"""Prepares GraphQL documents (parse, limits, validation, cost) and caches the result by text.

The expensive work is done once per text and is bounded: limits are checked before the validation rules, and the rules have a
small budget. Rejected documents are cached separately, so that they cannot evict valid ones.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from hashlib import blake2b
from typing import Any

from graphql import GraphQLError, GraphQLSchema, GraphQLSyntaxError, parse, specified_rules, validate
from graphql.language import SKIP, DocumentNode, IntValueNode, OperationDefinitionNode, VisitorAction
from graphql.validation import (
    ASTValidationRule,
    FieldsOnCorrectTypeRule,
    NoSchemaIntrospectionCustomRule,
    OverlappingFieldsCanBeMergedRule,
    ValidationContext,
    ValuesOfCorrectTypeRule,
)
from graphql.validation.validate import ValidationAbortedError
from strawberry.schema.validation_rules.maybe_null import MaybeNullValidationRule
from strawberry.schema.validation_rules.one_of import OneOfInputValidationRule

from graphql_api.caching import LRUCache
from graphql_api.errors import QueryTooComplex
from graphql_api.execution.compiled import OperationQueries
from graphql_api.execution.cost import Cost, Costing
from graphql_api.execution.error_formatting import ErrorDict, format_document_error, format_error
from graphql_api.execution.hints import HintingFieldsRule
from graphql_api.execution.limits import DEFAULTS, Limits, exceeded, refusal, too_long
from graphql_api.execution.literals import Lifted, Parameters, lift, parameterised, unlifted

REFUSED_KEPT = 100
"""Maximum number of rejected documents cached, with their errors."""
BYTES_KEPT = 32_000_000
"""Maximum bytes of both caches together, as estimated by `Prepared.size`."""
TEXT_BYTES = 1_000
"""Memory of a text whose key is cached, beside the text."""
TOKEN_BYTES = 1200
"""Memory per token in bytes: parsed (measured: 350 to 540), and the compiled query (550)."""
ERRORS = 20
"""Maximum number of validation errors per document."""
COMPARISONS = 20_000
"""Budget of the OverlappingFieldsCanBeMerged rule, in its own units (a comparison is two)."""
LINES_PER_TOKEN = 2
"""Maximum lines per allowed token: graphql-core scans all lines to locate an error."""
DIGITS = 400
"""Maximum number of digits of an integer literal."""


class _BoundedComparison(OverlappingFieldsCanBeMergedRule):
    """The quadratic rule with a smaller budget; its default of 500,000 units takes up to two seconds."""

    def __init__(self, context: ValidationContext) -> None:
        super().__init__(context)
        self.rule_context.remaining_complexity_budget = COMPARISONS


class _ShortNumbers(ValuesOfCorrectTypeRule):
    """Rejects long integers, for which Python would raise an error about its own limit."""

    def enter_int_value(self, node: IntValueNode, *_: Any) -> VisitorAction:
        """Report an error for an integer of more than DIGITS digits."""
        if len(node.value) <= DIGITS:
            return super().enter_int_value(node)
        self.report_error(GraphQLError(f"A number has {len(node.value):,} digits; the limit is {DIGITS}.", node))
        return SKIP


_OURS: dict[type[ASTValidationRule], type[ASTValidationRule]] = {
    FieldsOnCorrectTypeRule: HintingFieldsRule,
    OverlappingFieldsCanBeMergedRule: _BoundedComparison,
    ValuesOfCorrectTypeRule: _ShortNumbers,
}
RULES: tuple[type[ASTValidationRule], ...] = (
    *(_OURS.get(rule, rule) for rule in specified_rules),
    MaybeNullValidationRule,
    OneOfInputValidationRule,
)
"""The rules of graphql-core (some replaced by ours), and those that Strawberry adds."""


@dataclass(frozen=True, slots=True, eq=False)
class Operation:
    """An operation of a valid document."""

    name: str
    """Empty for an anonymous operation."""
    kind: str
    """`query`, `mutation` or `subscription`."""
    cost: Cost
    queries: OperationQueries
    digest: bytes
    """Hash of the document's key, and of its name if it is not the only operation."""


@dataclass(slots=True, eq=False)
class Prepared:
    """A document ready for execution, or its errors; with `errors` there are no operations."""

    text: str
    document: DocumentNode | None = None
    """The document as written; parsed when needed if only its `key` has been seen before."""
    errors: tuple[ErrorDict, ...] = ()
    kinds: Mapping[str, str] = field(default_factory=dict)
    """Kind of each operation by name (empty if anonymous); also filled for documents that fail validation."""
    operations: Mapping[str, Operation] = field(default_factory=dict)
    key: str = ""
    """The text without what does not matter to its preparation (`literals.py`); texts with the same key share operations."""
    parameters: Parameters = field(default_factory=Parameters)
    literals: Mapping[str, Any] = field(default_factory=dict)
    """Values of the variables that the operations have in place of literals."""
    tokens: int = 0

    def as_written(self) -> DocumentNode:
        """Returns the document of this very text."""
        if self.document is None:
            self.document = parse(self.text)
        return self.document

    def values(self, variables: Mapping[str, Any] | None) -> dict[str, Any]:
        """Returns the values of all variables of an operation: those that a client sent, and the literals."""
        return {**(variables or {}), **self.literals}

    def of_text(self, text: str, lifted: Lifted) -> "Prepared | None":
        """Returns another text with the same key as prepared; None if one of its literals is invalid."""
        literals = self.parameters.values(lifted.literals)
        if literals is None:
            return None
        name = lifted.name or ""
        if len(self.operations) != 1 or name in self.operations:
            return replace(self, text=text, document=None, literals=literals)
        (operation,) = self.operations.values()
        operations = {name: replace(operation, name=name)}
        return replace(
            self, text=text, document=None, literals=literals, operations=operations, kinds={name: operation.kind}
        )

    def operation(self, name: str | None) -> Operation:
        """Returns the operation with this name, or the only one; raises a GraphQLError with a code if there is none."""
        if name is None and len(self.operations) == 1:
            return next(iter(self.operations.values()))
        if name is None and self.operations:
            message = f"The document has {len(self.operations)} operations; select one with `operationName`."
        elif name is None:
            message = "The document contains no operation."
        elif name and name in self.operations:
            return self.operations[name]
        else:
            message = f"The document has no operation named {name!r}."
        raise GraphQLError(message, extensions={"code": "OPERATION_RESOLUTION_FAILURE"})

    def kind(self, name: str | None) -> str | None:
        """Returns the kind of the operation with this name, or of the only one; None if there is none."""
        return next(iter(self.kinds.values())) if name is None and len(self.kinds) == 1 else self.kinds.get(name or "")

    @property
    def size(self) -> int:
        """Approximate memory in bytes."""
        return 2 * (len(self.text) + len(self.key)) + TOKEN_BYTES * self.tokens + 1_000 * (1 + len(self.errors))


class Documents:
    """Prepares and caches the documents of one schema."""

    def __init__(
        self,
        schema: GraphQLSchema,
        limits: Limits = DEFAULTS,
        introspection: bool = True,
        rules: tuple[type[ASTValidationRule], ...] = RULES,
        bytes_kept: int = BYTES_KEPT,
    ) -> None:
        self._schema = schema
        self._limits = limits
        self._introspection = introspection
        self._rules = rules if introspection else (*rules, NoSchemaIntrospectionCustomRule)
        self._max_lines = LINES_PER_TOKEN * limits.tokens
        self._costing = Costing(schema)
        self._listeners: list[Callable[[str], None]] = []
        self._good = _room(bytes_kept * 5 // 8, math.inf, self._notify)
        """By key."""
        self._bad = _room(bytes_kept // 4, REFUSED_KEPT)
        self._texts: LRUCache[str, Lifted] = LRUCache(bytes_kept // 8)
        """The keys and literals of valid documents, by text."""

    @property
    def bytes(self) -> int:
        """Approximate bytes of all cached documents."""
        return self._good.bytes + self._bad.bytes + self._texts.bytes

    def on_evict(self, listener: Callable[[str], None]) -> None:
        """Also call `listener` with the key of each valid document that leaves the cache."""
        self._listeners.append(listener)

    def _notify(self, key: str, _: Prepared) -> None:
        for listener in self._listeners:
            listener(key)

    def prepare(self, text: str) -> Prepared:
        """Returns the prepared document, cached or new."""
        found = self.get_prepared(text) or self._bad.get(text)
        if found is None:
            found = self._prepare(text)
            if found.errors and found.text:
                self._bad.put(text, found, found.size)
            elif not found.errors:
                self._good.put(found.key, found, found.size)
        return found

    def has(self, text: str) -> bool:
        """Whether this document need not be parsed: it is cached or too long."""
        is_long = len(text) > self._limits.document_characters
        return is_long or text in self._bad or self.get_prepared(text) is not None

    def get_prepared(self, text: str) -> Prepared | None:
        """Returns a valid document from the cache, of this text or of one with the same key; None on a miss."""
        cached = self._texts.get(text)
        lifted = cached or self._lifted(text)
        shared = self._good.get(lifted.key)
        if shared is None:
            return None
        if cached is None:
            self._texts.put(text, lifted, 2 * (len(text) + len(lifted.key)) + TEXT_BYTES)
        return shared if shared.text == text else shared.of_text(text, lifted)

    def _lifted(self, text: str) -> Lifted:
        has_limits = len(text) <= self._limits.document_characters and _lines(text) <= self._max_lines
        return (lift(text, self._limits.tokens) if has_limits else None) or unlifted(text)

    def _prepare(self, text: str) -> Prepared:
        limits = self._limits
        if len(text) > limits.document_characters:
            error = exceeded("The document has", len(text), "characters", limits.document_characters)
            return Prepared("", errors=(_formatted(error),))  # without its text, so it is not cached
        if (lines := _lines(text)) > self._max_lines:
            error = exceeded("The document has", lines, "lines", self._max_lines, lines)
            return Prepared("", errors=(_formatted(error),))
        try:
            document = parse(text, max_lexical_tokens=limits.tokens, max_comments=limits.tokens)
        except GraphQLSyntaxError as error:
            return Prepared(text, errors=(_unparsed(limits, text, error),))
        if too_much := refusal(limits, document):
            return Prepared(text, errors=(_formatted(too_much),))
        operations = [each for each in document.definitions if isinstance(each, OperationDefinitionNode)]
        kinds = {each.name.value if each.name else "": each.operation.value for each in operations}
        if operations and (errors := self._faults(document)):
            return Prepared(text, errors=tuple(errors), kinds=kinds)
        return self._valid(text, document, kinds)

    def _valid(self, text: str, document: DocumentNode, kinds: Mapping[str, str]) -> Prepared:
        lifted = self._lifted(text)
        changed = parameterised(self._schema, document, text) if lifted.literals else None
        if changed is None and lifted.literals:
            lifted = unlifted(text)
        changed_document, parameters = changed or (document, Parameters())
        operations = [
            self._operation(lifted, changed_document, each)
            for each in changed_document.definitions
            if isinstance(each, OperationDefinitionNode)
        ]
        return Prepared(
            text,
            document,
            kinds=kinds,
            operations={each.name: each for each in operations},
            key=lifted.key,
            parameters=parameters,
            literals=parameters.values(lifted.literals) or {},
            tokens=document.token_count or 0,
        )

    def _operation(self, lifted: Lifted, document: DocumentNode, node: OperationDefinitionNode) -> Operation:
        name = node.name.value if node.name else ""
        distinct = f"{'' if lifted.name else name} {lifted.key}"
        digest = blake2b(distinct.encode("utf-8", "surrogatepass"), digest_size=16).digest()
        return Operation(
            name, node.operation.value, self._costing.cost(document, node), OperationQueries(document, node), digest
        )

    def _faults(self, document: DocumentNode) -> list[ErrorDict]:
        errors = validate(self._schema, document, self._rules, ERRORS - 1, hide_suggestions=not self._introspection)
        return [_formatted(_OUT_OF_BUDGET) if _gave_up(each) else format_document_error(each) for each in errors]


def _lines(text: str) -> int:
    return text.count("\n") + text.count("\r")


def _unparsed(limits: Limits, text: str, error: GraphQLSyntaxError) -> ErrorDict:
    """Returns the error of a document that could not be parsed, or not to its end."""
    if error.message.startswith("Syntax Error: Document contains more than"):
        try:
            if too_much := too_long(limits, text):
                return _formatted(too_much)
        except GraphQLSyntaxError as later:
            return format_document_error(later)
    return format_document_error(error)


def _room(
    most_bytes: int, most: float, gone: Callable[[str, Prepared], None] = lambda *_: None
) -> LRUCache[str, Prepared]:
    return LRUCache(most_bytes, most, max_item_bytes=most_bytes // 4, on_evict=gone)


def _gave_up(error: GraphQLError) -> bool:
    return isinstance(error, ValidationAbortedError) and "error limit" not in error.message


_OUT_OF_BUDGET = QueryTooComplex(
    "The document is too expensive to validate: it has too many fields with the same response name in one place, or too many "
    f"nested fragments. The limit is {COMPARISONS // 2:,} comparisons."
)


def _formatted(error: QueryTooComplex) -> ErrorDict:
    return format_error(GraphQLError(str(error), original_error=error), error.code)
