"""Processes that benchmarks ask over real sockets: our server, and whatever stands before it. Each is ended with its `with`.

None of them sees a setting of whoever runs the benchmark.
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
PATIENCE = 60.0
"""Seconds in which a process must be there."""


class Serving(NamedTuple):
    """A server that runs."""

    process: asyncio.subprocess.Process
    port: int

    @property
    def url(self) -> str:
        """Its base."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def megabytes(self) -> float:
        """The memory that it takes now."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(status.partition("VmRSS:")[2].split()[0]) / 1024


def clean(**more: str) -> dict[str, str]:
    """The environment without settings that somebody left in it, and with these."""
    return {name: value for name, value in os.environ.items() if not name.startswith("COMPETENT_")} | more


@asynccontextmanager
async def running(*command: str, **environment: str) -> AsyncIterator[asyncio.subprocess.Process]:
    """A Python program of ours; its standard output can be read."""
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
    """Our server with these settings, over the sandbox where they name no upstream; it listens when it is given."""
    async with running("-m", "graphql_api", "serve", "--port", "0", **settings) as process:
        assert process.stdout is not None
        async with asyncio.timeout(PATIENCE):
            line = await process.stdout.readline()
        found = re.search(rb":(\d+)/graphiql", line)
        if found is None:
            raise SystemExit(f"the server did not start: {line.decode()}")
        yield Serving(process, int(found[1]))


def free_port() -> int:
    """A port that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
