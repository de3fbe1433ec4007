"""The sandbox app: responds as VDAB's Competent API does, from documents made in advance.

Only host and data differ from the real API: paths, bodies, links to an unreachable host, errors and loose search are the same.
"""

import time
from collections import deque
from collections.abc import Callable, MutableSequence

from starlette.applications import Starlette
from starlette.routing import Mount, Route
from starlette.types import ASGIApp

from graphql_api.sandbox.fault_middleware import FaultsRoute, Faulty
from graphql_api.sandbox.faults import Faults
from graphql_api.sandbox.gateway import Bases, Key, Plan, RequestNotes
from graphql_api.sandbox.release_admin import ReleasesRoute
from graphql_api.sandbox.releases import Releases
from graphql_api.sandbox.service import create_service


def create_sandbox(
    releases: Releases,
    *,
    key: str | None = None,
    plan: int | None = None,
    faults: Faults | None = None,
    asked: MutableSequence[str] | None = None,
    clock: Callable[[], float] = time.monotonic,
) -> Starlette:
    """The sandbox as an ASGI app, served under both base paths of VDAB and without one.

    Args:
        releases: The releases to serve; the caller closes them. POST to `/sandbox/releases` publishes those held back.
        key: The only accepted `X-IBM-Client-Id`; None accepts any request.
        plan: Maximum calls in any 60 seconds; None for no limit.
        faults: The faults to inject; may change while the app runs, by the caller or through `/sandbox/faults`.
        asked: Collects the path and query of each request, without the base path; also at `app.state.asked`. By default the
            last 10,000 are collected.
        clock: Monotonic clock in seconds, used for `plan`.
    """
    faults = Faults() if faults is None else faults
    asked = deque(maxlen=10_000) if asked is None else asked
    served: ASGIApp = Faulty(create_service(releases), faults)
    if plan is not None:
        served = Plan(served, plan, clock)
    if key is not None:
        served = Key(served, key)
    own = [Route("/sandbox/faults", FaultsRoute), Route("/sandbox/releases", ReleasesRoute)]
    app = Starlette(routes=[*own, Mount("/", Bases(RequestNotes(served, asked)))])
    app.state.faults, app.state.asked, app.state.releases = faults, asked, releases
    return app
