"""The gateway in front of the service, as at VDAB: the two base paths, the key check and the rate limit.

Each part is ASGI middleware that is independent of the documents.
"""

import hmac
import math
import re
from collections import deque
from collections.abc import Callable, MutableSequence

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from graphql_api.sandbox.responses import too_many_requests, unauthorized

BASES = ("/services/opendata/competent/v2", "/services/openservices/v1")
"""Base paths under which VDAB serves the API; the sandbox serves it under each of them, also with a minor version as in `v2.1`,
and without."""
_BASE = re.compile(f"(?:{'|'.join(map(re.escape, BASES))})(?:[.][0-9]+){{0,2}}(?=/)")

_MINUTE = 60.0


class BasePaths:
    """Removes the base path from the path of each request."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if base := _BASE.match(scope["path"]):
            scope = {**scope, "path": scope["path"][base.end() :]}
        await self._app(scope, receive, send)


def path_and_query(scope: Scope) -> str:
    """The path and query of a request."""
    query = scope["query_string"].decode("latin-1")
    return f"{scope['path']}?{query}" if query else str(scope["path"])


class RequestRecorder:
    """Records the path and query of each request, without the base path."""

    def __init__(self, app: ASGIApp, requests: MutableSequence[str]) -> None:
        self._app = app
        self._requests = requests

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self._requests.append(path_and_query(scope))
        await self._app(scope, receive, send)


class KeyCheck:
    """Rejects requests with 401 unless X-IBM-Client-Id is the key."""

    def __init__(self, app: ASGIApp, key: str) -> None:
        self._app = app
        self._key = key.encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        sent_key = Headers(scope=scope).get("x-ibm-client-id", "").encode("latin-1")
        is_allowed = hmac.compare_digest(sent_key, self._key)
        await (self._app if is_allowed else unauthorized())(scope, receive, send)


class RequestLimit:
    """Rate limit: allows N calls in any 60 seconds, rejects others with 429, and sends the remaining number with responses."""

    def __init__(self, app: ASGIApp, calls: int, clock: Callable[[], float]) -> None:
        self._app = app
        self._calls = calls
        self._clock = clock
        self._call_times: deque[float] = deque()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        now = self._clock()
        while self._call_times and self._call_times[0] <= now - _MINUTE:
            self._call_times.popleft()
        app = self._app
        if len(self._call_times) < self._calls:
            self._call_times.append(now)
        else:
            app = too_many_requests(self._seconds_to_wait(now))
        remaining = self._calls - len(self._call_times)

        async def send_with_limits(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers["X-RateLimit-Limit"] = f"name=default,{self._calls};"
                headers["X-RateLimit-Remaining"] = f"name=default,{remaining};"
            await send(message)

        await app(scope, receive, send_with_limits)

    def _seconds_to_wait(self, now: float) -> int:
        oldest = self._call_times[0] if self._call_times else now
        return max(1, math.ceil(oldest + _MINUTE - now))
