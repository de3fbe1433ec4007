"""WebSockets on `/graphql` that speak graphql-transport-ws.

Whatever a client sends ends in an answer with a code, or in one of the protocol's close codes; nothing it began outlives it.

Source: https://github.com/enisdenjo/graphql-ws/blob/master/PROTOCOL.md
"""

import asyncio
import logging
from contextlib import aclosing, suppress
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import orjson
from starlette.types import Receive, Scope, Send
from starlette.websockets import WebSocket, WebSocketDisconnect, WebSocketState

from graphql_api.eager import ended
from graphql_api.endpoint import Refused, Unforeseen
from graphql_api.endpoint.operation import from_object
from graphql_api.fetching import Tally
from graphql_api.live.connections import Connections, TooMany
from graphql_api.live.denial import deny
from graphql_api.live.running import Running
from graphql_api.live.telling import observed, refused, told
from graphql_api.origins import Origins
from graphql_api.outcomes import Outcomes
from graphql_api.record import Record, record_of
from graphql_api.types.text import Language, accepted

log = logging.getLogger(__name__)

PROTOCOL = "graphql-transport-ws"
_NO_ORIGINS = Origins(())
_ID_LENGTH = 200
_ELSEWHERE = Refused(403, "A page of this origin may not open a WebSocket here.", "FORBIDDEN")


class Closing(Exception):
    """The connection is to be closed with a code of the protocol (4xxx) or of RFC 6455 (1xxx)."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason


@dataclass(frozen=True, slots=True)
class WebSockets:
    """The ASGI app at the address: who may connect, and how much each may do."""

    running: Running
    connections: Connections
    outcomes: Outcomes
    origins: Origins = _NO_ORIGINS
    """Of web pages that may connect, beside our own."""
    init_timeout: float = 5.0
    most_operations: int = 20
    most_bytes: int = 256_000

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection until it ends."""
        websocket = WebSocket(scope, receive, send)
        if not self._may_connect(websocket):
            await deny(scope, receive, send, _ELSEWHERE, 1008)
            return
        if PROTOCOL not in scope.get("subprotocols", ()):
            await websocket.accept()
            await websocket.close(4406, f"Ask for the subprotocol {PROTOCOL}")
            return
        await websocket.accept(PROTOCOL)
        try:
            with self.connections.one("websocket"):
                await _Connection(websocket, self).serve()
        except TooMany:
            await websocket.close(1013, "Too many connections; try again later")

    def _may_connect(self, websocket: WebSocket) -> bool:
        # Browsers let a page of any site connect, with the user's cookies; only the server can refuse.
        origin = websocket.headers.get("origin")
        if origin is None or self.origins.allow(origin):
            return True
        try:
            return urlsplit(origin).netloc.lower() == websocket.headers.get("host", "").lower() != ""
        except ValueError:  # a bracket that is not closed
            return False


