"""`/sandbox/releases`: lists the releases that are served and held back, and publishes the next one.

It lets clients of the Competent API test how they react to a new release.
"""

from starlette.endpoints import HTTPEndpoint
from starlette.requests import Request
from starlette.responses import Response

from graphql_api.sandbox.releases import Releases
from graphql_api.sandbox.responses import plain


class ReleasesRoute(HTTPEndpoint):
    """GET returns release numbers, `{current, served, held}`; POST publishes the oldest held release and returns the same."""

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
