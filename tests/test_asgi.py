"""The app under a plain uvicorn, as `uvicorn graphql_api.asgi:app` starts it: a real process on a free port."""

import asyncio
import re
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest

from tests.conftest import CP_7, clean

FORMATS = """[loggers]
keys=root,server
[handlers]
keys=error
[formatters]
keys=process
[logger_root]
handlers=
[logger_server]
qualname=uvicorn.error
level=INFO
propagate=0
handlers=error
[handler_error]
class=StreamHandler
formatter=process
args=(sys.stderr,)
[formatter_process]
format=%(process)d %(message)s
"""
"""A server's own format of its lines that shows what our own lines do not need."""
QUERY = {"query": f'{{ technicalCompetence(uuid: "{CP_7}") {{ code }} }}'}


@asynccontextmanager
async def uvicorn(*arguments: str, **environment: str) -> AsyncIterator[asyncio.subprocess.Process]:
    """A plain uvicorn over the app, which is ended with the block."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "uvicorn", "graphql_api.asgi:app", "--port", "0", *arguments),
        env=clean(**environment),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.terminate()
        await process.communicate()


async def base_of(process: asyncio.subprocess.Process) -> str:
    """Where it listens; what it says before is left out."""
    assert process.stderr is not None
    lines = []
    while line := await process.stderr.readline():
        lines.append(line.decode())
        if match := re.search(r"http://127\.0\.0\.1:\d+", lines[-1]):
            return match[0]
    raise AssertionError(lines)


@pytest.mark.slow
async def test_the_app_runs_and_stops_under_plain_uvicorn(tmp_path: Path) -> None:
    config = tmp_path / "logging.ini"
    config.write_text(FORMATS)
    arguments = ("--log-config", str(config))
    async with uvicorn(*arguments, COMPETENT_LOG_FORMAT="json", COMPETENT_INDEX="off") as process:
        async with httpx.AsyncClient(base_url=await base_of(process), timeout=60) as client:
            response = await client.post("/graphql/", json=QUERY)
            page = await client.get("/graphiql")
            ready = await client.get("/health/ready")
        process.send_signal(signal.SIGTERM)
        _, errors = await process.communicate()

    assert response.json() == {"data": {"technicalCompetence": {"code": "CP-7"}}}
    assert (page.status_code, ready.json()["ready"]) == (200, True)
    assert b'"event":"operation"' in errors
    assert b"Traceback" not in errors
    assert b"Warning" not in errors


async def test_an_invalid_setting_under_uvicorn_is_a_one_line_error() -> None:
    async with uvicorn(COMPETENT_WORKERS="many") as process:
        _, errors = await process.communicate()

    assert process.returncode == 2
    assert errors.decode().startswith("competent-graphql: COMPETENT_WORKERS must be a whole number")
    assert b"Traceback" not in errors
