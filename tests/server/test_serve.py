"""A real server: a process of its own, a real socket, and a client over the network of this machine."""

import asyncio
import json
import signal
import socket
import subprocess
import sys
from pathlib import Path

import httpx
import pytest
from typer.testing import CliRunner

from graphql_api.cli import command
from graphql_api.cli.worker import worker
from graphql_api.server.uvicorn_server import listen
from graphql_api.settings import Settings
from tests.conftest import clean
from tests.server.processes import answer, started

pytestmark = pytest.mark.slow


async def test_serve_prints_its_address_its_data_and_how_to_use_the_real_api() -> None:
    async with started("serve") as (base, lines, process):
        response = await answer(base)
        process.send_signal(signal.SIGTERM)
        _, errors = await process.communicate()

    assert response.json()["data"]["technicalCompetence"]["code"] == "CP-7"
    assert f"{base}/graphiql" in lines[0]
    assert "release 3.11 (current) and 3.10" in lines[1]
    assert "COMPETENT_UPSTREAM_URL" in lines[2]
    assert process.returncode in (0, -signal.SIGTERM)
    assert b"Traceback" not in errors


async def test_a_small_response_on_a_reused_connection_is_not_delayed() -> None:
    async def meet(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        no_delay = writer.get_extra_info("socket").getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
        writer.write(b"at once" if no_delay else b"when the client has acknowledged what was sent before")
        writer.close()

    listening = listen(Settings(port=0))
    async with await asyncio.start_server(meet, sock=listening):
        reader, writer = await asyncio.open_connection(*listening.getsockname())
        assert await reader.read() == b"at once"
        writer.close()


def test_gc_freezes_startup_objects_and_scans_few() -> None:
    script = (
        "import gc; from graphql_api.server.uvicorn_server import tune_gc; tune_gc(); "
        "print(gc.get_freeze_count(), gc.get_count()[0], *gc.get_threshold())"
    )
    output = subprocess.run([sys.executable, "-c", script], capture_output=True, check=True, text=True).stdout
    frozen, left, first, second, _ = map(int, output.split())

    assert frozen > 1000 > left
    assert first * (second + 2) <= 25_000  # the middle generation is inspected with what was added since


async def test_several_processes_serve_on_one_socket() -> None:
    async with started("serve", "--workers", "2") as (base, _, _):
        assert (await answer(base)).json()["data"]


async def test_a_server_over_a_sandbox_on_a_port_behaves_the_same() -> None:
    async with (
        started("sandbox", "--key", "k3y", "--plan", "100") as (sandbox, lines, _),
        started(
            "serve",
            COMPETENT_UPSTREAM_URL=f"{sandbox}/services/opendata/competent/v2",
            COMPETENT_API_KEY="k3y",
            COMPETENT_STORE="memory:",
        ) as (
            base,
            line,
            _,
        ),
    ):
        response = await answer(base)

        assert response.json()["data"]["technicalCompetence"]["skill"]["description"]["nl"].startswith(
            "Toezicht houden"
        )
        assert "releases/current" in lines[0]
        assert f"{sandbox}/services/opendata/competent/v2" in line[1]
        url = f"{sandbox}/services/opendata/competent/v2.1.0"
        arguments, environment = ["doctor", "--url", url, "--json"], {"COMPETENT_API_KEY": "k3y"}
        checked = await asyncio.to_thread(CliRunner().invoke, command, arguments, env=environment)
        report = json.loads(checked.stdout)
        assert (checked.exit_code, report["asked"], report["environment"]) == (0, url, "other")
        assert "holds" in {check["verdict"] for check in report["checks"] if check["id"] == "canaries"}


async def test_a_wrong_key_gets_an_error_without_the_key() -> None:
    async with (
        started("sandbox", "--key", "k3y") as (sandbox, _, _),
        started("serve", COMPETENT_UPSTREAM_URL=sandbox, COMPETENT_API_KEY="wr0ng", COMPETENT_STORE="memory:") as (
            base,
            _,
            process,
        ),
    ):
        response = await answer(base)
        process.terminate()
        out, errors = await process.communicate()

    assert response.json()["errors"][0]["extensions"]["code"] == "UPSTREAM_UNAUTHORIZED"
    assert "wr0ng" not in response.text
    assert b"wr0ng" not in out + errors


async def test_a_port_in_use_is_a_one_line_error_with_exit_code_2() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "graphql_api", "serve", "--port", str(port)),
            env=clean(),
            stderr=asyncio.subprocess.PIPE,
        )
        _, errors = await process.communicate()

    assert process.returncode == 2
    assert f"cannot listen on 127.0.0.1:{port}" in errors.decode()
    assert "Traceback" not in errors.decode()


