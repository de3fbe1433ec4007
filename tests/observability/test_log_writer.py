"""The log writer: no caller waits for it, and lines that it cannot write are dropped, counted and reported."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event
from typing import IO

import httpx
import pytest

from graphql_api.observability import log_writer
from graphql_api.observability.log_writer import CHUNK_BYTES, LogWriter, on_dropped_lines
from tests.conftest import clean

pytestmark = pytest.mark.slow

FULL = Path("/dev/full")
LONG = 60
"""Seconds that no test waits unless something is wrong."""


class Stream:
    """A stream that accepts bytes once it is open, up to its capacity."""

    def __init__(self, *, is_open: bool = True) -> None:
        self.open = Event()
        self.started = Event()
        self.chunks: list[bytes] = []
        self.room = 10**9
        self.takes = 10**9
        """Bytes per write."""
        self.refusals = 0
        """Times that it takes nothing for the moment."""
        if is_open:
            self.open.set()

    def write(self, data: bytes) -> int | None:
        self.started.set()
        assert self.open.wait(LONG)
        if self.refusals:
            self.refusals -= 1
            return None
        if self.room <= 0:
            raise OSError(28, "No space left on device")
        taken = data[: min(self.room, self.takes)]
        self.room -= len(taken)
        self.chunks.append(taken)
        return len(taken)

    def lines(self) -> list[bytes]:
        return b"".join(self.chunks).split(b"\n")[:-1]


def notice(lines: int) -> bytes:
    return b"%d dropped\n" % lines


def test_lines_are_written_in_order_and_batched() -> None:
    stream = Stream(is_open=False)
    writer = LogWriter(stream, notice)
    writer.put(b"first\n")
    assert stream.started.wait(LONG)
    for item in range(1000):
        writer.put(b"%d\n" % item)
    stream.open.set()

    assert writer.flush(LONG)
    assert stream.lines() == [b"first", *(b"%d" % number for number in range(1000))]
    assert len(stream.chunks) < 20


def test_a_write_of_several_lines_fits_an_atomic_pipe_write() -> None:
    stream = Stream(is_open=False)
    writer = LogWriter(stream, notice)
    lines = [b"x" * length + b"\n" for length in (10, 3000, 3000, 9000, 5, 5)]
    for line in lines:
        writer.put(line)
    stream.open.set()

    assert writer.flush(LONG)
    assert b"".join(stream.chunks) == b"".join(lines)
    assert all(len(item) <= CHUNK_BYTES or item in lines for item in stream.chunks)
    assert all(item.endswith(b"\n") for item in stream.chunks)


def test_a_full_queue_drops_lines_and_reports_how_many() -> None:
    stream = Stream(is_open=False)
    writer = LogWriter(stream, notice, capacity=60)
    writer.put(b"begin....\n")
    assert stream.started.wait(LONG)  # and it is being written, which never ends
    for item in range(9):
        writer.put(b"line....%d\n" % item)
    assert writer.dropped == 4
    assert not writer.flush(0)
    stream.open.set()

    assert writer.flush(LONG)
    writer.put(b"after\n")
    assert writer.flush(LONG)
    assert stream.lines() == [
        b"begin....",
        *(b"line....%d" % number for number in range(5)),
        b"4 dropped",
        b"after",
    ]
    assert writer.dropped == 4


def test_an_observer_gets_lines_dropped_before_and_after_it_was_added(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log_writer, "_writers", [])
    monkeypatch.setattr(log_writer, "_observers", [])
    numbers: list[int] = []
    writer = LogWriter(Stream(), notice, capacity=0)
    writer.put(b"one\n")
    writer.put(b"two\n")

    on_dropped_lines(numbers.append)
    writer.put(b"three\n")
    assert numbers == [2, 1]
    assert writer.flush(LONG)


def test_a_full_disk_drops_whole_lines_and_counts_them() -> None:
    stream = Stream()
    writer = LogWriter(stream, notice)
    stream.room = 3
    for item in (b"torn\n", b"lost\n", b"lost\n"):
        writer.put(item)
        assert writer.flush(LONG)
    assert writer.dropped == 3
    stream.room = 1000
    writer.put(b"again\n")

    assert writer.flush(LONG)
    assert stream.lines() == [b"tor", b"3 dropped", b"again"]
    assert writer.dropped == 3


def test_lines_that_were_written_before_a_disk_was_full_are_not_counted() -> None:
    stream = Stream(is_open=False)
    stream.room, stream.takes = 10, 4
    writer = LogWriter(stream, notice)
    writer.put(b"a\n")
    assert stream.started.wait(LONG)
    for item in (b"bbb\n", b"ccc\n", b"ddd\n"):
        writer.put(item)
    stream.open.set()

    assert writer.flush(LONG)
    assert writer.dropped == 1
    assert stream.lines() == [b"a", b"bbb", b"ccc"]


def test_a_closed_pipe_raises_and_logs_nothing() -> None:
    read, write = os.pipe()
    os.close(read)
    with os.fdopen(write, "wb", buffering=0) as raw:
        writer = LogWriter(raw, notice)
        for _ in range(5):
            writer.put(b"line\n")
            assert writer.flush(LONG)
    writer.put(b"closed here too\n")
    assert writer.flush(LONG)
    assert writer.dropped == 6


def test_a_blocked_stream_is_retried() -> None:
    stream = Stream()
    stream.refusals, stream.takes = 2, 3
    writer = LogWriter(stream, notice)
    writer.put(b"in parts\n")

    assert writer.flush(LONG)
    assert stream.lines() == [b"in parts"]


FORKED = """
import os, sys
from graphql_api.observability.log_writer import LogWriter

