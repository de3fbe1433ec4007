"""Refuses names that do not say what something is (retired words), names shared by two classes, and long names of tests."""

import ast
import re
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
MAX_TEST_NAME = 70
GRAPHQL_TYPES = "schema/types"
"""A class here may have the name of the class that its values come from."""

IN_JAVASCRIPT = RETIRED_VARIABLES - {"kind"}
"""GraphQL's introspection and syntax trees have a `kind`."""

Names = Callable[[Path], Iterator[tuple[str, int]]]

_TEXTS = re.compile(r"""//[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'|`(?:\\.|[^`\\])*`""", re.DOTALL)
"""Comments and strings of JavaScript."""
_IDENTIFIERS = re.compile(r"(?<![.\w$])[A-Za-z_$][\w$]*\b(?!\s*:)")
"""Names other than those of properties."""


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


def identifiers(file: Path) -> Iterator[tuple[str, int]]:
    """The names of functions, variables and parameters in JavaScript where they are declared or used, each with its line."""
    source = _TEXTS.sub(lambda match: "\n" * match[0].count("\n"), file.read_text(encoding="utf-8"))
    for match in _IDENTIFIERS.finditer(source):
        yield match[0], 1 + source.count("\n", 0, match.start())


CHECKS = ((names, RETIRED, ".py"), (variables, RETIRED_VARIABLES, ".py"), (identifiers, IN_JAVASCRIPT, ".js"))
"""What reads the names of a file, the words that are refused, and the suffix of the files."""


def word_of(name: str) -> str:
    """A name without its case and the underscores at its ends."""
    return name.strip("_").lower()


def modules(root: Path, suffix: str) -> Iterator[Path]:
    """The source files of the project, without bundled libraries."""
    for folder in FOLDERS:
        for file in sorted((root / folder).rglob(f"*{suffix}")):
            if "node_modules" not in file.parts and not file.name.endswith(".min.js"):
                yield file


def faults(root: Path, names: Names, refused: frozenset[str], suffix: str) -> list[str]:
    """Each use of a retired word as a name."""
    return [
        f"{file.relative_to(root)}:{line}: {name!r} is a retired word; name it by what it is or does"
        for file in modules(root, suffix)
        for name, line in names(file)
        if word_of(name) in refused
    ]


def long_tests(root: Path) -> list[str]:
    """Each name of a test that is too long to be read in a list."""
    return [
        f"{file.relative_to(root)}:{line}: {name!r} has {len(name)} characters; at most {MAX_TEST_NAME}"
        for file in modules(root, ".py")
        for name, line in names(file)
        if name.startswith("test_") and len(name) > MAX_TEST_NAME
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
    refusals = [fault for check in CHECKS for fault in faults(ROOT, *check)] + long_tests(ROOT) + duplicates(ROOT)
    sys.exit("\n".join(refusals) or 0)
