"""Writes the HAL documents of a release as files for a web server, identical to the responses of the sandbox.

A path is a file of that name; a page of a list is a file in a folder with the name of the list, named by its query.
"""

import asyncio
from collections.abc import Iterable, Iterator
from pathlib import Path
from uuid import UUID

from starlette.types import ASGIApp, Message

from benchmarks.speed.operations import Operation, uuids
from graphql_api.competent import routes
from graphql_api.competent.routes import Route
from graphql_api.sandbox.document_store import ReleaseDocuments
from graphql_api.sandbox.releases import Releases
from graphql_api.sandbox.serializers import COMPETENCES, PROFILES, SOFT_SKILLS
from graphql_api.sandbox.service import CompetentService
from graphql_api.settings import Settings

_LISTED: dict[str, Route] = {
    PROFILES: routes.OCCUPATIONAL_PROFILES,
    COMPETENCES: routes.TECHNICAL_COMPETENCES,
    SOFT_SKILLS: routes.SOFT_SKILLS,
}


def write(release: ReleaseDocuments, folder: Path, operations: Iterable[Operation]) -> None:
    """Write the documents of a release, with the lists that these operations request."""
    for name, route in _LISTED.items():
        (within := folder / route.path(release.number).removeprefix("/")).mkdir(parents=True)
        for uuid in uuids(release, name):
            (within / f"{uuid}.json").write_bytes(release.document(name, uuid) or b"")
    asyncio.run(_write_lists(release, folder, operations))


async def _write_lists(release: ReleaseDocuments, folder: Path, operations: Iterable[Operation]) -> None:
    service = CompetentService(Releases([release]))
    for path in {*lists(release), *paths_of(operations)}:
        file = folder / file_of(path)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(await answer(service, path))


def file_of(path: str) -> str:
    """The file of a path, relative to the folder."""
    path, _, query = path.removeprefix("/").partition("?")
    return f"{path}/{query}.json" if query else f"{path}.json"


def lists(release: ReleaseDocuments) -> Iterator[str]:
    """The paths of releases and of pages of their collections, as the server requests them."""
    yield from (routes.RELEASES.path(), routes.RELEASE.path("current"), routes.RELEASE.path(release.number))
    size = Settings().upstream_page_size
    for name, route in _LISTED.items():
        path = route.path(release.number)
        yield path
        yield from (f"{path}?page={page}&size={size}" for page in range(max(1, -(-release.count(name) // size))))


def paths_of(operations: Iterable[Operation]) -> Iterator[str]:
    """The paths of lists that operations request: profiles that use a competence, and first pages as peers request them."""
    for operation in operations:
        for variable in operation.variables:
            if operation.name == "fan-out":
                yield routes.USED_IN_PROFILES.path(variable["release"], UUID(variable["uuid"]))
            elif operation.name == "wide":
                yield f"{routes.OCCUPATIONAL_PROFILES.path(variable['release'])}?page=0&size={variable['first']}"


async def answer(app: ASGIApp, path: str) -> bytes:
    """The body of a response of the app. Raises AssertionError unless its status is 200."""
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
