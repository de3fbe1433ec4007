"""The key for the Competent API appears only in calls to it: a canary key is searched everywhere after many failures."""

import io
import logging
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import httpx
import orjson
import pytest
from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from graphql_api.app import create_app
from graphql_api.observability.logs import Handler
from graphql_api.sandbox import Releases, create_sandbox
from graphql_api.settings import Settings
from graphql_api.settings.environment import Secret
from tests.conftest import CP_7

pytestmark = pytest.mark.slow

CANARY = "canary-3f9b61c2d7"
THEIRS = "their-canary-8a41"

QUERIES = [
    '{ occupationalProfile(code: "OP-112") { code title { nl } essentialCompetences { code skill { code } } } }',
    "{ release { number } releases { number publishedOn } softSkills { totalCount } }",
    f'{{ technicalCompetence(uuid: "{CP_7}") {{ code usedInOccupationalProfiles {{ totalCount }} }} }}',
    '{ search(text: "verpleegkundige") { totalCount } }',
    '{ occupationalProfile(uuid: "11111111-1111-4111-8111-111111111111") { code } }',
    "{ nothing }",
]


PAGES = [
    "/",
    "/metrics",
    "/health/ready",
    "/health/live",
    "/llms.txt",
    "/schema.graphql",
    "/nothing",
    "/graphiql/examples.json",
]

Saying = Callable[[str], Response]
MOODS: dict[str, Saying | None] = {
    "as it should be": None,
    "it refuses the key": lambda key: Response(f"refused: {key}", 401),
    "it forbids": lambda key: Response(orjson.dumps({"httpMessage": key, "moreInformation": key}), 403),
    "a page for people": lambda key: Response(f"<html>{key}</html>", media_type="text/html"),
    "an error with 200": lambda key: Response(
        orjson.dumps({"error": key, "_links": {"self": {"href": f"http://x/{key}"}}})
    ),
    "it fails": lambda key: Response(key, 500),
    "it leads elsewhere": lambda key: Response("", 302, {"Location": f"http://elsewhere.example/?key={key}"}),
    "it is asked too often": lambda key: Response(key, 429, {"Retry-After": "0", "X-Said": key}),
    "half of a document": lambda key: Response(f'{{"id": "{key}'),
}
"""The response of a Competent API that echoes a key."""


class Indiscreet:
    """A Competent API that echoes requests, and sometimes fails."""

    def __init__(self, releases: Releases, saying: Saying | None) -> None:
        self._sandbox = create_sandbox(releases)
        self._saying = saying
        self.seen: list[str] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        key = Headers(scope=scope).get("x-ibm-client-id", "")
        self.seen.append(key)
        if self._saying is None:
            await self._sandbox(scope, receive, send)
        elif len(self.seen) % 5 == 0:
            raise RuntimeError(f"the upstream fell over with {key}")
        else:
            await self._saying(key)(scope, receive, send)


@pytest.fixture
def log() -> Iterator[io.StringIO]:
    """All log output, at every level."""
    output = io.StringIO()
    handler = Handler(
        "json", put=lambda line: output.write(line.decode()) and None
    )  # without the net that takes known secrets out of lines
    root = logging.getLogger()
    before = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    yield output
    root.removeHandler(handler)
    root.setLevel(before)


@pytest.mark.parametrize(("access", "secret"), [("off", CANARY), ("passthrough", THEIRS)])
@pytest.mark.parametrize("mood", MOODS)
async def test_the_key_never_leaks_into_responses_logs_traces_or_the_store(
    releases: Releases, tmp_path: Path, log: io.StringIO, mood: str, access: str, secret: str
) -> None:
    settings = replace(
        Settings(),
        upstream_url="http://127.0.0.1:9/api",
        api_key=Secret(CANARY),
        store=f"sqlite:{tmp_path / 'documents.sqlite'}",
        cache_dir=tmp_path,
        access=access,
        index="off",
        log_documents="on",
        operation_timeout=1.0,
    )
    upstream = Indiscreet(releases, MOODS[mood])
    app = create_app(settings.checked(), upstream)
    texts: list[str] = []
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://server.test") as client,
    ):
        for query in QUERIES:
            headers = {"x-ibm-client-id": THEIRS, "x-competent-explain": "1"}
            response = await client.post("/graphql", json={"query": query}, headers=headers)
            texts.append(f"{response.headers} {response.text}")
        for path in PAGES:
            response = await client.get(path)
            texts.append(f"{response.headers} {response.text}")

    assert secret in upstream.seen  # it was really sent
    texts += [repr(settings), str(settings), f"{settings}", log.getvalue()]
    files = [file for file in tmp_path.rglob("*") if file.is_file()]
    assert files
    for item in (CANARY, THEIRS):
        assert not any(item in text for text in texts)
        assert not any(item.encode() in file.read_bytes() for file in files)
