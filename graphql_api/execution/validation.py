"""Parses and validates GraphQL documents within limits: those are checked first, and the validation rules have a small budget."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from graphql import (
    GraphQLError,
    GraphQLSchema,
    GraphQLSyntaxError,
    get_named_type,
    is_input_object_type,
    parse,
    specified_rules,
    validate,
)
from graphql.language import (
    SKIP,
    DocumentNode,
    IntValueNode,
    NonNullTypeNode,
    OperationDefinitionNode,
    VisitorAction,
)
from graphql.validation import (
    ASTValidationRule,
    FieldsOnCorrectTypeRule,
    NoSchemaIntrospectionCustomRule,
    OverlappingFieldsCanBeMergedRule,
    ValidationContext,
    ValidationRule,
    ValuesOfCorrectTypeRule,
)
from graphql.validation.validate import ValidationAbortedError
from strawberry.schema.validation_rules.maybe_null import MaybeNullValidationRule

from graphql_api.errors import QueryTooComplex
from graphql_api.execution.error_formatting import ErrorDict, format_document_error, format_error
from graphql_api.execution.hints import HintingFieldsRule
from graphql_api.execution.limits import Limits, exceeded, refusal, too_long

MAX_ERRORS = 20
"""Maximum number of validation errors per document."""
COMPARISONS = 20_000
"""Budget of the OverlappingFieldsCanBeMerged rule, in its own units (a comparison is two)."""
LINES_PER_TOKEN = 2
"""Maximum lines per allowed token: graphql-core scans all lines to locate an error."""
MAX_DIGITS = 400
"""Maximum number of digits of an integer literal."""


class _BoundedComparison(OverlappingFieldsCanBeMergedRule):
    """The quadratic rule with a smaller budget; its default of 500,000 units takes up to two seconds."""

    def __init__(self, context: ValidationContext) -> None:
        super().__init__(context)
        self.rule_context.remaining_complexity_budget = COMPARISONS


class _ShortNumbers(ValuesOfCorrectTypeRule):
    """Rejects long integers, for which Python would raise an error about its own limit."""

    def enter_int_value(self, node: IntValueNode, *_: object) -> VisitorAction:
        """Report an error for an integer of more than MAX_DIGITS digits."""
        if len(node.value) <= MAX_DIGITS:
            return super().enter_int_value(node)
        self.report_error(GraphQLError(f"A number has {len(node.value):,} digits; the limit is {MAX_DIGITS}.", node))
        return SKIP


class _OneOfVariablesRule(ValidationRule):
    """Rejects nullable variables in `@oneOf` inputs that are not nullable themselves, or in a list.

    VariablesInAllowedPositionRule checks only nullable inputs, and Strawberry's rule fails on fragments.
    """

    def leave_operation_definition(self, node: OperationDefinitionNode, *_: object) -> None:
        """Report an error for each use of such a variable."""
        definitions = {definition.variable.name.value: definition for definition in node.variable_definitions or ()}
        for usage in self.context.get_recursive_variable_usages(node):
            definition, parent = definitions.get(usage.node.name.value), get_named_type(usage.parent_type)
            is_checked = usage.parent_type is parent or get_named_type(usage.type) is parent
            if is_checked or not is_input_object_type(parent) or not parent.is_one_of or definition is None:
                continue
            if not isinstance(definition.type, NonNullTypeNode):
                message = f"Variable '${usage.node.name.value}' must be of a non-null type to be used in '{parent}'."
                self.report_error(GraphQLError(message, [definition, usage.node]))


_OURS: dict[type[ASTValidationRule], type[ASTValidationRule]] = {
    FieldsOnCorrectTypeRule: HintingFieldsRule,
    OverlappingFieldsCanBeMergedRule: _BoundedComparison,
    ValuesOfCorrectTypeRule: _ShortNumbers,
}
RULES: tuple[type[ASTValidationRule], ...] = (
    *(_OURS.get(rule, rule) for rule in specified_rules),
    MaybeNullValidationRule,
    _OneOfVariablesRule,
)
"""The rules of graphql-core (some replaced by ours), one that Strawberry adds, and our own."""


@dataclass(frozen=True, slots=True, eq=False)
class InvalidDocument:
    """A document that is refused."""

    errors: tuple[ErrorDict, ...]
    operation_types: Mapping[str, str] = field(default_factory=dict)
    """`query`, `mutation` or `subscription` by name of the operation (empty if anonymous), if the document could be parsed."""


class Validator:
    """Parses and validates the documents for one schema. Without `introspection`, errors suggest no names either."""

    def __init__(
        self,
        schema: GraphQLSchema,
        limits: Limits,
        introspection: bool,
        rules: tuple[type[ASTValidationRule], ...] = RULES,
    ) -> None:
        self._schema = schema
        self._limits = limits
        self._introspection = introspection
        self._rules = rules if introspection else (*rules, NoSchemaIntrospectionCustomRule)
        self._max_lines = LINES_PER_TOKEN * limits.tokens

    def check_size(self, text: str) -> InvalidDocument | None:
        """Returns the error of a text with too many characters or lines to be read at all; None if it has a size to be read."""
        if len(text) > self._limits.document_characters:
            return _refused(exceeded("The document has", len(text), "characters", self._limits.document_characters))
        lines = text.count("\n") + text.count("\r")
        return (
            _refused(exceeded("The document has", lines, "lines", self._max_lines, lines))
            if lines > self._max_lines
            else None
        )

    def parse(self, text: str) -> DocumentNode | InvalidDocument:
        """Parse and validate a text that `check_size` accepts."""
        limits = self._limits
        try:
            document = parse(text, max_lexical_tokens=limits.tokens, max_comments=limits.tokens)
        except GraphQLSyntaxError as error:
            return _syntax_error(limits, text, error)
        if too_much := refusal(limits, document):
            return _refused(too_much)
        operation_types = {
            node.name.value if node.name else "": node.operation.value
            for node in document.definitions
            if isinstance(node, OperationDefinitionNode)
        }
        errors = self._errors(document) if operation_types else ()
        return InvalidDocument(errors, operation_types) if errors else document

    def _errors(self, document: DocumentNode) -> tuple[ErrorDict, ...]:
        errors = validate(self._schema, document, self._rules, MAX_ERRORS - 1, hide_suggestions=not self._introspection)
        return tuple(
            _formatted(_OUT_OF_BUDGET) if _gave_up(error) else format_document_error(error) for error in errors
        )


def _syntax_error(limits: Limits, text: str, error: GraphQLSyntaxError) -> InvalidDocument:
    """Returns the error of a document that could not be parsed, or not to its end."""
    if error.message.startswith("Syntax Error: Document contains more than"):
        try:
            if too_much := too_long(limits, text):
                return _refused(too_much)
        except GraphQLSyntaxError as later:
            return InvalidDocument((format_document_error(later),))
    return InvalidDocument((format_document_error(error),))


def _gave_up(error: GraphQLError) -> bool:
    return isinstance(error, ValidationAbortedError) and "error limit" not in error.message


_OUT_OF_BUDGET = QueryTooComplex(
    "The document is too expensive to validate: it has too many fields with the same response name in one place, or too many "
    f"nested fragments. The limit is {COMPARISONS // 2:,} comparisons."
)


def _refused(error: QueryTooComplex) -> InvalidDocument:
    return InvalidDocument((_formatted(error),))


def _formatted(error: QueryTooComplex) -> ErrorDict:
    return format_error(GraphQLError(str(error), original_error=error), error.code)
