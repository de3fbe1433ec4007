"""Response heads as the middleware makes them, computed once by running a response through it."""

from collections.abc import Iterable

from starlette.middleware import Middleware
from starlette.types import Message, Receive, Scope, Send

from graphql_api.asyncio_tools import start_eagerly
from graphql_api.http.graphql.response import Reply
from graphql_api.http.middleware import wrap
from graphql_api.observability.request_context import Head, RequestContext
from graphql_api.server.response_cycle import head_of

OWN = (b"content-length", b"etag", b"x-request-id")
"""Fields with another value in each response."""


class ResponseHeads:
    """Makes heads with these layers of middleware, outermost first."""

    def __init__(self, layers: Iterable[Middleware]) -> None:
        self._app = wrap(_send_reply, layers)

    def of(self, reply: Reply, head: Head) -> bytes:
        """The head of this response for a client with these header fields, without `OWN` and the line that ends it."""
        # A response that is to be compressed is compressed already.
        fields = {name: value for name, value in head.items() if name != b"accept-encoding"}
        state = {"record": RequestContext(head=fields), "reply": reply}
        scope = {"type": "http", "method": "POST", "path": "/graphql", "headers": list(fields.items()), "state": state}
        messages: list[Message] = []

        async def send(message: Message) -> None:
            messages.append(message)

        start_eagerly(self._app(scope, _receive, send))  # type: ignore[arg-type]  # ASGI: awaitables; none suspends
        return head_of(reply.status, [field for field in messages[0]["headers"] if field[0] not in OWN])


async def _send_reply(scope: Scope, receive: Receive, send: Send) -> None:
    reply: Reply = scope["state"]["reply"]
    await reply(scope, receive, send)


async def _receive() -> Message:
    return {"type": "http.request"}
