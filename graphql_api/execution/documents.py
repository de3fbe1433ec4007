"""Prepares GraphQL documents (parse, limits, validation, cost) and caches the result.

The expensive work is done once for all texts that differ only in literals and spelling (`literals.py`). Rejected documents are
cached separately, so that they cannot evict valid ones.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from hashlib import blake2b
from typing import NamedTuple

from graphql import GraphQLError, GraphQLSchema, parse
from graphql.language import DocumentNode, OperationDefinitionNode
from graphql.validation import ASTValidationRule

from graphql_api.caching import LRUCache
from graphql_api.execution.compiled.queries import OperationQueries
from graphql_api.execution.cost import Cost, Costing
from graphql_api.execution.limits import DEFAULTS, Limits
from graphql_api.execution.literals import Lifted, Literals, Parameters, lift, parameterised, unlifted
from graphql_api.execution.personal_text import may_contain_personal_text, takes_personal_text, without_details
from graphql_api.execution.validation import RULES, InvalidDocument, Validator

TOUCH_EVERY = 7
"""Touch the LRU position of a document on every seventh use on the fast path; prime, so that no pattern evades it."""
MAX_INVALID = 100
"""Maximum number of rejected documents cached, with their errors."""
MAX_BYTES = 32_000_000
"""Maximum bytes of all caches together, as estimated by `ValidDocument.size`."""
TEXT_BYTES = 1_000
"""Memory of a text whose key is cached, beside the text."""
ERROR_BYTES = 1_000
"""Memory of an error, and of a document without its text and tokens."""
TOKEN_BYTES = 1200
"""Memory per token in bytes: parsed (measured: 350 to 540), and the compiled query (550)."""


@dataclass(frozen=True, slots=True, eq=False)
class Operation:
    """An operation of a valid document."""

    name: str
    """Empty for an anonymous operation."""
    type: str
    """`query`, `mutation` or `subscription`."""
    cost: Cost
    queries: OperationQueries
    digest: bytes
    """Hash of the document's key, and of its name if it is not the only operation."""
    is_personal: bool = False
    """Whether it may take the text of a person (`personal_text.py`)."""


@dataclass(slots=True, eq=False)
class ValidDocument:
    """A document ready for execution."""

    text: str
    key: str
    """The text without what does not matter to its preparation (`literals.py`); texts with the same key share operations."""
    operations: Mapping[str, Operation]
    """By name; empty for an anonymous one."""
    literals: Literals = field(default_factory=lambda: Literals({}, {}))
    """Values of the variables that the operations have in place of literals."""
    parameters: Parameters = field(default_factory=Parameters)
    document: DocumentNode | None = None
    """The document as written; parsed when needed if only its `key` has been seen before."""
    tokens: int = 0

    def as_written(self) -> DocumentNode:
        """Returns the document of this very text."""
        if self.document is None:
            self.document = parse(self.text)
        return self.document

    def values(self, variables: Mapping[str, object] | None) -> dict[str, object]:
        """Returns the values of all variables of an operation: those that a client sent, and the literals."""
        return {**(variables or {}), **self.literals.raw}

    def of_text(self, text: str, lifted: Lifted) -> "ValidDocument | None":
        """Returns another text with the same key as prepared; None if one of its literals is invalid."""
        literals = self.parameters.read(lifted.literals)
        if literals is None:
            return None
        operations = self.operations
        name = lifted.name or ""
        if len(operations) == 1 and name not in operations:
            (operation,) = operations.values()
            operations = {name: replace(operation, name=name)}
        return ValidDocument(text, self.key, operations, literals, self.parameters, tokens=self.tokens)

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

    @property
    def size(self) -> int:
        """Approximate memory in bytes."""
        return 2 * (len(self.text) + len(self.key)) + TOKEN_BYTES * self.tokens + ERROR_BYTES


class NewDocument(NamedTuple):
    """A text that has not been prepared."""

    text: str
    lifted: Lifted


Prepared = ValidDocument | InvalidDocument


def operation_type(document: Prepared, name: str | None) -> str | None:
    """Returns the type of the operation with this name, or of the only one; None if there is none."""
    match document:
        case ValidDocument(operations=operations):
            types: Mapping[str, str] = {key: operation.type for key, operation in operations.items()}
        case InvalidDocument(operation_types=types):
            pass
    return next(iter(types.values())) if name is None and len(types) == 1 else types.get(name or "")


