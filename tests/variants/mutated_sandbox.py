"""The sandbox as a different upstream: small functions, one or several, change its requests and responses."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson

from graphql_api.upstream.transport import ASGIApp

Document = dict[str, Any]
Asks = Callable[[str], str]
"""Maps a requested path (with query) to the one that the sandbox gets."""
Answers = Callable[[str, int, Document], tuple[int, Document]]
"""Maps path, status and document of the sandbox to the status and document to send; may change the document in place."""

Values = dict[str, Any]


def as_it_is(path: str, status: int, document: Document) -> tuple[int, Document]:
    """Return the response unchanged."""
    return status, document


def path_of(scope: Any) -> str:
    """The path and query of a request."""
    query = scope["query_string"].decode()
    return f"{scope['path']}?{query}" if query else scope["path"]


async def reply(send: Any, status: int, document: Document) -> None:
    """Send a document as response."""
    headers = [(b"content-type", b"application/hal+json")]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": orjson.dumps(document)})


@dataclass(frozen=True)
class Mutation:
    """One way in which an upstream may differ from our assumptions."""

    name: str
    answers: Answers
    asks: Asks = field(default=lambda path: path)
    loses: frozenset[str] = frozenset()
    """Response fields that may differ, be null or have an error. All others must be the same."""
    variables: Callable[[Values], Values] = field(default=lambda values: values)
    """Changes the variables of queries, if identifiers differ."""
    paired: bool = True
    """False for a minor variant of another mutation, which is tested alone and not in pairs."""


class Original:
    """Responses of the unchanged sandbox, each requested once for all variants."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._cached: dict[str, tuple[int, bytes]] = {}

    async def answer(self, path: str) -> tuple[int, Document]:
        if path not in self._cached:
            self._cached[path] = await _ask(self._app, path)
        status, body = self._cached[path]
        return status, orjson.loads(body)


async def _ask(app: ASGIApp, path: str) -> tuple[int, bytes]:
    name, _, query = path.partition("?")
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {"type": "http", "method": "GET", "path": name, "raw_path": name.encode(), "query_string": query.encode()}
    await app({**scope, "headers": [], "root_path": "", "scheme": "http", "server": ("x", 80)}, None, send)
    return sent[0]["status"], b"".join(message.get("body", b"") for message in sent[1:])


class Mutated:
    """An ASGI app: the original with mutations applied, the first one outermost."""

    def __init__(self, original: Original, mutations: Sequence[Mutation]) -> None:
        self._original = original
        self._mutations = mutations
        self.requested_paths: list[str] = []

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        path = path_of(scope)
        self.requested_paths.append(path)
        await reply(send, *await self._answer(path))

    async def _answer(self, path: str) -> tuple[int, Document]:
        paths = [path]
        for item in self._mutations:
            paths.append(item.asks(paths[-1]))
        status, document = await self._original.answer(paths.pop())
        for mutation, sent_path in zip(reversed(self._mutations), reversed(paths), strict=True):
            status, document = mutation.answers(sent_path, status, document)
        return status, document
