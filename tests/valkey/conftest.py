"""A real Valkey server (or Redis, which Debian packages) on a Unix socket in a temporary folder, controlled by the tests."""

import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import LONG

PROGRAM = shutil.which("valkey-server") or shutil.which("redis-server")


class Server:
    """One server process on a Unix socket, so that there are no port conflicts."""

    def __init__(self, folder: Path) -> None:
        self._socket = folder / "valkey.sock"
        self.url = f"unix://{self._socket}"
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start the server and wait until it listens."""
        assert PROGRAM
        options = ["--port", "0", "--unixsocket", str(self._socket), "--save", "", "--appendonly", "no"]
        self.process = subprocess.Popen(
            [PROGRAM, *options, "--dir", str(self._socket.parent)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        until = time.monotonic() + LONG
        while not self._listens():
            assert self.process.poll() is None, "the server ended"
            assert time.monotonic() < until, "the server does not listen"
            time.sleep(0.01)

    def _listens(self) -> bool:
        with socket.socket(socket.AF_UNIX) as client:  # the file exists slightly before the server listens
            return client.connect_ex(str(self._socket)) == 0

    def stop(self) -> None:
        """Kill the server, as a crash would; its data is lost."""
        if self.process is not None:
            self.process.kill()
            self.process.wait(10)
            self.process = None
        self._socket.unlink(missing_ok=True)


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Raise the timeouts, so that on a busy machine a running server does not count as unreachable."""
    monkeypatch.setattr("graphql_api.upstream.valkey.CONNECT_TIMEOUT", 30.0)
    monkeypatch.setattr("graphql_api.upstream.valkey.RESPONSE_TIMEOUT", 30.0)


@pytest.fixture
def valkey() -> Iterator[Server]:
    """An empty server."""
    if PROGRAM is None:
        pytest.skip("there is neither valkey-server nor redis-server (Debian: redis-server)")
    with tempfile.TemporaryDirectory(
        prefix="valkey-"
    ) as folder:  # short, because paths of sockets have at most 108 characters
        server = Server(Path(folder))
        server.start()
        yield server
        server.stop()
