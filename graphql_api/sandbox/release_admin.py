"""`/sandbox/releases`: which releases are served, which are held back, and by POST the next of those is published.

So whoever waits for a new release can see one come, on any client of the Competent API.
"""

from starlette.endpoints import HTTPEndpoint
from starlette.requests import Request
from starlette.responses import Response

from graphql_api.sandbox.releases import Releases
from graphql_api.sandbox.responses import plain


class ReleasesRoute(HTTPEndpoint):
    """GET tells `{current, served, held}`, numbers of releases; POST publishes the oldest that is held, and tells the same."""

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
    told = {"current": releases.current.number, "served": releases.numbers, "held": releases.held}
    return plain(told, status)
