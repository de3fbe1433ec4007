"""Shrinks a failing operation: removes parts of its document while it still fails."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

from graphql import REMOVE, GraphQLError, Visitor, parse, print_ast, validate, visit
from graphql.language import (
    ArgumentNode,
    DefinitionNode,
    DirectiveNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    SelectionNode,
    VariableDefinitionNode,
    VariableNode,
)

from tests.execution.compiled.scenarios import SCHEMA
from tests.execution.compiled.two_servers import Asked

TRIES = 150
PARTS = (DefinitionNode, SelectionNode, ArgumentNode, DirectiveNode, VariableDefinitionNode)


def reduced(asked: Asked, fails: Callable[[Asked], bool]) -> Asked:
    """The shortest failing operation that is found within a limited number of attempts."""
    tried = {asked.query}
    while True:
        for text in _shorter(asked.query):
            shorter = replace(asked, query=text)
            if text in tried or len(tried) > TRIES or not _is_valid(text):
                continue
            tried.add(text)
            if fails(shorter):
                asked = shorter
                break
        else:
            return asked


def _shorter(text: str) -> Iterator[str]:
    """Documents without one part each, and without fragments and variables that only it used."""
    document, count = parse(text), _Without(0)
    visit(document, count)
    for number in range(1, count.count + 1):
        try:
            yield _tidy(print_ast(visit(document, _Without(number))))
        except GraphQLError:  # an empty selection
            continue


class _Without(Visitor):
    """Removes the part with this number, and counts parts."""

    def __init__(self, number: int) -> None:
        super().__init__()
        self.number = number
        self.count = 0

    def enter(self, node: Any, *_: Any) -> Any:
        if not isinstance(node, PARTS):
            return None
        self.count += 1
        return REMOVE if self.count == self.number else None


class _Used(Visitor):
    """Collects the names of spread fragments and used variables."""

    def __init__(self) -> None:
        super().__init__()
        self.names: set[str] = set()

    def enter(self, node: Any, key: Any, parent: Any, *_: Any) -> None:
        if isinstance(node, FragmentSpreadNode):
            self.names.add(node.name.value)
        elif isinstance(node, VariableNode) and not isinstance(parent, VariableDefinitionNode):
            self.names.add(f"${node.name.value}")


class _OnlyUsed(Visitor):
    def __init__(self, names: set[str]) -> None:
        super().__init__()
        self.names = names

    def enter(self, node: Any, *_: Any) -> Any:
        if isinstance(node, FragmentDefinitionNode) and node.name.value not in self.names:
            return REMOVE
        if isinstance(node, VariableDefinitionNode) and f"${node.variable.name.value}" not in self.names:
            return REMOVE
        return None


def _tidy(text: str) -> str:
    while True:
        document, used = parse(text), _Used()
        visit(document, used)
        tidy = print_ast(visit(document, _OnlyUsed(used.names)))
        if tidy == text:
            return text
        text = tidy


def _is_valid(text: str) -> bool:
    return not validate(SCHEMA, parse(text))
