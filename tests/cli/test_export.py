"""`competent-graphql export`: a complete file under its name, or none."""

import json
import os
import resource
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest

from graphql_api.settings import PREFIX
from tests.cli.test_cli import run

pytestmark = pytest.mark.slow


@pytest.fixture(autouse=True)
def _in_a_folder(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith(PREFIX)]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("COMPETENT_EMBEDDINGS", "off")
    monkeypatch.setenv("COMPETENT_CACHE_DIR", str(tmp_path_factory.getbasetemp() / "cache of exports"))
    monkeypatch.chdir(tmp_path)


def names(folder: Path) -> list[str]:
    return sorted(file.name for file in folder.iterdir())


def test_an_exported_file_can_be_served(tmp_path: Path) -> None:
    code, out, err = run("export", "--release", "3.10")
    file = tmp_path / "competent-3.10.ndjson"

    assert (code, out) == (0, "")
    assert err.splitlines()[-1].startswith("Release 3.10 is in competent-3.10.ndjson (")
    assert names(tmp_path) == [file.name]
    assert json.loads(file.read_text(encoding="utf-8").partition("\n")[0])["number"] == "3.10"
    assert file.stat().st_mode & 0o600 == 0o600
    assert json.loads(run("ask", "--data", file.name, "{ release { number } }")[1])["data"] == {
        "release": {"number": "3.10"}
    }


@pytest.mark.slow
def test_csv_is_a_zip_archive(tmp_path: Path) -> None:
    assert run("export", "--format", "csv", "--bom")[0] == 0
    with zipfile.ZipFile(tmp_path / "competent-3.11.csv.zip") as archive:
        assert archive.read("skills.csv").startswith(b"\xef\xbb\xbfid,code,")


@pytest.mark.slow
@pytest.mark.parametrize(("format", "suffix"), [("turtle", "ttl"), ("json-ld", "jsonld")])
def test_linked_data_has_ids_below_the_public_url(
    format: str, suffix: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COMPETENT_PUBLIC_URL", "https://example.org/competent/")
    assert run("export", "--format", format)[0] == 0
    assert "https://example.org/competent/id/" in (tmp_path / f"competent-3.11.{suffix}").read_text(encoding="utf-8")


def test_an_existing_file_is_replaced_only_at_the_end(tmp_path: Path) -> None:
    file = tmp_path / "copy.ndjson"
    file.write_text("old")
    assert run("export", "--output", str(file))[0] == 0
    assert file.read_bytes().startswith(b'{"type":"Release"')


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--release", "9.9"], "Release not found"),
        (["--bom"], "--bom is for --format csv"),
        (["--format", "turtle"], "--format turtle needs COMPETENT_PUBLIC_URL"),
        (["--format", "json-ld"], "--format json-ld needs COMPETENT_PUBLIC_URL"),
        (["--output", "/no/such/folder/x"], "cannot write /no/such/folder/x: No such file or directory"),
    ],
)
def test_an_impossible_export_is_a_one_line_error(arguments: list[str], says: str, tmp_path: Path) -> None:
    code, _, err = run("export", *arguments)

    assert code == 2
    assert says in err
    assert names(tmp_path) == []


FORMATS = {"ndjson": "ndjson", "csv": "csv.zip", "turtle": "ttl", "json-ld": "jsonld"}


@pytest.mark.slow
@pytest.mark.parametrize("format", FORMATS)
def test_an_export_that_fills_the_disk_leaves_no_file(format: str, tmp_path: Path) -> None:
    """The system refuses to write more than some bytes to a file, as a full disk does, in the middle of the export."""
    assert run("export", "--output", "first")[0] == 0  # so that the index is there, which is larger
    file = tmp_path / f"competent-3.11.{FORMATS[format]}"
    file.write_text("old")
    process = subprocess.run(
        [sys.executable, "-m", "graphql_api", "export", "--format", format],
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (60_000, 60_000)),
        env=os.environ | {"COMPETENT_PUBLIC_URL": "https://example.org"},
        capture_output=True,
        text=True,
    )

    assert process.returncode == 2
    assert f"cannot write {file.name}: File too large" in process.stderr
    assert "Traceback" not in process.stderr
    assert names(tmp_path) == sorted([file.name, "first"])
    assert file.read_text() == "old"


@pytest.mark.parametrize(
    ("error", "code"),
    [(OSError(28, "No space left on device"), 2), (KeyboardInterrupt(), 130)],
    ids=["full", "stopped"],
)
def test_a_failed_export_leaves_no_file(
    error: BaseException, code: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "competent-3.11.ndjson"
    file.write_text("old")

    async def failing(*_: Any, **__: Any) -> Any:
        yield b"some bytes"
        raise error

    monkeypatch.setattr("graphql_api.export.export", failing)
    result, _, err = run("export")

    assert result == code
    assert "Traceback" not in err
    assert names(tmp_path) == [file.name]
    assert file.read_text() == "old"
    if code == 2:
        assert "cannot write competent-3.11.ndjson: No space left on device" in err


def test_an_incomplete_release_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("graphql_api.index.index.failed", lambda _: [("/x", "UPSTREAM_TIMEOUT")])
    code, _, err = run("export")

    assert code == 2
    assert "Documents of release 3.11 are still missing (1)" in err
    assert names(tmp_path) == []
