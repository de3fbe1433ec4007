"""The script of docs/stay-in-sync.md, run as a partner runs it: a full copy, nothing new, a new release, an old release that is gone."""

import asyncio
import json
import re
import shutil
import sys
from pathlib import Path

import pytest

from tests.server.processes import started

pytestmark = [pytest.mark.slow, pytest.mark.skipif(shutil.which("curl") is None, reason="curl is missing")]

PAGE = (Path(__file__).parents[2] / "docs" / "stay-in-sync.md").read_text(encoding="utf-8")


@pytest.fixture
def script(tmp_path: Path) -> Path:
    (text,) = re.findall(r"```py stay-in-sync\n(.*?)```", PAGE, re.DOTALL)
    (tmp_path / "stay_in_sync.py").write_text(text, encoding="utf-8")
    return tmp_path / "stay_in_sync.py"


async def run(script: Path, base: str, folder: Path) -> tuple[int | None, str, str]:
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(sys.executable, script, base, folder, stdout=pipe, stderr=pipe)
    out, err = await process.communicate()
    return process.returncode, out.decode(), err.decode()


async def cron(script: Path, base: str, folder: Path) -> str:
    """Run the line for cron, with the address and folders of this test; returns what it prints."""
    (line,) = re.findall(r"```text crontab\n[\d,* ]+ (cd .*)\n```", PAGE)
    for path, other in {
        "https://competent.example.org": base,
        "/var/lib/competent": str(folder),
        "/opt/competent/stay_in_sync.py": str(script),
        "python3": sys.executable,
    }.items():
        line = line.replace(path, other)
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec("/bin/sh", "-c", line, stdout=pipe, stderr=asyncio.subprocess.STDOUT)
    out, _ = await process.communicate()
    return out.decode()


def names(folder: Path) -> list[str]:
    return sorted(file.name for file in folder.iterdir())


async def test_the_script_copies_each_release_once_and_prints_what_changed(script: Path, tmp_path: Path) -> None:
    first, later, gone, daily = (tmp_path / name for name in ("first", "later", "gone", "daily"))
    for folder in (first, later, gone, daily):
        folder.mkdir()
    async with started("serve") as (base, _, process):
        copied = await run(script, base, first)
        unchanged = await run(script, base, first)
        (later / "3.10.ndjson").touch()
        changed = await run(script, base, later)
        (gone / "2.1.ndjson").touch()
        lost = await run(script, base, gone)
        failed = await cron(tmp_path / "missing.py", base, daily)
        seen_after_failure = (daily / "seen").exists()
        printed = await cron(script, base, daily)
        (daily / "3.11.ndjson").unlink()
        nothing_new = await cron(script, base, daily)
        process.terminate()
        await process.communicate()

    assert copied == unchanged == (0, "", "")
    assert json.loads((first / "3.11.ndjson").read_text(encoding="utf-8").partition("\n")[0])["number"] == "3.11"
    assert names(first) == ["3.11.ndjson"]

    rows = [line.split("\t") for line in changed[1].splitlines()]
    assert (changed[0], changed[2]) == (0, "")
    assert {row[0] for row in rows} == {"ADDED", "REMOVED", "CHANGED"}
    assert all(len(row) == 5 and (row[3] == "None") == (row[0] == "ADDED") for row in rows)
    assert (later / "3.11.ndjson").read_bytes() == (first / "3.11.ndjson").read_bytes()

    assert lost[:2] == (0, "")
    assert lost[2].startswith("No changes since 2.1: Release not found.")
    assert names(gone) == ["2.1.ndjson", "3.11.ndjson"]

    assert "missing.py" in failed
    assert not seen_after_failure
    assert (printed, nothing_new) == ("", "")
    assert names(daily) == ["changes.tsv", "new", "releases.atom", "seen"]  # nothing was copied again
