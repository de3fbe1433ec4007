"""Liveness and readiness checks for operators.

Ready means that queries can be answered: the current release is cached or can be fetched now.
"""

import asyncio
from collections.abc import Callable, Mapping
from typing import NotRequired, TypedDict

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from graphql_api.competent.releases import CURRENT
from graphql_api.errors import CompetentError
from graphql_api.index import IndexRegistry
from graphql_api.observability.fetch_context import FetchContext
from graphql_api.observability.metrics import READY
from graphql_api.schema.loaders import Loaders
from graphql_api.store import Store

READINESS_TIMEOUT = 1.0
"""Seconds that a readiness check waits for the Competent API."""

NO_DATA = "the Competent API does not respond, and the current release is not cached"
"""The reason for not being ready without cached data; `upstream` has the error code."""


class Status(TypedDict):
    """The body of a readiness check."""

    ready: bool
    reasons: list[str]
    """Why the server is not ready."""
    release: str | None
    upstream: str
    index: NotRequired[Mapping[str, object]]


class Health:
    """Handles `/health/live` and `/health/ready`."""

    def __init__(
        self, loaders: Callable[[FetchContext], Loaders], store: Store, indexes: IndexRegistry, stopping: asyncio.Event
    ) -> None:
        self._loaders = loaders
        self._store = store
        self._indexes = indexes
        self._stopping = stopping
        READY.set(1)

    @property
    def routes(self) -> list[Route]:
        """The routes of both checks."""
        return [Route("/health/live", self.live), Route("/health/ready", self.ready)]

    async def live(self, request: Request) -> Response:
        """Responds 200 whenever the process responds at all."""
        return _json({"status": "live"}, 200)

    async def ready(self, request: Request) -> Response:
        """Responds 200 or 503 with the status as JSON."""
        status = await self.status()
        READY.set(status["ready"])
        return _json(status, 200 if status["ready"] else 503)

    async def status(self) -> Status:
        """Check the current release, the Competent API and the index."""
        fetch_context = FetchContext(deadline=asyncio.get_running_loop().time() + READINESS_TIMEOUT)
        status: Status = {"ready": True, "reasons": [], "release": None, "upstream": "up"}
        try:
            async with asyncio.timeout(READINESS_TIMEOUT):
                status["release"] = await self._loaders(fetch_context).release_number(CURRENT)
        except TimeoutError:
            status["upstream"], status["reasons"] = "UPSTREAM_TIMEOUT", [NO_DATA]
        except CompetentError as error:
            status["upstream"], status["reasons"] = error.code, [NO_DATA]
        # Stale documents alone do not mean that upstream is down.
        if fetch_context.stats.stale and self._store.revalidation_fails:
            status["upstream"] = "down, serving cached documents"
        if status["release"] is not None:
            status["index"] = self._indexes.state(status["release"])
        if self._stopping.is_set():
            status["reasons"].append("the server is shutting down")
        status["ready"] = not status["reasons"]
        return status


def _json(body: Mapping[str, object], status: int) -> Response:
    return Response(orjson.dumps(body), status, {"Cache-Control": "no-store"}, media_type="application/json")
