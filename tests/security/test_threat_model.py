"""SECURITY.md names an existing test for each threat."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
NAMED = re.findall(r"`(tests/[\w/]+\.py)(?:::(\w+))?`", (ROOT / "SECURITY.md").read_text(encoding="utf-8"))
MODULES = re.findall(r"`([\w/]+\.py)`", (ROOT / "SECURITY.md").read_text(encoding="utf-8"))


@pytest.mark.parametrize(("file", "test"), NAMED)
def test_each_named_test_exists(file: str, test: str) -> None:
    tree = ast.parse((ROOT / file).read_text(encoding="utf-8"))
    tests = {item.name for item in ast.walk(tree) if isinstance(item, ast.FunctionDef | ast.AsyncFunctionDef)}

    assert test in tests or not test
    assert any(name.startswith("test_") for name in tests)


def test_each_threat_names_a_test() -> None:
    text = (ROOT / "SECURITY.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| (?!threat|---)(.+) \| (.+) \| (.+) \|$", text.partition("## Threats")[2], re.MULTILINE)

    assert len(rows) >= 25
    assert [threat for threat, _, test in rows if "tests/" not in test] == []


def test_each_named_module_exists() -> None:
    missing = [
        module for module in MODULES if not (ROOT / "graphql_api" / module).exists() and not (ROOT / module).exists()
    ]

    assert missing == []
