"""Private parts of libraries are used in `library_internals.py` alone, exist, and belong to versions that are pinned."""

import ast
import asyncio
import importlib
import inspect
import pkgutil
import re
import tomllib
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest
import strawberry
import uvicorn._types
from graphql.execution.executor import CollectedErrors

import graphql_api
from graphql_api.execution.schema import build_schema
from graphql_api.library_internals import clear_error_positions, core_schema_of, set_blocking

ROOT = Path(__file__).parents[1]
TREES = {
    file.relative_to(ROOT).as_posix(): ast.parse(file.read_text(encoding="utf-8"))
    for file in sorted((ROOT / "graphql_api").rglob("*.py"))
}
CLASSES = {node.name: node for tree in TREES.values() for node in ast.walk(tree) if isinstance(node, ast.ClassDef)}
PUBLIC = {"_asdict", "_exit", "_fields", "_make", "_replace"}
"""Public parts of named tuples and of `os`, in spite of their names."""


def is_private(name: str) -> bool:
    return name.startswith("_") and not name.startswith("__")


def defined_in(tree: ast.AST) -> set[str]:
    """The names of the functions, classes, variables and attributes that a module or class defines."""
    names = set()
    for node in ast.walk(tree):
        match node:
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
                names.add(name)
            case ast.Name(id=name, ctx=ast.Store()):
                names.add(name)
            case ast.Attribute(value=ast.Name(id="self" | "cls"), attr=name, ctx=ast.Store()):
                names.add(name)
    return names


def defined_by_class(node: ast.ClassDef) -> set[str]:
    """The names that a class or one of its bases in this project defines."""
    names = defined_in(node)
    for base in node.bases:
        name = base.value if isinstance(base, ast.Subscript) else base
        if isinstance(name, ast.Name) and name.id in CLASSES:
            names |= defined_by_class(CLASSES[name.id])
    return names


def private_imports(tree: ast.AST) -> Iterator[str]:
    """Private modules and names of libraries that a module imports."""
    for node in ast.walk(tree):
        match node:
            case ast.Import(names=names):
                yield from (part for alias in names for part in alias.name.split(".") if is_private(part))
            case ast.ImportFrom(module=str(module), names=names) if not module.startswith("graphql_api"):
                yield from filter(is_private, [*module.split("."), *(alias.name for alias in names)])


def private_attributes(nodes: Iterable[ast.AST], ours: set[str]) -> Iterator[str]:
    """Private attributes that neither the module defines nor, inside a class, the class and its bases."""
    for node in nodes:
        match node:
            case ast.ClassDef():
                yield from private_attributes(ast.iter_child_nodes(node), defined_by_class(node))
                continue
            case ast.Attribute(attr=name) if is_private(name) and name not in ours | PUBLIC:
                yield name
        yield from private_attributes(ast.iter_child_nodes(node), ours)


def private_uses(tree: ast.Module) -> set[str]:
    return {*private_imports(tree), *private_attributes(tree.body, defined_in(tree))}


def test_private_parts_are_used_in_only_one_module() -> None:
    uses = {file: private_uses(tree) for file, tree in TREES.items()}
    internals = uses.pop("graphql_api/library_internals.py")

    assert internals == {"_asyncio_future_blocking", "_error_positions", "_schema", "_types"}
    assert {file: names for file, names in uses.items() if names} == {}


@pytest.mark.parametrize(
    "source",
    [
        "from uvicorn._types import Scope",
        "import uvicorn._types",
        "from uvicorn.server import _hidden",
        "def f(schema): return schema._schema",
        "class A(Library):\n    def f(self): return self._hidden",
        "class Mine:\n    _hidden = 1\nclass A(Library):\n    def f(self): return self._hidden",
    ],
)
def test_a_use_of_a_private_part_is_detected(source: str) -> None:
    assert private_uses(ast.parse(source))


def test_no_class_overrides_a_private_method_of_a_library() -> None:
    names = [info.name for info in pkgutil.walk_packages(graphql_api.__path__, "graphql_api.")]
    modules = [importlib.import_module(name) for name in names if not name.endswith("__main__")]
    classes = {value for module in modules for value in vars(module).values() if inspect.isclass(value)}
    ours = {item for item in classes if item.__module__.startswith("graphql_api")}
    overrides = [
        f"{base.__qualname__}.{name} in {owner.__qualname__}"
        for owner in ours
        for base in owner.__mro__
        if not base.__module__.startswith(("graphql_api", "enum", "typing"))
        for name, value in vars(base).items()
        if is_private(name) and inspect.isroutine(value) and name in vars(owner)
    ]

    assert len(ours) > 300
    assert overrides == []


@pytest.mark.parametrize("name", ["ASGIReceiveEvent", "ASGISendEvent", "HTTPResponseStartEvent"])
def test_uvicorn_has_the_types_of_asgi_messages(name: str) -> None:
    assert hasattr(uvicorn._types, name)


def test_the_schema_of_strawberry_has_the_schema_of_graphql_core() -> None:
    @strawberry.type
    class Query:
        name: str

    assert core_schema_of(strawberry.Schema(Query)).query_type is not None
    assert build_schema().core_schema.query_type is not None


def test_the_positions_of_errors_are_cleared() -> None:
    errors = CollectedErrors()
    errors._error_positions.add(None)
    assert errors.has_nulled_position(None)

    clear_error_positions(errors)

    assert not errors.has_nulled_position(None)


async def test_a_future_is_awaited_only_if_it_blocks() -> None:
    class Waiting:
        def __init__(self, blocking: bool) -> None:
            self.future = asyncio.get_running_loop().create_future()
            self.blocking = blocking

        def __await__(self) -> Iterator[object]:
            asyncio.get_running_loop().call_soon(self.future.set_result, None)
            set_blocking(self.future, self.blocking)
            yield self.future

    async def wait(blocking: bool) -> None:
        await Waiting(blocking)

    await asyncio.create_task(wait(True))
    with pytest.raises(RuntimeError, match="yield was used instead of yield from"):
        await asyncio.create_task(wait(False))


@pytest.mark.parametrize("name", ["graphql-core", "strawberry-graphql", r"uvicorn\[standard\]"])
def test_libraries_with_used_private_parts_are_pinned(name: str) -> None:
    dependencies = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dependencies"]
    pins = [pin for pin in dependencies if re.fullmatch(rf"{name}>=[\d.]+,<(\d+)\.(\d+)", pin)]
    assert len(pins) == 1
