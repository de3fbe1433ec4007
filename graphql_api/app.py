"""The parts chosen and handed to each other: settings, transport, upstream, store, endpoint, routes.

Everything is built when the app is made and only closed in its lifespan, so the app works under a transport that runs none.
"""

import hashlib
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.metadata import version
from pathlib import Path

from platformdirs import user_cache_path
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.routing import Route

from graphql_api import examples
from graphql_api.endpoint import Context, Endpoint, http_error, unexpected
from graphql_api.errors import SettingsError
from graphql_api.graphiql import graphiql_routes
from graphql_api.loaders import Loaders
from graphql_api.sandbox import Progress, Releases, bundled_releases, workbook_releases
from graphql_api.sandbox.progress import silent
from graphql_api.schema import Answer, build_schema
from graphql_api.settings import Settings
from graphql_api.store import Store
from graphql_api.store.memory import Memory
from graphql_api.store.shelf import Shelf
from graphql_api.store.sqlite import SqliteFile
from graphql_api.upstream import Upstream
from graphql_api.upstream.transport import ASGIApp, in_process, over_network

log = logging.getLogger(__name__)


def cache_dir(settings: Settings) -> Path:
    """The folder for what can be made again."""
    return settings.cache_dir or user_cache_path("competent-graphql")


def open_sandbox(settings: Settings, progress: Progress = silent) -> Releases:
    """The releases that the sandbox serves: the workbooks of the settings, else the bundled data."""
    if settings.data:
        return workbook_releases(settings.data, cache_dir(settings), progress)
    return bundled_releases()


def create_app(settings: Settings, competent: ASGIApp | None = None) -> Starlette:
    """The server over the Competent API of the settings, or over one that is an ASGI app in this process."""
    client = over_network(settings) if competent is None else in_process(competent, settings)
    upstream = Upstream(client, settings)
    shelf = Shelf(settings.keep_release, settings.keep_current)
    store = Store(upstream.fetch, shelf, Memory(settings.memory_bytes), _file(settings))
    schema = build_schema(settings.max_tokens)
    endpoint = Endpoint(schema, store, page_size=settings.page_size, max_body_bytes=settings.max_body_bytes)

    async def ask(query: str) -> Answer:
        return await schema.answer(query, None, None, Context(Loaders(store, settings.page_size), ()))

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        yield
        await store.aclose()
        await upstream.aclose()

    return Starlette(
        routes=[
            Route("/", _home),
            Route("/graphql", endpoint.respond, methods=["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]),
            Route("/health/live", _live),
            *graphiql_routes(lambda: examples.tabs(ask)),
        ],
        exception_handlers={HTTPException: http_error, Exception: unexpected},
        lifespan=lifespan,
    )


def _file(settings: Settings) -> SqliteFile | None:
    kind, _, where = settings.store.partition(":")
    if kind == "memory" or (not settings.store and not settings.live):
        return None
    if kind == "sqlite" and where:
        return SqliteFile(Path(where), _origin(settings))
    if settings.store:
        raise SettingsError("COMPETENT_STORE is `memory:` or `sqlite:PATH`")
    try:
        return SqliteFile(cache_dir(settings) / "documents.sqlite", _origin(settings))
    except SettingsError as error:
        log.warning("%s; documents are kept in memory only", error)
        return None


def _origin(settings: Settings) -> str:
    # What the sandbox serves can change under the same path; a workbook is told by its place, size and time.
    if settings.live:
        return settings.upstream_url.rstrip("/")
    told = [version("competent-graphql")]
    told += [f"{file.resolve()} {file.stat().st_size} {file.stat().st_mtime_ns}" for file in settings.data]
    return "sandbox " + hashlib.blake2s("\n".join(told).encode(), digest_size=8).hexdigest()


async def _home(request: Request) -> Response:
    return RedirectResponse("graphiql")  # relative: a proxy may show us under a prefix


async def _live(request: Request) -> Response:
    return PlainTextResponse("ok")
