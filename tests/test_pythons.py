"""`.ci/pythons.sh`: which Pythons CI tests on."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent

pytestmark = pytest.mark.skipif(shutil.which("bash") is None, reason="needs bash")


def run(command: str, home: Path, path: str = "") -> subprocess.CompletedProcess[str]:
    environment = {"HOME": str(home), "PYENV_ROOT": str(home / "pyenv"), "PATH": f"{path}{os.pathsep}/usr/bin:/bin"}
    script = f"set -euo pipefail; source .ci/pythons.sh; {command}"
    return subprocess.run(
        ["bash", "-c", script], cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )


def write_python(file: Path, version: str, status: int = 0) -> Path:
    """A program that tells this version, as `python -c` is asked for it."""
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(f"#!/bin/sh\necho {version}\nexit {status}\n")
    file.chmod(0o755)
    return file


def test_supported_pythons_equal_the_classifiers(tmp_path: Path) -> None:
    assert run("supported_pythons", tmp_path).stdout.split() == ["3.11", "3.12", "3.13", "3.14"]


def test_a_missing_python_is_reported_without_a_script_error(tmp_path: Path) -> None:
    result = run("if find_python 3.99; then echo found; else echo missing; fi", tmp_path)

    assert (result.returncode, result.stdout) == (0, "missing\n")


def test_the_newest_pyenv_python_is_used_if_its_shim_is_broken(tmp_path: Path) -> None:
    write_python(tmp_path / "shims" / "python3.99", "", 127)
    write_python(tmp_path / "pyenv/versions/3.99.9/bin/python3.99", "3.99")
    write_python(tmp_path / "pyenv/versions/3.99.11t/bin/python3.99", "3.99")  # free-threaded: another ABI
    newest = write_python(tmp_path / "pyenv/versions/3.99.10/bin/python3.99", "3.99")

    assert run("find_python 3.99", tmp_path, str(tmp_path / "shims")).stdout.strip() == str(newest)


def test_a_python_on_path_is_preferred(tmp_path: Path) -> None:
    first = write_python(tmp_path / "bin" / "python3.99", "3.99")
    write_python(tmp_path / "pyenv/versions/3.99.10/bin/python3.99", "3.99")

    assert run("find_python 3.99", tmp_path, str(tmp_path / "bin")).stdout.strip() == str(first)