class _Connection:
    def __init__(self, websocket: WebSocket, bounds: WebSockets) -> None:
        self._websocket = websocket
        self._bounds = bounds
        self._languages: tuple[Language, ...] = accepted(websocket.headers.get("accept-language", ""))
        self._operations: dict[str, asyncio.Task[None]] = {}

    async def serve(self) -> None:
        """Until the client goes, breaks the protocol, or the server stops."""
        stopping = asyncio.create_task(self._bounds.connections.stopping.wait())
        talking = asyncio.create_task(self._talk())
        try:
            await asyncio.wait((talking, stopping), return_when=asyncio.FIRST_COMPLETED)
            if not talking.done():
                await self._close(Closing(1001, "The server is being stopped"))
        finally:
            await ended((talking, stopping, *self._operations.values()))

    async def _talk(self) -> None:
        try:
            await self._begin()
            while True:
                await self._take(await self._message())
        except WebSocketDisconnect:
            return
        except Closing as closing:
            await self._close(closing)
        except Exception:
            log.exception("unexpected error on a WebSocket")
            await self._close(Closing(1011, "Something went wrong here"))

    async def _close(self, closing: Closing) -> None:
        with suppress(WebSocketDisconnect, RuntimeError):  # it may be gone already
            if self._websocket.application_state is WebSocketState.CONNECTED:
                await self._websocket.close(closing.code, closing.reason[:120])

    async def _begin(self) -> None:
        try:
            async with asyncio.timeout(self._bounds.init_timeout):
                while (message := await self._message())["type"] in ("ping", "pong"):
                    await self._take(message)
        except TimeoutError:
            raise Closing(4408, "Connection initialisation timeout") from None
        if message["type"] == "subscribe":
            raise Closing(4401, "Unauthorized")
        if message["type"] != "connection_init" or not isinstance(message.get("payload"), dict | None):
            raise Closing(4400, "The first message must be connection_init, its payload an object")
        await self._send({"type": "connection_ack"})

    async def _message(self) -> dict[str, Any]:
        text = (await self._frame()).get("text")
        if text is None:
            raise Closing(4400, "Messages must be text")
        if len(text) > self._bounds.most_bytes:
            raise Closing(1009, f"A message may have {self._bounds.most_bytes} bytes")
        try:
            message = orjson.loads(text)
        except ValueError:
            message = None
        if not isinstance(message, dict) or not isinstance(message.get("type"), str):
            raise Closing(4400, "Messages must be JSON objects with a type")
        return message

    async def _frame(self) -> Any:
        message = await self._websocket.receive()
        if message["type"] == "websocket.disconnect":
            raise WebSocketDisconnect(message.get("code", 1005))
        return message

    async def _take(self, message: dict[str, Any]) -> None:
        match message["type"]:
            case "ping":
                await self._send({"type": "pong"})
            case "pong":
                pass
            case "connection_init":
                raise Closing(4429, "Too many initialisation requests")
            case "subscribe":
                self._subscribe(_id(message), message.get("payload"))
            case "complete":
                if task := self._operations.get(_id(message)):
                    task.cancel()
            case _:
                raise Closing(4400, "This type of message is not known")

    def _subscribe(self, id: str, payload: Any) -> None:
        if id in self._operations:
            raise Closing(4409, f"Subscriber for {id} already exists")
        task = asyncio.create_task(self._run(id, payload, full=len(self._operations) >= self._bounds.most_operations))
        self._operations[id] = task
        task.add_done_callback(lambda done: self._ended(id, done))

    def _ended(self, id: str, task: "asyncio.Task[None]") -> None:
        if self._operations.get(id) is task:
            del self._operations[id]

    async def _run(self, id: str, payload: Any, full: bool) -> None:
        record = self._record()
        with observed(record, self._bounds.outcomes):
            await self._answer(id, payload, full, record)

    async def _answer(self, id: str, payload: Any, full: bool, record: Record) -> None:
        try:
            if full:
                most = self._bounds.most_operations
                raise Refused(429, f"{most} operations at once may run on a connection; complete one.", "RATE_LIMITED")
            answers = self._bounds.running.answers(from_object(payload), self._languages, record)
            async with aclosing(answers):
                async for answer in answers:
                    payload = told(answer, record)
                    if not answer.executed:
                        self._operations.pop(id, None)
                        await self._send({"id": id, "type": "error", "payload": payload["errors"]})
                        return
                    await self._send({"id": id, "type": "next", "payload": payload})
            self._operations.pop(id, None)  # before the message: the client may use the id again at once
            await self._send({"id": id, "type": "complete"})
        except Refused as refusal:
            self._operations.pop(id, None)
            await self._send({"id": id, "type": "error", "payload": [refused(refusal, record)]})
        except WebSocketDisconnect:
            record.ended = "left"
        except Exception:
            log.exception("unexpected error in request %s", record.request_id)
            await self._send({"id": id, "type": "error", "payload": [refused(Unforeseen(), record)]})

    def _record(self) -> Record:
        """Of one operation: an id of its own, and whom access has let in on this connection."""
        known, request_id = record_of(self._websocket.scope), uuid4().hex
        headers = known.asker.headers | {"X-Request-ID": request_id}
        asker = replace(known.asker, headers=headers, tally=Tally())
        return Record(request_id, client=known.client, protocol="websocket", asker=asker)

    async def _send(self, message: dict[str, Any]) -> None:
        with suppress(RuntimeError):  # closed meanwhile: the messages of this connection end here
            await self._websocket.send_text(orjson.dumps(message).decode())


def _id(message: dict[str, Any]) -> str:
    id = message.get("id")
    if not isinstance(id, str) or not 0 < len(id) <= _ID_LENGTH:
        raise Closing(4400, "The id must be a text")
    return id
