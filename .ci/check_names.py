"""Refuses retired words as names of functions, classes and modules: they say nothing of what the thing is or does.

`REMAINING` counts those that are still there. It may only shrink: rename them, and lower the count.
"""

import ast
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

PACKAGE = Path(__file__).parent.parent / "graphql_api"
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
REMAINING = Counter(
    {
        "_again": 1,
        "_anew": 1,
        "patience": 1,
        "_tried": 1,
        "_Written": 1,
        "_written": 1,
    }
)


def names(file: Path) -> Iterator[tuple[str, int]]:
    """The module's own name, and the names of its functions and classes, each with its line."""
    yield (file.parent.name if file.stem == "__init__" else file.stem), 1
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield node.name, node.lineno


def is_retired(name: str) -> bool:
    """Whether a name is a retired word, whatever its case and underscores at its ends."""
    return name.strip("_").lower() in RETIRED


def faults(package: Path, remaining: Counter[str]) -> list[str]:
    """What is wrong: a retired name that is not counted, or a count that is too high."""
    found = [
        (name, f"{file.relative_to(package.parent)}:{line}")
        for file in sorted(package.rglob("*.py"))
        for name, line in names(file)
        if is_retired(name)
    ]
    counts = Counter(name for name, _ in found)
    more = [
        f"{place}: {name!r} is a retired word; name it by what it is or does"
        for name, place in found
        if counts[name] > remaining[name]
    ]
    fewer = [
        f"{name!r} is left {counts[name]} times: lower its count in {Path(__file__).name}"
        for name in remaining
        if counts[name] < remaining[name]
    ]
    return more + fewer


if __name__ == "__main__":
    sys.exit("\n".join(faults(PACKAGE, REMAINING)) or 0)
