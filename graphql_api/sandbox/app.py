"""The sandbox app: responds as VDAB's Competent API does, from documents made in advance.

Only host and data differ from the real API: paths, bodies, links to an unreachable host, errors and loose search are the same.
"""

import time
from collections import deque
from collections.abc import Callable, MutableSequence

from starlette.applications import Starlette
from starlette.endpoints import HTTPEndpoint
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from graphql_api.sandbox.fault_middleware import FaultsRoute, Faulty
from graphql_api.sandbox.faults import Faults
from graphql_api.sandbox.gateway import BasePaths, KeyCheck, RequestLimit, RequestRecorder
from graphql_api.sandbox.openapi import document
from graphql_api.sandbox.releases import Releases
from graphql_api.sandbox.responses import plain
from graphql_api.sandbox.service import CompetentService

OPENAPI_PATH = "/openapi.json"
"""The path of the sandbox's own description."""


def create_sandbox(
    releases: Releases,
    *,
    key: str | None = None,
    rate_limit: int | None = None,
    faults: Faults | None = None,
    requests: MutableSequence[str] | None = None,
    clock: Callable[[], float] = time.monotonic,
) -> "Sandbox":
    """The sandbox as an ASGI app, served under both base paths of VDAB and without one.

    Args:
        releases: The releases to serve; the caller closes them. POST to `/sandbox/releases` publishes those held back.
        key: The only accepted `X-IBM-Client-Id`; None accepts any request.
        rate_limit: Maximum calls in any 60 seconds; None for no limit.
        faults: The faults to inject; may change while the app runs, by the caller or through `/sandbox/faults`.
        requests: Collects the path and query of each request, without the base path; also at `app.state.requests`. By default the
            last 10,000 are collected.
        clock: Monotonic clock in seconds, used for `rate_limit`.
    """
    faults = Faults() if faults is None else faults
    requests = deque(maxlen=10_000) if requests is None else requests
    documents = CompetentService(releases)
    service: ASGIApp = Faulty(documents, faults)
    if rate_limit is not None:
        service = RequestLimit(service, rate_limit, clock)
    if key is not None:
        service = KeyCheck(service, key)
    own_routes = Starlette(
        routes=[
            Route("/sandbox/faults", FaultsRoute),
            Route("/sandbox/releases", ReleasesRoute),
            Route(OPENAPI_PATH, lambda request: plain(document())),
        ]
    )
    own_routes.state.faults, own_routes.state.requests, own_routes.state.releases = faults, requests, releases
    is_open = key is None and rate_limit is None
    return Sandbox(BasePaths(RequestRecorder(service, requests)), own_routes, documents if is_open else None)


class Sandbox:
    """The ASGI app: requests for the Competent API go to `service`, all else to `own_routes`.

    These are `/sandbox/`, `/openapi.json` and the lifespan. `read` reads `documents`, the innermost part of `service`, unless
    it is None.
    """

    def __init__(self, service: ASGIApp, own_routes: Starlette, documents: CompetentService | None) -> None:
        self._service = service
        self._own_routes = own_routes
        self._documents = documents
        self.state = own_routes.state
        """`faults`, `requests` and `releases`."""

    def read(self, path: str) -> bytes | None:
        """The body of the response to GET for a path and query, without a request; it is recorded as one.

        None if the response is not a document, or depends on more than the path: with a key, a rate limit or any fault.
        """
        body = None if self._documents is None or self.state.faults else self._documents.read(path)
        if body is not None:
            self.state.requests.append(path)
        return body

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = scope.get("path", "")
        is_call = scope["type"] == "http" and not path.startswith("/sandbox/") and path != OPENAPI_PATH
        await (self._service if is_call else self._own_routes)(scope, receive, send)


class ReleasesRoute(HTTPEndpoint):
    """`/sandbox/releases`, for testing how clients react to a new release.

    GET returns release numbers, `{current, served, held}`; POST publishes the oldest held release and returns the same.
    """

    async def get(self, request: Request) -> Response:
        return _state(request.app.state.releases)

    async def post(self, request: Request) -> Response:
        releases: Releases = request.app.state.releases
        if not releases.held:
            error = "no release is held back; start the sandbox with `competent-graphql sandbox --hold 1`"
            return plain({"error": error}, 409)
        releases.publish_held()
        return _state(releases, 201)


def _state(releases: Releases, status: int = 200) -> Response:
    body = {"current": releases.current.number, "served": releases.numbers, "held": releases.held}
    return plain(body, status)
