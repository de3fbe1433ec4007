"""Refuses retired words as names: they say nothing of what the thing is or does.

Two lists: for functions, classes and modules, and for variables, parameters and attributes. `REMAINING` counts what is still
there, in the package, its tests, benchmarks and checks. It may only shrink: rename them, and lower the count.
"""

import ast
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parent.parent
FOLDERS = ("graphql_api", "tests", "benchmarks", ".ci")
RETIRED = frozenset(
    [
        "again",
        "anew",
        "asked",
        "at_hand",
        "begun",
        "chosen",
        "given",
        "kept",
        "known",
        "look",
        "passes",
        "patience",
        "recent",
        "remembered",
        "told",
        "tried",
        "written",
    ]
)
RETIRED_VARIABLES = RETIRED | {"asker", "each", "found", "kind", "place", "places", "some", "wanted", "whole"}
REMAINING: Counter[str] = Counter()
REMAINING_VARIABLES: Counter[str] = Counter()

Names = Callable[[Path], Iterator[tuple[str, int]]]


def names(file: Path) -> Iterator[tuple[str, int]]:
    """The module's own name, and the names of its functions and classes, each with its line."""
    yield (file.parent.name if file.stem == "__init__" else file.stem), 1
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield node.name, node.lineno


def variables(file: Path) -> Iterator[tuple[str, int]]:
    """The names of the variables and attributes that a module assigns, and of its parameters, each with its line."""
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        match node:
            case ast.Name(id=name, ctx=ast.Store()) | ast.Attribute(attr=name, ctx=ast.Store()) | ast.arg(arg=name):
                yield name, node.lineno


class Check(NamedTuple):
    """Which names are read, which words are refused, and how many of each are still allowed."""

    names: Names
    refused: frozenset[str]
    remaining: Counter[str]


CHECKS = (Check(names, RETIRED, REMAINING), Check(variables, RETIRED_VARIABLES, REMAINING_VARIABLES))


def word_of(name: str) -> str:
    """A name without its case and the underscores at its ends."""
    return name.strip("_").lower()


def modules(root: Path) -> Iterator[Path]:
    """The Python modules of our own."""
    for folder in FOLDERS:
        yield from (file for file in sorted((root / folder).rglob("*.py")) if "node_modules" not in file.parts)


def faults(root: Path, check: Check) -> list[str]:
    """What is wrong: a retired name that is not allowed for, or an allowance that is too high."""
    uses = [
        (name, f"{file.relative_to(root)}:{line}")
        for file in modules(root)
        for name, line in check.names(file)
        if word_of(name) in check.refused
    ]
    counts = Counter(word_of(name) for name, _ in uses)
    more = [
        f"{where}: {name!r} is a retired word; name it by what it is or does"
        for name, where in uses
        if counts[word_of(name)] > check.remaining[word_of(name)]
    ]
    fewer = [
        f"{word!r} is left {counts[word]} times: lower its count in {Path(__file__).name}"
        for word in check.remaining
        if counts[word] < check.remaining[word]
    ]
    return more + fewer


if __name__ == "__main__":
    sys.exit("\n".join(fault for check in CHECKS for fault in faults(ROOT, check)) or 0)