async def test_a_mirror_stops_on_ctrl_c_and_resumes(tmp_path: Path) -> None:
    async with started("sandbox") as (sandbox, _, _), httpx.AsyncClient(base_url=sandbox) as client:
        environment = {
            "COMPETENT_UPSTREAM_URL": sandbox,
            "COMPETENT_CACHE_DIR": str(tmp_path),
            "COMPETENT_CRAWL_CONCURRENCY": "1",
        }
        await client.post(
            "/sandbox/faults", json={"match": "/releases/*/technicalcompetences/*", "kind": "slow", "seconds": 0.2}
        )
        process = await mirror(environment)
        while not list((tmp_path / "index").glob("*.part")):
            await asyncio.sleep(0)
        process.send_signal(signal.SIGINT)
        _, errors = await process.communicate()

        assert process.returncode == 130
        assert b"The next run resumes here" in errors
        assert b"Traceback" not in errors
        assert not list((tmp_path / "index").glob("*.sqlite"))

        await client.delete("/sandbox/faults")
        process = await mirror(environment)
        out, _ = await process.communicate()
        assert (process.returncode, out) == (0, b"Release 3.11 is stored.\n")


async def mirror(environment: dict[str, str]) -> asyncio.subprocess.Process:
    """`competent-graphql mirror` in a process of its own."""
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "graphql_api", "mirror"),
        env=clean(**environment),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        # Who starts the tests in the background of a shell has them, and all that they start, ignore Ctrl-C.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )


async def test_health_uses_no_proxy() -> None:
    proxies = {"http_proxy": "http://127.0.0.1:9", "ALL_PROXY": "http://127.0.0.1:9", "NO_PROXY": "", "no_proxy": ""}
    async with started("serve") as (base, _, process):
        port = {"COMPETENT_PORT": base.rpartition(":")[2]}
        for options, host in (([], "0.0.0.0"), (["--ready"], "127.0.0.1")):
            healthy = await asyncio.to_thread(health, *options, **proxies, **port, COMPETENT_HOST=host)
            assert (healthy.returncode, healthy.stderr) == (0, "")
        process.send_signal(signal.SIGTERM)
        await process.wait()

        healthy = await asyncio.to_thread(health, **port)
    assert healthy.returncode == 1
    assert "no response from 127.0.0.1" in healthy.stderr


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"COMPETENT_PROT": "1"}, "COMPETENT_PROT is not a setting"),
        ({"COMPETENT_HOST": "no.invalid"}, "no response from no"),
    ],
)
def test_health_exits_with_1_and_a_message_if_the_server_is_unreachable(settings: dict[str, str], says: str) -> None:
    process = health(**settings)

    assert process.returncode == 1  # Docker reserves 2
    assert says in process.stderr
    assert "Traceback" not in process.stderr


def health(*options: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """`competent-graphql health`."""
    command = [sys.executable, "-m", "graphql_api", "health", *options]
    return subprocess.run(command, env=clean(**environment), capture_output=True, text=True)


def test_a_worker_that_cannot_start_logs_one_line(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The file of keys may be gone when a process is restarted."""
    monkeypatch.setattr("graphql_api.cli.worker.begin_logging", lambda settings: None)
    monkeypatch.setenv("COMPETENT_UPSTREAM_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("COMPETENT_ACCESS", "keys")
    monkeypatch.setenv("COMPETENT_KEYS_FILE", "/no/such/keys.json")

    with pytest.raises(SystemExit) as stopped:
        worker()

    assert stopped.value.code == 2
    assert "this process cannot start: COMPETENT_ACCESS=keys requires a keys file" in caplog.text
