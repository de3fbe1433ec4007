"""Heads of answers, as the layers around all routes make them, found out once by an answer that goes through them."""

from collections.abc import Iterable
from typing import Any

from starlette.middleware import Middleware
from starlette.types import Message, Receive, Scope, Send

from graphql_api.asyncio_tools import start_eagerly
from graphql_api.http.graphql.response import Reply
from graphql_api.http.middleware import wrap
from graphql_api.observability.request_context import Head, RequestContext
from graphql_api.server.response_cycle import head_of

OWN = (b"content-length", b"etag", b"x-request-id")
"""Fields that are others in each answer."""


class Heads:
    """Makes heads by these layers, outermost first."""

    def __init__(self, layers: Iterable[Middleware]) -> None:
        self._app = wrap(_reply, layers)

    def of(self, reply: Reply, head: Head) -> bytes:
        """The head that this answer has for a client with these header fields, without `OWN` and the line that ends it."""
        # It is compressed already, if it is to be.
        told = {name: value for name, value in head.items() if name != b"accept-encoding"}
        state = {"record": RequestContext(head=told), "reply": reply}
        scope = {"type": "http", "method": "POST", "path": "/graphql", "headers": list(told.items()), "state": state}
        messages: list[Message] = []

        async def send(message: Message) -> None:
            messages.append(message)

        start_eagerly(self._app(scope, _receive, send))  # type: ignore[arg-type]  # none of them waits
        return head_of(reply.status, [each for each in messages[0]["headers"] if each[0] not in OWN])


async def _reply(scope: Scope, receive: Receive, send: Send) -> None:
    reply: Any = scope["state"]["reply"]
    await reply(scope, receive, send)


async def _receive() -> Message:
    return {"type": "http.request"}
