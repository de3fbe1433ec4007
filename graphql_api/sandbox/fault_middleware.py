"""Injects faults: ASGI middleware between gateway and service, and the route that controls the faults.

Requests without a matching fault pass unchanged. A delayed or hanging request ends when its client disconnects.
"""

import asyncio
from collections.abc import Awaitable
from contextlib import suppress

import orjson
from starlette.datastructures import MutableHeaders
from starlette.endpoints import HTTPEndpoint
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from graphql_api.sandbox.faults import Fault, Faults, Standing
from graphql_api.sandbox.responses import plain, service_error, too_many_requests

_PAGE = "<!doctype html><title>Onderhoud</title><h1>Onderhoud</h1><p>We zijn zo snel mogelijk terug.</p>"
_MAX_FAULTS = 100
_MAX_BODY_BYTES = 10_000
_FIELDS = {"match": "match", "kind": "effect", "seconds": "seconds", "status": "status"}
_FIELDS |= {"retryAfter": "retry_after", "times": "times", "rate": "rate"}


class Faulty:
    """ASGI middleware that injects faults into requests to the service."""

    def __init__(self, app: ASGIApp, faults: Faults) -> None:
        self._app = app
        self._faults = faults

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        standing = self._faults.take(scope["path"])
        if standing is None:
            await self._app(scope, receive, send)
            return
        match standing.fault.effect:
            case "slow" | "hang":
                await self._late(standing, scope, receive, send)
            case "status":
                await _error(standing.fault, scope["path"])(scope, receive, send)
            case "html":
                await HTMLResponse(_PAGE)(scope, receive, send)
            case "cut" | "broken" as effect:
                await self._half(effect, scope, receive, send)

    async def _late(self, standing: Standing, scope: Scope, receive: Receive, send: Send) -> None:
        slow = standing.fault.effect == "slow"
        wait = self._faults.sleep(standing.fault.seconds) if slow else standing.released.wait()
        if await _over_before_client_left(wait, receive):
            await self._app(scope, receive, send)

    async def _half(self, effect: str, scope: Scope, receive: Receive, send: Send) -> None:
        start, body = await self._answer(scope, receive)
        half = body[: len(body) // 2]
        if effect == "broken":
            start["status"] = 200
            MutableHeaders(scope=start)["Content-Length"] = str(len(half))
        await send(start)
        # A server that checks Content-Length raises for a short body and closes the connection, as intended.
        with suppress(RuntimeError):
            await send({"type": "http.response.body", "body": half})

    async def _answer(self, scope: Scope, receive: Receive) -> tuple[Message, bytes]:
        messages: list[Message] = []

        async def keep(message: Message) -> None:
            messages.append(message)

        await self._app(scope, receive, keep)
        return messages[0], b"".join(message.get("body", b"") for message in messages[1:])


class FaultsRoute(HTTPEndpoint):
    """`/sandbox/faults`: GET lists the active faults, POST adds one (a JSON object), DELETE removes all."""

    async def get(self, request: Request) -> Response:
        return plain([_as_json(standing) for standing in _faults(request)])

    async def post(self, request: Request) -> Response:
        try:
            fault = _read(await _body(request))
        except ValueError as error:
            return plain({"error": str(error)}, 400)
        faults = _faults(request)
        if len(faults) >= _MAX_FAULTS:
            return plain({"error": f"{_MAX_FAULTS} faults are active already: DELETE removes them"}, 400)
        return plain(_as_json(faults.add(fault)), 201)

    async def delete(self, request: Request) -> Response:
        _faults(request).clear()
        return Response(status_code=204)


async def _over_before_client_left(wait: Awaitable[object], receive: Receive) -> bool:
    over, left = asyncio.ensure_future(wait), asyncio.ensure_future(_client_left(receive))
    try:
        await asyncio.wait({over, left}, return_when=asyncio.FIRST_COMPLETED)
        return over.done()
    finally:
        over.cancel()
        left.cancel()


async def _client_left(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


def _error(fault: Fault, path: str) -> Response:
    if fault.status == 429:
        return too_many_requests(1 if fault.retry_after is None else fault.retry_after)
    headers = None if fault.retry_after is None else {"Retry-After": str(fault.retry_after)}
    return service_error(fault.status, path, headers)


def _faults(request: Request) -> Faults:
    faults: Faults = request.app.state.faults
    return faults


async def _body(request: Request) -> bytes:
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > _MAX_BODY_BYTES:
            raise ValueError(f"the body must have at most {_MAX_BODY_BYTES:,} bytes")
    return body


def _read(body: bytes) -> Fault:
    try:
        data = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise ValueError(f"not JSON: {error}") from error
    if not isinstance(data, dict) or not {"match", "kind"} <= data.keys() <= _FIELDS.keys():
        raise ValueError(f"a fault is an object with match and kind; allowed keys: {', '.join(_FIELDS)}")
    return Fault(**{_FIELDS[name]: value for name, value in data.items()})


def _as_json(standing: Standing) -> dict[str, object]:
    data = {name: getattr(standing.fault, attribute) for name, attribute in _FIELDS.items()}
    return {**data, "left": standing.left}
