"""The git hook, and the workflow of the forge: they run what `make check` and `.ci/run` do."""

import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parent.parent

pytestmark = pytest.mark.skipif(not (shutil.which("bash") and shutil.which("git")), reason="needs bash and git")


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A repository with our scripts, and with tools that succeed."""
    shutil.copytree(ROOT / ".ci", tmp_path / ".ci")
    for tool in ("ruff", "mypy"):
        write_tool(tmp_path, tool, "exit 0")
    git(tmp_path, "init", "-q")
    git(tmp_path, "config", "user.email", "a@example.org")
    git(tmp_path, "config", "user.name", "A")
    return tmp_path


def write_tool(clone: Path, name: str, does: str) -> None:
    file = clone / ".venv" / "bin" / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(f'#!/bin/sh\necho "{name} $*" >> "{clone}/ran"\n{does}\n')
    file.chmod(0o755)


def git(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["git", *arguments], cwd=folder, capture_output=True, text=True, check=False)


def install(clone: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([clone / ".ci" / "install-hooks"], capture_output=True, text=True, check=False)


def commit(clone: Path) -> int:
    return git(clone, "commit", "--allow-empty", "-q", "-m", "a: b").returncode


def test_the_hook_runs_ruff_and_mypy_before_a_commit(clone: Path) -> None:
    assert install(clone).returncode == 0
    assert install(clone).returncode == 0, "again"

    assert commit(clone) == 0
    assert (clone / "ran").read_text().splitlines() == [
        "ruff check --quiet .",
        "ruff format --check --quiet .",
        "mypy ",
    ]


@pytest.mark.parametrize("tool", ["ruff", "mypy"])
def test_the_hook_refuses_a_commit_that_a_tool_refuses(clone: Path, tool: str) -> None:
    install(clone)
    write_tool(clone, tool, "exit 1")

    assert commit(clone) != 0


def test_the_hook_names_the_command_for_missing_tools(clone: Path) -> None:
    install(clone)
    shutil.rmtree(clone / ".venv")

    assert "make hooks" in git(clone, "commit", "--allow-empty", "-m", "a: b").stderr


def test_a_foreign_hook_is_left_alone(clone: Path) -> None:
    hook = clone / ".git" / "hooks" / "pre-commit"
    hook.write_text("#!/bin/sh\nexit 0\n")

    refused = install(clone)
    assert (refused.returncode, hook.read_text()) == (1, "#!/bin/sh\nexit 0\n")
    assert ".ci/pre-commit" in refused.stderr


def test_the_workflow_calls_ci_on_every_supported_python() -> None:
    workflow = yaml.safe_load((ROOT / ".github" / "workflows" / "ci.yml").read_text(encoding="utf-8"))
    job = workflow["jobs"]["test"]
    supported = subprocess.run(
        ["bash", "-c", "source .ci/pythons.sh; supported_pythons"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.split()

    assert [item["python"] for item in job["strategy"]["matrix"]["include"]] == supported
    assert any(step.get("run", "").startswith(".ci/run ") for step in job["steps"])
    assert {item["suites"] for item in job["strategy"]["matrix"]["include"]} == {"all", "quick"}


def test_ci_refuses_unknown_suites() -> None:
    refused = subprocess.run([ROOT / ".ci" / "run", "some"], capture_output=True, text=True, check=False)

    assert (refused.returncode, refused.stderr) == (2, "usage: .ci/run [all|quick]\n")
