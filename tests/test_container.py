"""What the image promises, tried without an image: the first process of its own, on a file system that cannot be written.

In namespaces of Linux; where this user may not make them, there is nothing to try.
"""

import asyncio
import json
import os
import re
import shlex
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest

from tests.conftest import clean

ROOT = Path(__file__).parent.parent
APART = ("unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc")
READ_ONLY = """
mount --make-rprivate / && mount --bind / / && mount -o remount,bind,ro /
for each in /tmp /dev/shm /run /var/tmp; do mountpoint -q "$each" && mount -t tmpfs -o ro tmpfs "$each"; done
if [ -n "$WRITABLE" ]; then mount -t tmpfs tmpfs "$WRITABLE"; fi
cd / && touch /tmp/x 2>/dev/null && echo "it can be written" >&2 && exit 1
exec "$@"
"""


def may_be_apart() -> bool:
    try:
        return subprocess.run([*APART, "mount", "--make-rprivate", "/"], capture_output=True).returncode == 0
    except OSError:
        return False


pytestmark = [pytest.mark.soak, pytest.mark.skipif(not may_be_apart(), reason="namespaces cannot be made here")]


@asynccontextmanager
async def container_process(
    writable: str, **settings: str
) -> AsyncIterator[tuple[int, int, asyncio.subprocess.Process]]:
    """A server as the first process of a container: its port, its id out here, and the process that waits for it."""
    process = await asyncio.create_subprocess_exec(
        *(*APART, "sh", "-c", READ_ONLY, "sh", sys.executable, "-m", "graphql_api", "serve", "--port", "0"),
        env=clean(PYTHONDONTWRITEBYTECODE="1", HOME="/nowhere", WRITABLE=writable, **settings),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    try:
        match = re.search(rb":(\d+)/graphiql", await process.stdout.readline())
        assert match, await process.communicate()
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
        yield int(match[1]), int(children[0]), process
    finally:
        if process.returncode is None:
            process.kill()
            await process.communicate()


async def total(port: int) -> int | str:
    """The number of search results, which needs an index, or the error code."""
    async with httpx.AsyncClient(timeout=30) as client:
        query = {"query": "{ skills(first: 1) { totalCount } }"}
        response = (await client.post(f"http://127.0.0.1:{port}/graphql", json=query)).json()
    result: int | str = (
        response["errors"][0]["extensions"]["code"]
        if "errors" in response
        else response["data"]["skills"]["totalCount"]
    )
    return result


async def test_with_one_writable_folder_it_serves_and_stops(
    tmp_path: Path,
) -> None:
    check = re.search(r"HEALTHCHECK.* CMD (\[.*\])", (ROOT / "Dockerfile").read_text(encoding="utf-8"))
    assert check is not None
    program, *arguments = json.loads(check[1])
    assert program == "competent-graphql"

    async with container_process(str(tmp_path), COMPETENT_CACHE_DIR=str(tmp_path)) as (port, pid, process):
        assert await total(port)
        healthy = [sys.executable, "-m", "graphql_api", *arguments]
        output = await asyncio.to_thread(subprocess.run, healthy, env={"COMPETENT_PORT": str(port)}, cwd=ROOT)
        assert output.returncode == 0, shlex.join(healthy)
        assert re.search(r"^NSpid:.*\t1$", Path(f"/proc/{pid}/status").read_text(), re.MULTILINE)

        os.kill(pid, signal.SIGTERM)
        assert await process.wait() == 0


async def test_without_a_writable_folder_it_serves_without_an_index(tmp_path: Path) -> None:
    async with container_process("", COMPETENT_CACHE_DIR=str(tmp_path)) as (port, pid, process):
        assert await total(port) == "NOT_INDEXED_YET"

        os.kill(pid, signal.SIGTERM)
        _, errors = await process.communicate()
    assert b"indexing is disabled, because no cache folder is writable" in errors
    assert process.returncode == 0
