"""Real server processes, and a client over the loopback network."""

import asyncio
import re
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx

from tests.conftest import CP_7, clean

QUERY = {"query": f'{{ technicalCompetence(uuid: "{CP_7}") {{ code skill {{ description {{ nl }} }} }} }}'}


@asynccontextmanager
async def started(
    *arguments: str, **environment: str
) -> AsyncIterator[tuple[str, list[str], asyncio.subprocess.Process]]:
    """Start a command; yields its base URL, the three lines that it prints, and the process."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "graphql_api", *arguments, "--port", "0"),
        env=clean(**environment),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    try:
        lines = [
            (await process.stdout.readline()).decode().strip() for _ in range(2 if arguments[0] == "sandbox" else 3)
        ]
        match = re.search(r"http://[^/ ]+", lines[0])
        assert match, (lines, await process.communicate())
        yield match[0], lines, process
    finally:
        if process.returncode is None:
            process.terminate()
        await process.communicate()


async def answer(base: str) -> httpx.Response:
    """The response to a query, as soon as the server accepts connections."""
    async with httpx.AsyncClient(transport=httpx.AsyncHTTPTransport(retries=8), timeout=60) as client:
        return await client.post(f"{base}/graphql", json=QUERY)
