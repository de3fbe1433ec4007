"""Liveness and readiness checks for operators.

Ready means that queries can be answered: the current release is cached or can be fetched now.
"""

import asyncio
from collections.abc import Callable
from typing import Any

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

PATIENCE = 1.0
"""Seconds that a readiness check waits for the Competent API."""

NO_DATA = "the Competent API does not respond, and the current release is not cached"
"""The reason for not being ready without cached data; `upstream` has the error code."""


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
        told = await self.status()
        READY.set(told["ready"])
        return _json(told, 200 if told["ready"] else 503)

    async def status(self) -> dict[str, Any]:
        """The status as a dict: `ready`, `reasons` for not being ready, `release`, `upstream` and `index`."""
        asker = FetchContext(deadline=asyncio.get_running_loop().time() + PATIENCE)
        told: dict[str, Any] = {"ready": True, "reasons": [], "release": None, "upstream": "up"}
        try:
            async with asyncio.timeout(PATIENCE):
                told["release"] = await self._loaders(asker).release_number(CURRENT)
        except TimeoutError:
            told |= {"upstream": "UPSTREAM_TIMEOUT", "reasons": [NO_DATA]}
        except CompetentError as error:
            told |= {"upstream": error.code, "reasons": [NO_DATA]}
        if asker.stats.stale and self._store.renewals_fail:  # stale documents alone do not mean upstream is down
            told["upstream"] = "down, serving cached documents"
        if told["release"] is not None:
            told["index"] = self._indexes.state(told["release"])
        if self._stopping.is_set():
            told["reasons"].append("the server is shutting down")
        return told | {"ready": not told["reasons"]}


def _json(body: dict[str, Any], status: int) -> Response:
    return Response(orjson.dumps(body), status, {"Cache-Control": "no-store"}, media_type="application/json")
