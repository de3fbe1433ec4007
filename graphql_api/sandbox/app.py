"""The sandbox: a Competent API of our own that answers as VDAB's does, from documents made beforehand.

Only its host and its data tell it from the real one: paths, bodies, links to a host that nobody reaches, refusals and
loose search are as there.
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
    """The sandbox as an ASGI app, without a base and under both of VDAB's.

    Args:
        releases: What it serves; closing them is left to the caller. Those held back are published at `/sandbox/releases`.
        key: The only `X-IBM-Client-Id` that is let through; None lets everybody through.
        plan: Calls that are let through in any running minute; None for no limit.
        faults: What goes wrong; a list that the caller may change while it runs. Also at `/sandbox/faults`.
        asked: Gets each path that is asked for, with its query and without its base. Always at `app.state.asked`,
            where without one handed in the last 10,000 are kept.
        clock: Seconds that only ever grow; the plan counts by it.
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
