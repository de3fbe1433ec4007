"""`make check-breaking`: a client of the last release must not break, and without a release nothing is claimed."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.skipif(shutil.which("git") is None, reason="needs git")

ROOT = Path(__file__).parent.parent
SDL = (ROOT / "schema.graphql").read_text(encoding="utf-8")
IDENTITY = ("-c", "user.name=x", "-c", "user.email=x@example.org", "-c", "commit.gpgsign=false")


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A repository of its own with one commit, which has no schema."""
    git(tmp_path, "init", "-q")
    git(tmp_path, "commit", "-q", "--allow-empty", "-m", "Begin")
    return tmp_path


def git(repository: Path, *arguments: str) -> None:
    subprocess.run(["git", "-C", str(repository), *IDENTITY, *arguments], check=True, env=quiet_environment())


def quiet_environment() -> dict[str, str]:
    """An environment in which git and make know of no other repository and no other run."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("GIT_", "MAKE", "MFLAGS"))}
    return environment | {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull}


def release(repository: Path, tag: str, sdl: str) -> None:
    (repository / "schema.graphql").write_text(sdl, encoding="utf-8")
    git(repository, "add", "schema.graphql")
    git(repository, "commit", "-q", "-m", tag)
    git(repository, "tag", tag)


def check(repository: Path) -> subprocess.CompletedProcess[str]:
    venv = sys.prefix
    command = ["make", "-s", "-f", str(ROOT / "Makefile"), f"VENV={venv}", "-o", f"{venv}/.dev", "check-breaking"]
    return subprocess.run(command, cwd=repository, env=quiet_environment(), capture_output=True, text=True, check=False)


def test_without_a_release_it_reports_a_missing_release(repository: Path) -> None:
    result = check(repository)

    assert (result.returncode, result.stdout) == (0, "No release yet: no older schema to compare with.\n")


def test_outside_a_repository_it_reports_a_missing_release(tmp_path: Path) -> None:
    assert check(tmp_path).returncode == 0


def test_a_clone_without_tags_reports_that_it_cannot_compare(
    repository: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    release(repository, "v1.0.0", SDL)
    git(repository, "commit", "-q", "--allow-empty", "-m", "Later")
    clone = tmp_path_factory.mktemp("clone")
    git(clone, "clone", "-q", "--depth", "1", "--no-tags", f"file://{repository}", ".")

    result = check(clone)
    assert result.returncode == 0
    assert result.stdout.startswith("Not compared with the last release")


@pytest.mark.slow
def test_a_schema_is_compared_with_the_last_release_only(repository: Path) -> None:
    release(repository, "v1.9.0", SDL + "\ntype GoneLongAgo { id: ID }\n")
    release(repository, "v1.10.0", SDL)

    result = check(repository)
    assert (result.returncode, result.stdout) == (0, "")


@pytest.mark.slow
def test_a_field_removed_since_the_last_release_fails(repository: Path) -> None:
    release(repository, "v1.0.0", SDL.replace("type Query {", "type Query {\n  gone: String\n", 1))

    result = check(repository)
    assert result.returncode != 0
    assert result.stdout == "breaking: Field Query.gone was removed.\n"
