"""The HAL documents of a release as files that a web server sends, byte by byte what the sandbox answers.

A path is a file of that name; a page of a list is a file in a folder of the list's name, named by its query.
"""

import asyncio
from collections.abc import Iterable, Iterator
from pathlib import Path

import orjson
from starlette.types import ASGIApp, Message

from graphql_api import routes
from graphql_api.routes import Route
from graphql_api.sandbox.bodies import COMPETENCES, PROFILES, SOFT_SKILLS
from graphql_api.sandbox.documents import Documents
from graphql_api.sandbox.releases import Releases
from graphql_api.sandbox.service import create_service
from graphql_api.settings import Settings

_THINGS: dict[str, tuple[Route, Route]] = {
    PROFILES: (routes.OCCUPATIONAL_PROFILES, routes.OCCUPATIONAL_PROFILE),
    COMPETENCES: (routes.TECHNICAL_COMPETENCES, routes.TECHNICAL_COMPETENCE),
    SOFT_SKILLS: (routes.SOFT_SKILLS, routes.SOFT_SKILL),
}


def write(release: Documents, folder: Path, sizes: Iterable[int] = ()) -> None:
    """Write all that the Competent API has of one release, with first pages of profiles in these sizes too."""
    asyncio.run(_write(release, folder, sizes))


async def _write(release: Documents, folder: Path, sizes: Iterable[int]) -> None:
    service = create_service(Releases([release]))
    for path in paths(release, sizes):
        file = folder / file_of(path)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(await answer(service, path))


def file_of(path: str) -> str:
    """Where the document of a path is, below the folder."""
    path, _, query = path.removeprefix("/").partition("?")
    return f"{path}/{query}.json" if query else f"{path}.json"


def paths(release: Documents, sizes: Iterable[int] = ()) -> Iterator[str]:
    """Every path of a release that the server asks for."""
    yield from (routes.RELEASES.path(), routes.RELEASE.path("current"), routes.RELEASE.path(release.number))
    size = Settings().page_size
    for name, (listed, single) in _THINGS.items():
        path = listed.path(release.number)
        yield path
        for page in range(max(1, -(-release.count(name) // size))):
            yield f"{path}?page={page}&size={size}"
        for item in release.items(name):
            yield f"{path}/{orjson.loads(item)['id']}"
            assert single.template.startswith(listed.template)
    for item in release.items(COMPETENCES):
        yield f"{routes.TECHNICAL_COMPETENCES.path(release.number)}/{orjson.loads(item)['id']}/{PROFILES}/used"
    for size in sizes:
        yield f"{routes.OCCUPATIONAL_PROFILES.path(release.number)}?page=0&size={size}"


async def answer(app: ASGIApp, path: str) -> bytes:
    """The body of a 200 that the app gives; AssertionError for anything else."""
    path, _, query = path.partition("?")
    sent: list[Message] = []

    async def receive() -> Message:
        return {"type": "http.request", "body": b""}

    async def send(message: Message) -> None:
        sent.append(message)

    scope = {"type": "http", "method": "GET", "path": path, "query_string": query.encode(), "headers": []}
    await app(scope, receive, send)
    assert sent[0]["status"] == 200, f"{path}: {sent[0]['status']}"
    return b"".join(message.get("body", b"") for message in sent[1:])
