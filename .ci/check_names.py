"""Refuses retired words as names, since they say nothing of what the thing is or does, and names that stand for two classes."""

import ast
import sys
from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path

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
GRAPHQL_TYPES = "schema/types"
"""A class here may have the name of the class that its values come from."""

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


CHECKS = ((names, RETIRED), (variables, RETIRED_VARIABLES))


def word_of(name: str) -> str:
    """A name without its case and the underscores at its ends."""
    return name.strip("_").lower()


def modules(root: Path) -> Iterator[Path]:
    """The Python modules of our own."""
    for folder in FOLDERS:
        yield from (file for file in sorted((root / folder).rglob("*.py")) if "node_modules" not in file.parts)


def faults(root: Path, names: Names, refused: frozenset[str]) -> list[str]:
    """Each use of a retired word as a name."""
    return [
        f"{file.relative_to(root)}:{line}: {name!r} is a retired word; name it by what it is or does"
        for file in modules(root)
        for name, line in names(file)
        if word_of(name) in refused
    ]


def duplicates(root: Path) -> list[str]:
    """Each name of two classes of the package that are not a GraphQL type and what its values come from."""
    files = defaultdict[str, list[str]](list)
    for file in sorted((root / "graphql_api").rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ClassDef) and GRAPHQL_TYPES not in file.as_posix():
                files[node.name].append(str(file.relative_to(root)))
    return [f"{name!r} names a class in each of {', '.join(where)}" for name, where in files.items() if len(where) > 1]


if __name__ == "__main__":
    refusals = [fault for check in CHECKS for fault in faults(ROOT, *check)] + duplicates(ROOT)
    sys.exit("\n".join(refusals) or 0)
