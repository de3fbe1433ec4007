"""The layout: what may import what, read off the contracts, the documentation and the code."""

import ast
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import grimp
import pytest

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "graphql_api"
CONTRACTS = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"]["contracts"]
LAYERS = [name for layer in CONTRACTS[0]["layers"] for name in layer.split(" | ")]
CIRCLES = next(contract for contract in CONTRACTS if contract["type"] == "acyclic_siblings")
LATE = [tuple(item.split(" -> ")) for item in CIRCLES["ignore_imports"]]
"""Imports that the contract on circles leaves out, as (importer, imported)."""


def entries() -> set[str]:
    """The modules and packages at the top of graphql_api/."""
    return {file.stem for file in PACKAGE.iterdir() if file.suffix == ".py" or (file / "__init__.py").exists()}


def test_every_top_level_package_has_a_layer() -> None:
    assert {*LAYERS, "sandbox", "__init__"} == entries()
    assert len(entries()) <= 22


def test_the_table_of_packages_lists_the_layers_in_their_order() -> None:
    page = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    rows = re.findall(
        r"^\| ((?:`[\w./]+`(?:, )?)+) \|", page.partition("| package | job |")[2].partition("\n\n")[0], re.M
    )
    table = [re.findall(r"`(\w+)(?:\.py|/)`", row) for row in rows]
    ranks = {name: rank for rank, names in enumerate(table) for name in names}

    assert ranks.keys() == {*LAYERS, "sandbox"}
    assert [name for name in LAYERS if name not in ("__main__", "asgi")] == sorted(
        (name for name in LAYERS if name not in ("__main__", "asgi")), key=lambda name: ranks[name]
    )


def test_modules_have_no_circular_imports() -> None:
    graph = grimp.build_graph("graphql_api", cache_dir=None)
    for importer, imported in LATE:
        graph.remove_import(importer=importer, imported=imported)
    arrows = [(module, other) for module in graph.modules for other in graph.find_modules_directly_imported_by(module)]
    circles = [arrow for arrow in arrows if graph.chain_exists(importer=arrow[1], imported=arrow[0])]

    assert len(arrows) > 500
    assert circles == []


@pytest.mark.parametrize(("importer", "imported"), LATE, ids=lambda name: name.rpartition(".")[2])
def test_an_import_left_out_is_a_lazy_type(importer: str, imported: str) -> None:
    """One direction between two GraphQL types that link to each other is resolved late: not when the file is imported."""
    source = (ROOT / importer.replace(".", "/")).with_suffix(".py").read_text(encoding="utf-8")

    assert f'strawberry.lazy("{imported}")' in source
    assert imported not in set(imported_at_top_level(ast.parse(source)))


def imported_at_top_level(tree: ast.Module) -> Iterator[str]:
    """The modules that a file imports when it is imported."""
    for statement in tree.body:
        if isinstance(statement, ast.ImportFrom) and statement.module:
            yield statement.module
            yield from (f"{statement.module}.{name.name}" for name in statement.names)
        elif isinstance(statement, ast.Import):
            yield from (name.name for name in statement.names)


def test_test_folders_mirror_packages_or_are_separate_suites() -> None:
    suites = {"browser", "clients", "fuzz", "golden", "security", "soak", "types", "valkey", "variants"}
    folders = {file.parent.relative_to(ROOT / "tests") for file in (ROOT / "tests").rglob("test_*.py")}
    mirrored = {folder for folder in folders if folder.parts and folder.parts[0] not in suites}

    assert len(mirrored) > 15
    assert [folder for folder in mirrored if not (PACKAGE / folder / "__init__.py").exists()] == []


def test_every_ignored_type_error_has_a_reason() -> None:
    lines = [line for file in PACKAGE.rglob("*.py") for line in file.read_text(encoding="utf-8").splitlines()]
    ignored = [line for line in lines if "# type: ignore" in line]

    assert ignored
    assert [line for line in ignored if not re.search(r"# type: ignore\[[\w-]+\]  # \w", line)] == []
