"""The how-to pages, followed word for word in a copy of the project: what they add works, and is all that it takes."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PAGES = sorted((ROOT / "docs").glob("add-*.md"))
COPIED = ("graphql_api", "tests", "docs", "requirements", "pyproject.toml", "Makefile", "README.md", "schema.graphql")

_EDIT = re.compile(r"`([\w./-]+)`[^`]*:\n\n```(diff|python|toml)\n(.*?)^```", re.DOTALL | re.MULTILINE)
_COMMANDS = re.compile(r"^```sh\n(.*?)^```", re.DOTALL | re.MULTILINE)

pytestmark = pytest.mark.slow


def text_after_diff(text: str, diff: str) -> str:
    """A text with the lines of a diff: `+` added, `-` removed, all others found in a row exactly once."""
    lines = diff.splitlines(keepends=True)
    before = "".join(line[1:] for line in lines if not line.startswith("+"))
    assert text.count(before) == 1, f"these lines stand {text.count(before)} times:\n{before}"
    return text.replace(before, "".join(line[1:] for line in lines if not line.startswith("-")))


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A copy of the project that uses this environment."""
    for name in COPIED:
        source, target = ROOT / name, tmp_path / name
        if source.is_dir():
            shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__", "node_modules"))
        else:
            shutil.copy2(source, target)
    (tmp_path / ".venv").symlink_to(sys.prefix)
    return tmp_path


def run(command: str, project: Path) -> None:
    """A command of a page, in the copy; its output is shown if it fails. Nothing is installed: that would change this environment."""
    words = command.split()
    if words[0] == "make":
        words[1:1] = ["-o", ".venv/.dev"]
    environment = os.environ | {
        "PATH": f"{project}/.venv/bin:{os.environ['PATH']}",
        "PYTHONPATH": str(project),
        "PYTEST_ADDOPTS": "-p no:cacheprovider",
    }
    done = subprocess.run(words, cwd=project, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{command}\n{done.stdout[-3000:]}{done.stderr[-3000:]}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_the_steps_of_a_how_to_page_work(page: Path, project: Path) -> None:
    text = page.read_text(encoding="utf-8")
    edits = _EDIT.findall(text)
    for path, language, content in edits:
        file = project / path
        file.write_text(
            text_after_diff(file.read_text(encoding="utf-8"), content) if language == "diff" else content,
            encoding="utf-8",
        )
    commands = [line for block in _COMMANDS.findall(text) for line in block.splitlines()]

    assert edits
    assert any("pytest" in command for command in commands)
    for command in commands:
        run(command, project)


def test_how_to_pages_exist_for_fields_and_concept_types() -> None:
    assert [page.stem for page in PAGES] == ["add-a-concept-type", "add-a-field"]
