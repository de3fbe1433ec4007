"""Server processes for benchmarks over real sockets, each ended when its context exits.

They do not inherit COMPETENT_… variables.
"""

import asyncio
import contextlib
import os
import re
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parent.parent
TIMEOUT = 60.0
"""Timeout in seconds for the start of a process."""


class Serving(NamedTuple):
    """A running server."""

    process: asyncio.subprocess.Process
    port: int

    @property
    def url(self) -> str:
        """The base URL."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def megabytes(self) -> float:
        """The current resident memory of the server, in MB."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(status.partition("VmRSS:")[2].split()[0]) / 1024


def clean(**more: str) -> dict[str, str]:
    """The environment without COMPETENT_… variables, plus these variables."""
    return {name: value for name, value in os.environ.items() if not name.startswith("COMPETENT_")} | more


@asynccontextmanager
async def running(*command: str, **environment: str) -> AsyncIterator[asyncio.subprocess.Process]:
    """Run a Python program with readable standard output."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, *command),
        cwd=ROOT,
        env=clean(**environment),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
        await process.communicate()


@asynccontextmanager
async def serving(**settings: str) -> AsyncIterator[Serving]:
    """Run the server with these settings, by default over the sandbox; yields it once it listens."""
    async with running("-m", "graphql_api", "serve", "--port", "0", **settings) as process:
        assert process.stdout is not None
        async with asyncio.timeout(TIMEOUT):
            line = await process.stdout.readline()
        match = re.search(rb":(\d+)/graphiql", line)
        if match is None:
            raise SystemExit(f"the server did not start: {line.decode()}")
        yield Serving(process, int(match[1]))


def free_port() -> int:
    """A port that was free just now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