class Documents:
    """Prepares and caches the documents of one schema."""

    def __init__(
        self,
        schema: GraphQLSchema,
        limits: Limits = DEFAULTS,
        introspection: bool = True,
        rules: tuple[type[ASTValidationRule], ...] = RULES,
        max_bytes: int = MAX_BYTES,
    ) -> None:
        self._schema = schema
        self._max_tokens = limits.tokens
        self._validator = Validator(schema, limits, introspection, rules)
        self.costing = Costing(schema)
        self.introspection = introspection
        self._listeners: list[Callable[[str], None]] = []
        self._valid: LRUCache[str, ValidDocument] = LRUCache(
            max_bytes * 5 // 8, max_item_bytes=max_bytes * 5 // 32, on_evict=self._notify
        )
        """By key."""
        self._invalid: LRUCache[str, InvalidDocument] = LRUCache(
            max_bytes // 4, MAX_INVALID, max_item_bytes=max_bytes // 16
        )
        """By text."""
        self._touches = 0
        self._texts: LRUCache[str, Lifted] = LRUCache(max_bytes // 8)
        """The keys and literals of valid documents, by text."""

    @property
    def bytes(self) -> int:
        """Approximate bytes of all cached documents."""
        return self._valid.bytes + self._invalid.bytes + self._texts.bytes

    def on_evict(self, listener: Callable[[str], None]) -> None:
        """Also call `listener` with the key of each valid document that leaves the cache."""
        self._listeners.append(listener)

    def _notify(self, key: str, _: ValidDocument) -> None:
        for listener in self._listeners:
            listener(key)

    def prepare(self, text: str) -> Prepared:
        """Returns the prepared document, cached or new."""
        document = self.find(text)
        return self.add(document) if isinstance(document, NewDocument) else document

    def find(self, text: str) -> Prepared | NewDocument:
        """Returns the document from the cache, if this text or one with the same key was prepared before."""
        cached = self._texts.get(text)
        invalid = (self._invalid.get(text) or self._validator.check_size(text)) if cached is None else None
        if invalid is not None:
            return invalid
        lifted = cached or lift(text, self._max_tokens) or unlifted(text)
        shared = self._valid.get(lifted.key)
        if shared is None:
            return NewDocument(text, lifted)
        if cached is None:
            self._put_text(lifted, text)
        document = shared if shared.text == text else shared.of_text(text, lifted)
        return NewDocument(text, lifted) if document is None else document

    def touch(self, document: ValidDocument) -> None:
        """Note that a cached document is used; every TOUCH_EVERY-th call touches its LRU position."""
        self._touches += 1
        if self._touches % TOUCH_EVERY == 0:
            self._texts.get(document.text)
            self._valid.get(document.key)

    def add(self, new: NewDocument) -> Prepared:
        """Prepare a document that `find` did not find in the cache."""
        document = self._validator.parse(new.text)
        may_contain_text = may_contain_personal_text(new.text)
        if isinstance(document, InvalidDocument):
            if may_contain_text:
                return without_details(document)
            size = 2 * len(new.text) + ERROR_BYTES * (1 + len(document.errors))
            self._invalid.put(new.text, document, size)
            return document
        valid = self._with_parameters(new, document)
        if may_contain_text:
            return valid
        self._valid.put(valid.key, valid, valid.size)
        if valid.key != new.lifted.key:
            self._put_text(unlifted(new.text), new.text)
        return valid

    def _put_text(self, lifted: Lifted, text: str) -> None:
        self._texts.put(text, lifted, 2 * (len(text) + len(lifted.key)) + TEXT_BYTES)

    def _with_parameters(self, new: NewDocument, document: DocumentNode) -> ValidDocument:
        """Returns the document with variables in place of its literals; without, if one cannot be the value of a variable."""
        lifted, executable, parameters = new.lifted, document, Parameters()
        if lifted.literals and (changed := parameterised(self._schema, document, new.text)) is not None:
            executable, parameters = changed
        literals = parameters.read(lifted.literals)
        if literals is None or (lifted.literals and executable is document):
            lifted, executable, parameters, literals = unlifted(new.text), document, Parameters(), Literals({}, {})
        operations = [
            self._operation(lifted, executable, node, new.text)
            for node in executable.definitions
            if isinstance(node, OperationDefinitionNode)
        ]
        by_name = {operation.name: operation for operation in operations}
        tokens = document.token_count or 0
        return ValidDocument(new.text, lifted.key, by_name, literals, parameters, document, tokens)

    def _operation(self, lifted: Lifted, document: DocumentNode, node: OperationDefinitionNode, text: str) -> Operation:
        name = node.name.value if node.name else ""
        distinct = f"{'' if lifted.name else name} {lifted.key}"
        digest = blake2b(distinct.encode("utf-8", "surrogatepass"), digest_size=16).digest()
        cost, queries = self.costing.cost(document, node), OperationQueries(document, node)
        return Operation(name, node.operation.value, cost, queries, digest, takes_personal_text(text))
