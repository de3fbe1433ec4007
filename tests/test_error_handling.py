"""A handler of all exceptions passes their reason on: it raises, logs, or uses the exception."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
BROAD = {"Exception", "BaseException"}
REPORTED_BY_GRAPHQL_CORE = {
    "graphql_api/execution/literals.py": 1,
    "graphql_api/execution/compiled/variables.py": 1,
}
"""Handlers after which graphql-core reads the same value again, and returns the error; by file."""


def names_in(node: ast.AST | None) -> set[str]:
    return {name.id for name in ast.walk(node) if isinstance(name, ast.Name)} if node else BROAD


def swallows(handler: ast.ExceptHandler) -> bool:
    nodes = [node for statement in handler.body for node in ast.walk(statement)]
    logs = any(
        isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and isinstance(node.func.value, ast.Name)
        and node.func.value.id == "log"
        for node in nodes
    )
    uses = any(isinstance(node, ast.Name) and node.id == handler.name for node in nodes)
    return not (logs or uses or any(isinstance(node, ast.Raise) for node in nodes))


def swallowing_lines(source: str) -> Iterator[int]:
    """The lines where every exception is caught and its reason lost."""
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.ExceptHandler() if names_in(node.type) & BROAD and swallows(node):
                yield node.lineno
            case ast.Call(func=ast.Name(id="suppress") | ast.Attribute(attr="suppress"), args=errors):
                if any(names_in(error) & BROAD for error in errors):
                    yield node.lineno


def test_no_broad_exception_handler_swallows_the_exception() -> None:
    lines = {
        file.relative_to(ROOT).as_posix(): list(swallowing_lines(file.read_text(encoding="utf-8")))
        for file in (ROOT / "graphql_api").rglob("*.py")
    }
    assert {file: len(numbers) for file, numbers in lines.items() if numbers} == REPORTED_BY_GRAPHQL_CORE, lines


@pytest.mark.parametrize(
    "source",
    [
        "try: f()\nexcept Exception: pass",
        "try: f()\nexcept (ValueError, Exception): g()",
        "try: f()\nexcept BaseException as error: g()",
        "try: f()\nexcept: pass",
        "with suppress(Exception): f()",
    ],
)
def test_a_swallowed_exception_is_detected(source: str) -> None:
    assert list(swallowing_lines(source))


@pytest.mark.parametrize(
    "source",
    [
        "try: f()\nexcept ValueError: pass",
        "try: f()\nexcept Exception: raise",
        "try: f()\nexcept Exception: log.exception('f failed')",
        "try: f()\nexcept Exception as error: g(error)",
        "with suppress(OSError): f()",
    ],
)
def test_a_handler_that_reports_the_exception_is_allowed(source: str) -> None:
    assert not list(swallowing_lines(source))
