"""The sandbox as an upstream that differs: what goes in and what comes out is changed by small functions, one or several at once."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson

from graphql_api.upstream.transport import ASGIApp

Document = dict[str, Any]
Asks = Callable[[str], str]
"""What is asked of the sandbox for a path (with its query) that was asked for."""
Answers = Callable[[str, int, Document], tuple[int, Document]]
"""Status and document that are answered for a path, from those of the sandbox; the document may be changed in place."""

Values = dict[str, Any]


def as_it_is(path: str, status: int, document: Document) -> tuple[int, Document]:
    """No change."""
    return status, document


def path_of(scope: Any) -> str:
    """The path of a request, with its query."""
    query = scope["query_string"].decode()
    return f"{scope['path']}?{query}" if query else scope["path"]


async def reply(send: Any, status: int, document: Document) -> None:
    """Answer with a document."""
    headers = [(b"content-type", b"application/hal+json")]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": orjson.dumps(document)})


@dataclass(frozen=True)
class Mutation:
    """One way in which an upstream may differ from what is assumed."""

    name: str
    answers: Answers
    asks: Asks = field(default=lambda path: path)
    loses: frozenset[str] = frozenset()
    """Fields (as they are named in an answer) that come out otherwise, as null or as an error. All others must be the same."""
    variables: Callable[[Values], Values] = field(default=lambda values: values)
    """The variables of the questions, where things are named otherwise."""
    paired: bool = True
    """False for what differs from another mutation in a detail: it is tried alone, the other one in pairs."""


class Original:
    """The answers of the sandbox that is mutated, each asked once for all variants."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._known: dict[str, tuple[int, bytes]] = {}

    async def answer(self, path: str) -> tuple[int, Document]:
        if path not in self._known:
            self._known[path] = await _ask(self._app, path)
        status, body = self._known[path]
        return status, orjson.loads(body)


async def _ask(app: ASGIApp, path: str) -> tuple[int, bytes]:
    name, _, query = path.partition("?")
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {"type": "http", "method": "GET", "path": name, "raw_path": name.encode(), "query_string": query.encode()}
    await app({**scope, "headers": [], "root_path": "", "scheme": "http", "server": ("x", 80)}, None, send)
    return sent[0]["status"], b"".join(each.get("body", b"") for each in sent[1:])


class Mutated:
    """An ASGI app: the original, with mutations around it, the first one outermost."""

    def __init__(self, original: Original, mutations: Sequence[Mutation]) -> None:
        self._original = original
        self._mutations = mutations
        self.asked: list[str] = []

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        path = path_of(scope)
        self.asked.append(path)
        await reply(send, *await self._answer(path))

    async def _answer(self, path: str) -> tuple[int, Document]:
        paths = [path]
        for each in self._mutations:
            paths.append(each.asks(paths[-1]))
        status, document = await self._original.answer(paths.pop())
        for mutation, asked in zip(reversed(self._mutations), reversed(paths), strict=True):
            status, document = mutation.answers(asked, status, document)
        return status, document
