"""The nginx configuration of docs/reverse-proxy.md: well-formed, and run if nginx is installed."""

import asyncio
import json
import re
import shutil
import socket
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest
from websockets.asyncio.client import connect

from tests.server.processes import QUERY, answer, started

pytestmark = pytest.mark.slow

PAGE = (Path(__file__).parents[2] / "docs" / "reverse-proxy.md").read_text(encoding="utf-8")
(BLOCK,) = re.findall(r"```nginx\n(.*?)```", PAGE, re.DOTALL)
needs_nginx = pytest.mark.skipif(
    not (shutil.which("nginx") and shutil.which("openssl")), reason="nginx and openssl are not installed"
)
ANSWER = {
    "technicalCompetence": {
        "code": "CP-7",
        "skill": {"description": {"nl": "Toezicht houden op de aanwerving van personeel"}},
    }
}


def directives(block: str) -> list[str]:
    """Its directives, without comments; AssertionError where one does not end, or a brace is not closed."""
    text, depth, result = re.sub(r"#.*", "", block), 0, []
    for line in filter(None, map(str.strip, text.splitlines())):
        assert line == "}" or line[-1] in "{;", line
        depth += {"{": 1, "}": -1}.get(line[-1], 0)
        assert depth >= 0, line
        result.append(line)
    assert depth == 0
    return result


def test_the_nginx_block_forwards_the_required_headers() -> None:
    results = [re.sub(r"\s+", " ", directive) for directive in directives(BLOCK)]

    for item in (
        "proxy_http_version 1.1;",
        "proxy_set_header Host $host;",
        "proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;",
        "proxy_set_header X-Forwarded-Proto $scheme;",
        "proxy_set_header Upgrade $http_upgrade;",
        "proxy_set_header Connection $competent_connection;",
        "absolute_redirect off;",
    ):
        assert item in results


def nginx_configuration(folder: Path, upstream: str, port: int) -> Path:
    """A complete nginx configuration around the block, with the addresses of this test."""
    block = BLOCK
    for text, here in (
        ("127.0.0.1:8000", upstream),
        ("listen 443 ssl", f"listen 127.0.0.1:{port} ssl"),
        ("server_name graphql.example.org", "server_name localhost"),
        ("/etc/nginx/graphql.example.org", str(folder / "certificate")),
    ):
        assert text in block
        block = block.replace(text, here)
    paths = "".join(
        f"{item}_temp_path {folder / item};" for item in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    file = folder / "nginx.conf"
    file.write_text(
        f"daemon off; master_process off; pid {folder / 'pid'}; error_log stderr; events {{}}\n"
        f"http {{ access_log off; {paths}\n{block}\n}}\n"
    )
    return file


async def run(*command: str | Path) -> None:
    process = await asyncio.create_subprocess_exec(*command, stderr=asyncio.subprocess.PIPE)
    _, errors = await process.communicate()
    assert process.returncode == 0, errors.decode()


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port: int = taken.getsockname()[1]
        return port


@asynccontextmanager
async def nginx_address(folder: Path, upstream: str) -> AsyncIterator[str]:
    """nginx in front of a server, with a self-signed certificate: its host and port."""
    key, certificate = folder / "certificate.key", folder / "certificate.pem"
    await run(
        *("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", "-subj", "/CN=localhost"),
        *("-addext", "subjectAltName=DNS:localhost", "-keyout", key, "-out", certificate),
    )
    port = free_port()
    file = nginx_configuration(folder, upstream, port)
    await run("nginx", "-t", "-p", folder, "-e", "stderr", "-c", file)
    nginx = await asyncio.create_subprocess_exec(
        *("nginx", "-p", folder, "-e", "stderr", "-c", file), stderr=asyncio.subprocess.DEVNULL
    )
    try:
        yield f"localhost:{port}"
    finally:
        nginx.terminate()
        await nginx.wait()


def tls_context(folder: Path) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=str(folder / "certificate.pem"))


@needs_nginx
async def test_pages_and_operations_work_over_tls_below_the_prefix(tmp_path: Path) -> None:
    async with started("serve") as (base, _, _), nginx_address(tmp_path, base.removeprefix("http://")) as host:
        await answer(base)
        retrying = httpx.AsyncHTTPTransport(verify=tls_context(tmp_path), retries=8)
        async with httpx.AsyncClient(transport=retrying, base_url=f"https://{host}", timeout=60) as client:
            for path in ("graphql", "graphql/"):
                response = await client.post(f"/competent/{path}", json=QUERY)
                assert (response.status_code, response.json()) == (200, {"data": ANSWER})
            first = await client.get("/competent", follow_redirects=True)
            assert str(first.url) == f"https://{host}/competent/"
            for page in ("", "graphiql", "graphiql/", "docs", "docs/http.md"):
                shown = await client.get(f"/competent/{page}", headers={"Accept": "text/html"}, follow_redirects=True)
                assert shown.status_code == 200
                assert shown.url.scheme == "https"
                for link in re.findall(r'(?:href|src)="([^"#:]+)"', shown.text):
                    where = shown.url.join(link)
                    assert where.path.startswith("/competent/"), (page, link)
                    there = await client.get(where, follow_redirects=True)
                    assert there.status_code == (400 if link == "graphql" else 200), (page, link)
            large = await client.post("/competent/graphql", content=b" " * 300_000)
            assert large.status_code == 413


@needs_nginx
async def test_websockets_and_events_pass_through_nginx_unbuffered(tmp_path: Path) -> None:
    news = {"query": "subscription { releasePublished { number } }"}
    async with started("serve") as (base, _, _), nginx_address(tmp_path, base.removeprefix("http://")) as host:
        await answer(base)
        retrying = httpx.AsyncHTTPTransport(verify=tls_context(tmp_path), retries=8)
        async with httpx.AsyncClient(transport=retrying, base_url=f"https://{host}", timeout=60) as client:
            headers = {"Accept": "text/event-stream"}
            async with client.stream("POST", "/competent/graphql", json=QUERY, headers=headers) as response:
                events = [line async for line in response.aiter_lines()]
            assert json.loads(events[1].removeprefix("data: ")) == {"data": ANSWER}
            async with client.stream("POST", "/competent/graphql", json=news, headers=headers) as response:
                assert response.headers["content-type"].startswith("text/event-stream")  # before any event

        address, trust = f"wss://{host}/competent/graphql", tls_context(tmp_path)
        for origin in (f"https://{host}", "https://localhost"):
            async with connect(
                address,
                ssl=trust,
                proxy=None,
                origin=origin,  # type: ignore[arg-type]
                subprotocols=["graphql-transport-ws"],  # type: ignore[list-item]
            ) as ws:
                await ws.send('{"type": "connection_init"}')
                assert json.loads(await ws.recv()) == {"type": "connection_ack"}
                await ws.send(json.dumps({"type": "subscribe", "id": "1", "payload": QUERY}))
                assert json.loads(await ws.recv())["payload"] == {"data": ANSWER}
