"""Limits of GraphQL documents, checked before the expensive validation rules run.

A document is traversed once, without recursion. Each fragment is measured once and added wherever it is spread, so nested
fragments take time in proportion to their text only. Fragment cycles are left to validation, which reports them.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, fields
from typing import Any, NamedTuple

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

MANY = 1_000_000
"""Larger values are reported as "more than", since nested fragments can make them astronomical."""
COUNTED = 5
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
        return cls(**{each.name: getattr(settings, f"max_{each.name}") for each in fields(cls)})


DEFAULTS = Limits()


@dataclass(slots=True)
class Figures:
    """Counts of an operation or a fragment, including the fragments that it spreads."""

    depth: int = 0
    """Levels of nested fields, including the innermost."""
    root_fields: int = 0
    aliases: int = 0
    directives: int = 0

    def add(self, spread: "Figures", depth: int) -> None:
        """Add a fragment that is spread below `depth` levels of fields."""
        self.depth = max(self.depth, depth + spread.depth)
        self.root_fields += spread.root_fields if depth == 0 else 0
        self.aliases += spread.aliases
        self.directives += spread.directives


class _Own(NamedTuple):
    """The counts of a definition itself, and how often it spreads each fragment at each depth."""

    figures: Figures
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
    fragments = [each for each in definitions if isinstance(each, FragmentDefinitionNode)]
    if len(fragments) > limits.fragments:
        return exceeded("The document has", len(fragments), "fragments", limits.fragments)
    for figures in measured(document):
        for name, what in _ADVICE.items():
            if getattr(figures, name) > getattr(limits, name):
                return exceeded("The document has", getattr(figures, name), what, getattr(limits, name))
    return None


def too_long(limits: Limits, text: str) -> QueryTooComplex | None:
    """Returns an error if the text has too many tokens or comments; raises GraphQLSyntaxError if it cannot be tokenized."""
    most = COUNTED * limits.tokens
    found = dict.fromkeys(("tokens", "comments"), 0)
    for each in _lexed(text):
        found["comments" if each is TokenKind.COMMENT else "tokens"] += 1
        if max(found.values()) > most:
            break
    for what, count in found.items():
        if count > limits.tokens:
            return exceeded("The document has", count, what, limits.tokens, most)
    return None


def _lexed(text: str) -> Iterator[TokenKind]:
    lexer = Lexer(Source(text))
    token = lexer.token
    while (token := lexer.read_next_token(token.end)).kind is not TokenKind.EOF:
        yield token.kind


def exceeded(has: str, count: int, what: str, allowed: int, most: int = MANY, hint: str = "") -> QueryTooComplex:
    """Returns an error with the measured value (counted up to `most`), the limit and a hint."""
    measured = f"{count:,}" if count <= most else f"more than {most:,}"
    return QueryTooComplex(f"{has} {measured} {what}; the limit is {allowed:,}.{hint}")


def measured(document: DocumentNode) -> list[Figures]:
    """Returns the counts of each operation, and of each fragment (spread or not), without root fields for fragments."""
    own = {each.name.value: _own(each) for each in document.definitions if isinstance(each, FragmentDefinitionNode)}
    whole: dict[str, Figures] = {}
    for name in _innermost_first(own):
        whole[name] = _with_spreads(own[name], whole)
    operations = [each for each in document.definitions if isinstance(each, OperationDefinitionNode)]
    in_fragments = [Figures(each.depth, 0, each.aliases, each.directives) for each in whole.values()]
    return [_with_spreads(_own(each), whole) for each in operations] + in_fragments


def _own(definition: OperationDefinitionNode | FragmentDefinitionNode) -> _Own:
    figures = Figures(directives=len(definition.directives or ()))
    figures.directives += sum(len(each.directives or ()) for each in definition.variable_definitions or ())
    spreads: Counter[tuple[str, int]] = Counter()
    waiting: list[tuple[SelectionSetNode, int]] = [(definition.selection_set, 0)]
    while waiting:
        selection_set, depth = waiting.pop()
        for each in selection_set.selections:
            figures.directives += len(each.directives or ())
            inside: SelectionSetNode | None = getattr(each, "selection_set", None)
            if isinstance(each, FragmentSpreadNode):
                spreads[each.name.value, depth] += 1
            elif isinstance(each, FieldNode):
                figures.depth = max(figures.depth, depth + 1)
                figures.root_fields += depth == 0
                figures.aliases += each.alias is not None
                if inside is not None:
                    waiting.append((inside, depth + 1))
            elif inside is not None:
                waiting.append((inside, depth))
    return _Own(figures, spreads)


def _with_spreads(own: _Own, whole: dict[str, Figures]) -> Figures:
    for (name, depth), times in own.spreads.items():
        spread = whole.get(name)  # None if the fragment does not exist or is part of a cycle
        if spread is not None:
            many = Figures(spread.depth, times * spread.root_fields, times * spread.aliases, times * spread.directives)
            own.figures.add(many, depth)
    return own.figures


def _innermost_first(own: dict[str, _Own]) -> Iterator[str]:
    """Yields the fragments, each after those that it spreads; spreads that close a cycle are skipped."""
    seen: set[str] = set()
    for start in own:
        path: list[tuple[str, Iterator[str]]] = []
        _enter(start, own, seen, path)
        while path:
            name, spreads = path[-1]
            following = next(spreads, None)
            if following is None:
                path.pop()
                yield name
            else:
                _enter(following, own, seen, path)


def _enter(name: str, own: dict[str, _Own], seen: set[str], path: list[tuple[str, Iterator[str]]]) -> None:
    if name in own and name not in seen:
        seen.add(name)
        path.append((name, iter([each for each, _ in own[name].spreads])))


def values_in(variables: Any) -> int:
    """Returns the number of values in the variables, including those nested in lists and objects."""
    if type(variables) is dict and not any(isinstance(each, dict | list) for each in variables.values()):
        return len(variables)  # the usual case
    count = 0
    waiting: list[Iterable[Any]] = [(variables,)]
    while waiting:
        for each in waiting.pop():
            count += 1
            if isinstance(each, dict):
                waiting.append(each.values())
            elif isinstance(each, list):
                waiting.append(each)
    return count - 1
