"""Limits of GraphQL documents, checked before the expensive validation rules run.

A document is traversed once, without recursion. Each fragment is measured once and added wherever it is spread, so nested
fragments take time in proportion to their text only. Fragment cycles are left to validation, which reports them.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, fields, replace
from typing import NamedTuple

from graphql.language import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    Lexer,
    OperationDefinitionNode,
    SelectionSetNode,
    Source,
    TokenKind,
)

from graphql_api.errors import QueryTooComplex

MAX_REPORTED = 1_000_000
"""Larger values are reported as "more than", since nested fragments can make them astronomical."""
MAX_COUNTED_FACTOR = 5
"""Tokens are counted up to this multiple of the limit (1,000 take a millisecond) and reported as "more than" beyond it."""


@dataclass(frozen=True, slots=True)
class Limits:
    """The limits; the settings have the same names with the prefix `max_`."""

    document_characters: int = 50_000
    tokens: int = 2_000
    depth: int = 20
    aliases: int = 100
    root_fields: int = 50
    directives: int = 100
    fragments: int = 100
    variable_values: int = 5_000
    cost: int = 50_000

    @classmethod
    def of(cls, settings: object) -> "Limits":
        """Returns the limits of the settings."""
        return cls(**{limit.name: getattr(settings, f"max_{limit.name}") for limit in fields(cls)})


DEFAULTS = Limits()


@dataclass(slots=True)
class Counts:
    """Counts of an operation or a fragment, including the fragments that it spreads."""

    depth: int = 0
    """Levels of nested fields, including the innermost."""
    root_fields: int = 0
    aliases: int = 0
    directives: int = 0

    def add(self, spread: "Counts", depth: int) -> None:
        """Add a fragment that is spread below `depth` levels of fields."""
        self.depth = max(self.depth, depth + spread.depth)
        self.root_fields += spread.root_fields if depth == 0 else 0
        self.aliases += spread.aliases
        self.directives += spread.directives


class _OwnCounts(NamedTuple):
    """The counts of a definition itself, and how often it spreads each fragment at each depth."""

    counts: Counts
    spreads: Counter[tuple[str, int]]


_ADVICE = {
    "depth": "levels of nested fields",
    "aliases": "aliases (fragments expanded)",
    "root_fields": "root fields",
    "directives": "directives (fragments expanded)",
}


def refusal(limits: Limits, document: DocumentNode) -> QueryTooComplex | None:
    """Returns the first limit that the document exceeds, as an error; None if it is within all limits."""
    definitions = document.definitions
    fragments = [definition for definition in definitions if isinstance(definition, FragmentDefinitionNode)]
    if len(fragments) > limits.fragments:
        return exceeded("The document has", len(fragments), "fragments", limits.fragments)
    for counts in measure(document):
        for name, description in _ADVICE.items():
            if getattr(counts, name) > getattr(limits, name):
                return exceeded("The document has", getattr(counts, name), description, getattr(limits, name))
    return None


def too_long(limits: Limits, text: str) -> QueryTooComplex | None:
    """Returns an error if the text has too many tokens or comments; raises GraphQLSyntaxError if it cannot be tokenized."""
    max_counted = MAX_COUNTED_FACTOR * limits.tokens
    counts = dict.fromkeys(("tokens", "comments"), 0)
    for token_kind in _token_kinds(text):
        counts["comments" if token_kind is TokenKind.COMMENT else "tokens"] += 1
        if max(counts.values()) > max_counted:
            break
    for name, count in counts.items():
        if count > limits.tokens:
            return exceeded("The document has", count, name, limits.tokens, max_counted)
    return None


def _token_kinds(text: str) -> Iterator[TokenKind]:
    lexer = Lexer(Source(text))
    token = lexer.token
    while (token := lexer.read_next_token(token.end)).kind is not TokenKind.EOF:
        yield token.kind


def exceeded(
    has: str, count: int, name: str, limit: int, max_counted: int = MAX_REPORTED, hint: str = ""
) -> QueryTooComplex:
    """Returns an error with the measured value (counted up to `max_counted`), the limit and a hint."""
    measure = f"{count:,}" if count <= max_counted else f"more than {max_counted:,}"
    return QueryTooComplex(f"{has} {measure} {name}; the limit is {limit:,}.{hint}")


def measure(document: DocumentNode) -> list[Counts]:
    """Returns the counts of each operation, and of each fragment (spread or not), without root fields for fragments."""
    own = {
        definition.name.value: _count_own(definition)
        for definition in document.definitions
        if isinstance(definition, FragmentDefinitionNode)
    }
    expanded: dict[str, Counts] = {}
    for name in _innermost_first(own):
        expanded[name] = _with_spreads(own[name], expanded)
    operations = [definition for definition in document.definitions if isinstance(definition, OperationDefinitionNode)]
    in_fragments = [replace(counts, root_fields=0) for counts in expanded.values()]
    return [_with_spreads(_count_own(definition), expanded) for definition in operations] + in_fragments


def _count_own(definition: OperationDefinitionNode | FragmentDefinitionNode) -> _OwnCounts:
    counts = Counts(directives=len(definition.directives or ()))
    counts.directives += sum(len(variable.directives or ()) for variable in definition.variable_definitions or ())
    spreads: Counter[tuple[str, int]] = Counter()
    pending: list[tuple[SelectionSetNode, int]] = [(definition.selection_set, 0)]
    while pending:
        selection_set, depth = pending.pop()
        for selection in selection_set.selections:
            counts.directives += len(selection.directives or ())
            inner: SelectionSetNode | None = getattr(selection, "selection_set", None)
            if isinstance(selection, FragmentSpreadNode):
                spreads[selection.name.value, depth] += 1
            elif isinstance(selection, FieldNode):
                counts.depth = max(counts.depth, depth + 1)
                counts.root_fields += depth == 0
                counts.aliases += selection.alias is not None
                if inner is not None:
                    pending.append((inner, depth + 1))
            elif inner is not None:
                pending.append((inner, depth))
    return _OwnCounts(counts, spreads)


def _with_spreads(own: _OwnCounts, expanded: dict[str, Counts]) -> Counts:
    for (name, depth), times in own.spreads.items():
        spread = expanded.get(name)  # None if the fragment does not exist or is part of a cycle
        if spread is not None:
            spread_counts = Counts(
                spread.depth, times * spread.root_fields, times * spread.aliases, times * spread.directives
            )
            own.counts.add(spread_counts, depth)
    return own.counts


def _innermost_first(own: dict[str, _OwnCounts]) -> Iterator[str]:
    """Yields the fragments, each after those that it spreads; spreads that close a cycle are skipped."""
    seen: set[str] = set()
    for start in own:
        path: list[tuple[str, Iterator[str]]] = []
        _enter(start, own, seen, path)
        while path:
            name, spreads = path[-1]
            next_name = next(spreads, None)
            if next_name is None:
                path.pop()
                yield name
            else:
                _enter(next_name, own, seen, path)


def _enter(name: str, own: dict[str, _OwnCounts], seen: set[str], path: list[tuple[str, Iterator[str]]]) -> None:
    if name in own and name not in seen:
        seen.add(name)
        path.append((name, iter([spread for spread, _ in own[name].spreads])))


def values_in(variables: object) -> int:
    """Returns the number of values in the variables, including those nested in lists and objects."""
    if type(variables) is dict and not any(isinstance(value, dict | list) for value in variables.values()):
        return len(variables)  # the usual case
    count = 0
    pending: list[Iterable[object]] = [(variables,)]
    while pending:
        for value in pending.pop():
            count += 1
            if isinstance(value, dict):
                pending.append(value.values())
            elif isinstance(value, list):
                pending.append(value)
    return count - 1
