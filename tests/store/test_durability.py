"""The SQLite store and a process that is killed in the middle of writing to it."""

import os
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path
from random import Random

import pytest

from graphql_api.store.sqlite import SqliteFile
from tests.store.fakes import profile
from tests.store.writer import BYTES, PATHS, is_whole

ROOT = Path(__file__).parent.parent.parent
ROUNDS = 50


class Writer:
    """A process that writes on command; started beforehand, since starting takes longer than writing."""

    def __init__(self, file: Path, seed: int) -> None:
        command = [sys.executable, "-m", "tests.store.writer", str(file), str(seed)]
        self.process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def write_for(self, seconds: float) -> None:
        """Let it write, and kill it."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(b"\n")
        self.process.stdin.flush()
        assert self.process.stdout.readline() == b"writing\n"
        time.sleep(seconds)
        self.kill()

    def kill(self) -> None:
        """As `kill -9` does, by its own id."""
        os.kill(self.process.pid, signal.SIGKILL)
        with self.process:
            assert self.process.wait(10) == -signal.SIGKILL


@pytest.mark.soak
async def test_a_store_stays_intact_when_its_writer_is_killed_repeatedly(
    tmp_path: Path,
) -> None:
    file, random = tmp_path / "documents.sqlite", Random(20260625)
    following, killed_while_writing = Writer(file, 0), 0
    try:
        for number in range(1, ROUNDS + 1):
            writer, following = following, Writer(file, number)
            writer.write_for(random.uniform(0.0, 0.08))
            killed_while_writing += (tmp_path / "documents.sqlite-wal").exists()

            store = SqliteFile(file, "api")
            documents = await store.get_many(map(profile, range(PATHS)))
            await store.aclose()
            assert all(
                is_whole(number, documents[profile(number)]) for number in range(PATHS) if profile(number) in documents
            )
    finally:
        following.kill()

    assert len(documents) > 50
    assert killed_while_writing > ROUNDS / 2
    assert [file.name for file in tmp_path.iterdir()] == ["documents.sqlite"]  # never set aside as damaged
    assert file.stat().st_size < 2 * BYTES
    with closing(sqlite3.connect(file)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
