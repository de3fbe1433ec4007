"""Authentication of WebSockets: by a header or, as browsers cannot set headers, by the `connection_init` payload."""

from collections.abc import Mapping
from typing import Any

import orjson
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from graphql_api.http.auth.authenticators import Repeated, shown_in, shown_in_payload
from graphql_api.http.auth.policy import AccessPolicy
from graphql_api.http.graphql import HTTPError
from graphql_api.http.streaming.handshake import deny, fitting
from graphql_api.http.streaming.limits import network_of
from graphql_api.http.streaming.operations import ADMIT
from graphql_api.observability.request_context import record_of

BAD_REQUEST = 4400
FORBIDDEN = 4403
"""Close code of graphql-transport-ws for missing, wrong or revoked credentials."""
_REVOKED = HTTPError(401, "Unknown or revoked key.")


class Guarded:
    """One authenticated connection. Each of its operations counts as a request; it is closed when its key is revoked."""

    def __init__(self, decide: AccessPolicy, scope: Scope, receive: Receive, send: Send) -> None:
        self._decide = decide
        self._scope, self._receive, self._send = scope, receive, send
        self._shown: Mapping[str, str] = {}
        self._initialised = False
        self._closed = False

    async def serve(self, app: ASGIApp) -> None:
        """Run the app for this connection; deny it if a header has an invalid key."""
        record_of(self._scope)
        self._scope["state"][ADMIT] = self._admit
        try:
            if shown := shown_in(self._scope):
                self._let_in(shown)
        except HTTPError as refusal:
            await deny(self._scope, self._receive, self._send, await self._slowed(refusal), FORBIDDEN)
            return
        await app(self._scope, self._next, self._pass)

    def _let_in(self, shown: Mapping[str, str]) -> None:
        self._decide.caller(shown, record_of(self._scope))
        self._shown = shown

    async def _admit(self) -> None:
        """Count an operation; raises HTTPError if the key is invalid or the quota is used up."""
        await self._decide.count(self._decide.caller(self._shown, record_of(self._scope)))

    async def _next(self) -> Message:
        """The next message for the app; a disconnect if the client is not authenticated."""
        message = await self._receive()
        if message["type"] != "websocket.receive" or self._initialised:
            return message
        parsed = _parsed(message.get("text"))
        try:
            if parsed.get("type") == "connection_init":
                self._initialise(parsed.get("payload"))
            elif parsed.get("type") not in ("ping", "pong"):
                self._decide.caller(self._shown, record_of(self._scope))
        except HTTPError as refusal:
            return await self._close(await self._slowed(refusal))
        return message

    def _initialise(self, payload: Any) -> None:
        shown = shown_in_payload(payload)
        if shown and self._shown:
            raise Repeated
        self._let_in(shown or self._shown)
        self._initialised = True

    async def _slowed(self, refusal: HTTPError) -> HTTPError:
        return await self._decide.wrong_keys.refusal(refusal, network_of(self._scope))

    async def _pass(self, message: Message) -> None:
        """Send a message of the app if the key is still valid; otherwise close the connection."""
        if message["type"] == "websocket.send" and self._shown and not self._decide.still(self._shown):
            await self._close(_REVOKED)
        elif not self._closed:
            self._closed = message["type"] == "websocket.close"
            await self._send(message)

    async def _close(self, refusal: HTTPError) -> Message:
        code = BAD_REQUEST if refusal.status == 400 else FORBIDDEN
        if not self._closed:
            self._closed = True
            await self._send({"type": "websocket.close", "code": code, "reason": fitting(f"Forbidden: {refusal}")})
        return {"type": "websocket.disconnect", "code": code}


def _parsed(text: Any) -> dict[str, Any]:
    try:
        found = orjson.loads(text)
    except (ValueError, TypeError):
        return {}
    return found if isinstance(found, dict) else {}