class Raw:
    def write(self, data):
        return os.write(1, data)

writer = LogWriter(Raw(), lambda lines: b"")
writer.put(b"parent before\\n")
writer.flush(60)
if os.fork() == 0:
    writer.put(b"child\\n")
    writer.flush(60)
    os._exit(0)
os.wait()
writer.put(b"parent after\\n")
writer.flush(60)
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_a_forked_process_writes_in_its_own_thread() -> None:
    process = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", FORKED], capture_output=True, timeout=LONG, check=True
    )

    assert process.stdout.splitlines() == [b"parent before", b"child", b"parent after"]


@contextmanager
def server_process(
    *options: str, stdout: int | IO[bytes], stderr: int | IO[bytes]
) -> Iterator[subprocess.Popen[bytes]]:
    """A server, killed if it does not end by itself."""
    command = [sys.executable, "-m", "graphql_api", "serve", "--port", "0", *options]
    environment = clean(COMPETENT_LOG="debug", COMPETENT_DRAIN="0")
    with subprocess.Popen(command, env=environment, stdout=stdout, stderr=stderr) as process:
        try:
            yield process
        finally:
            process.kill()


def client_of(process: subprocess.Popen[bytes]) -> httpx.Client:
    """A client of a server that is starting."""
    assert process.stdout is not None
    match = re.search(r"http://[^/ ]+", process.stdout.readline().decode())
    assert match
    return httpx.Client(base_url=match[0], timeout=LONG, transport=httpx.HTTPTransport(retries=8))


@pytest.mark.skipif(sys.platform != "linux", reason="pipes can be made small on Linux")
@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_server_with_a_blocked_log_responds_and_stops(workers: str) -> None:
    import fcntl

    with server_process("--workers", workers, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stderr is not None
        fcntl.fcntl(process.stderr, fcntl.F_SETPIPE_SZ, 4096)
        with client_of(process) as client:
            answers = [client.post("/graphql", json={"query": "{ __typename }"}) for _ in range(100)]
            alive = client.get("/health/live")
        process.terminate()
        assert process.wait(LONG) == 0
        read = process.stderr.read()

    assert {response.status_code for response in answers} == {200}
    assert alive.status_code == 200
    assert len(read) <= 2 * 4096


@pytest.mark.skipif(not FULL.exists(), reason="this system has no /dev/full")
def test_a_server_without_a_writable_log_serves() -> None:
    with FULL.open("wb") as full, server_process(stdout=subprocess.PIPE, stderr=full) as process:
        with client_of(process) as client:
            assert client.get("/health/live").status_code == 200
        process.terminate()
        assert process.wait(LONG) == 0


@pytest.mark.skipif(not FULL.exists(), reason="this system has no /dev/full")
def test_a_server_without_writable_output_serves() -> None:
    with FULL.open("wb") as full, server_process(stdout=full, stderr=subprocess.PIPE) as process:
        assert process.stderr is not None
        events = []
        while "server started" not in events:
            events.append(json.loads(process.stderr.readline())["event"])
        process.terminate()
        events += [json.loads(line)["event"] for line in process.stderr]
        assert process.wait(LONG) == 0

    assert events.index("server started") < events.index("server stopping") < events.index("server stopped")
