"""Keys on WebSockets: in a header or in the payload of `connection_init`, until they are revoked."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any, cast

import orjson
import pytest
from starlette.types import Message, Scope

from graphql_api.execution.operations import Executed
from graphql_api.http.auth import AccessPolicy, ApiKeyAuth, PassthroughAuth, WebSocketAuth, WrongKeys
from graphql_api.http.auth.keys import Keys
from graphql_api.http.auth.rate_limit import Quotas
from graphql_api.http.graphql import OperationRequest
from graphql_api.http.streaming import Connections, StreamingExecutor, WebSockets
from graphql_api.observability.operation_log import OperationLog
from graphql_api.observability.request_context import record_of
from tests.conftest import Clock

TINY = "{ __typename }"


@pytest.fixture
def keys(tmp_path: Path) -> Keys:
    """A file without keys, which the server reads."""
    (tmp_path / "keys.json").write_text('{"keys": []}', encoding="utf-8")
    return Keys(tmp_path / "keys.json")


def received_message(message: dict[str, Any]) -> Message:
    """A message of the client, as an ASGI server passes it on."""
    return {"type": "websocket.receive", "text": orjson.dumps(message).decode()}


class Socket:
    """A client that waits for the end of each operation, and an executor that records the queries that reach it."""

    def __init__(self, *messages: dict[str, Any], headers: Mapping[str, str] | None = None) -> None:
        self.incoming: list[Message] = [{"type": "websocket.connect"}, *map(received_message, messages)]
        self.reached: list[str | None] = []
        self.sent: list[Message] = []
        self.slept = 0
        self.before_response = lambda: None
        fields = [(name.lower().encode(), value.encode()) for name, value in (headers or {}).items()]
        self.scope: Scope = {
            "type": "websocket",
            "path": "/graphql",
            "headers": fields,
            "subprotocols": ["graphql-transport-ws"],
        }
        self._idle = asyncio.Event()
        self._idle.set()

    async def receive(self) -> Message:
        await self._idle.wait()
        message = self.incoming.pop(0) if self.incoming else {"type": "websocket.disconnect", "code": 1000}
        if "subscribe" in message.get("text", ""):
            self._idle.clear()
        return message

    async def send(self, message: Message) -> None:
        self.sent.append(message)
        if message["type"] == "websocket.close" or self.messages[-1:] in (["complete"], ["error"]):
            self._idle.set()

    async def responses(self, operation: OperationRequest, *_: object) -> AsyncIterator[Executed]:
        self.reached.append(operation.query)
        self.before_response()
        yield Executed({"__typename": "Query"}, [])

    async def talk(self, authenticator: ApiKeyAuth | PassthroughAuth) -> "Socket":
        await self.serve(AccessPolicy(authenticator, Quotas(), WrongKeys(sleep=self.sleep)), self.scope)
        return self

    async def serve(self, policy: AccessPolicy, scope: Scope) -> None:
        connections = Connections(10, asyncio.Event())
        executor = cast("StreamingExecutor", self)
        app = WebSockets(executor, connections, OperationLog(), hooks=partial(WebSocketAuth, policy))
        await app(scope, self.receive, self.send)

    async def sleep(self, seconds: float) -> None:
        self.slept += 1

    @property
    def messages(self) -> list[str]:
        """The types of the messages that the server sent."""
        return [orjson.loads(item["text"])["type"] for item in self.sent if item["type"] == "websocket.send"]

    @property
    def closed(self) -> list[int]:
        return [item["code"] for item in self.sent if item["type"] == "websocket.close"]


INIT = {"type": "connection_init"}
SUBSCRIBE = {"type": "subscribe", "id": "1", "payload": {"query": TINY}}


@pytest.mark.parametrize("name", ["Authorization", "authorization", "X-API-Key", "x-api-key"])
async def test_a_websocket_authenticates_in_connection_init(keys: Keys, name: str) -> None:
    key = keys.new("partner")
    shown = {name: f"Bearer {key}" if name.lower() == "authorization" else key}

    socket = await Socket(INIT | {"payload": shown}, SUBSCRIBE).talk(ApiKeyAuth(keys, 10))

    assert socket.reached == [TINY]
    assert socket.closed == []
    assert record_of(socket.scope).client == "partner"


async def test_a_websocket_authenticates_by_a_header(keys: Keys) -> None:
    socket = await Socket(INIT, SUBSCRIBE, headers={"x-api-key": keys.new("partner")}).talk(ApiKeyAuth(keys, 10))

    assert socket.reached == [TINY]


@pytest.mark.parametrize(
    "messages",
    [
        [INIT],
        [INIT | {"payload": None}],
        [INIT | {"payload": {"x-api-key": "nonsense"}}],
        [INIT | {"payload": {"x-api-key": 7}}],
        [INIT | {"payload": []}],
        [SUBSCRIBE],
        [{"type": "ping"}, SUBSCRIBE],
        [{"type": "nothing"}],
        [{}],
    ],
)
async def test_a_websocket_without_a_valid_key_is_closed_before_any_operation(
    keys: Keys, messages: list[dict[str, Any]]
) -> None:
    keys.new("partner")
    socket = await Socket(*messages, SUBSCRIBE).talk(ApiKeyAuth(keys, 10))

    assert socket.reached == []
    assert socket.messages in ([], ["pong"])
    assert socket.closed == [4403]


@pytest.mark.parametrize(("first", "code"), [(SUBSCRIBE, 4401), ({"type": "nothing"}, 4400), ({}, 4400)])
async def test_a_wrong_first_message_with_a_valid_key_has_its_own_code(
    keys: Keys, first: dict[str, Any], code: int
) -> None:
    socket = await Socket(first, headers={"x-api-key": keys.new("partner")}).talk(ApiKeyAuth(keys, 10))

    assert socket.closed == [code]


async def test_a_websocket_with_a_bad_header_is_never_accepted(keys: Keys) -> None:
    socket = await Socket(INIT, SUBSCRIBE, headers={"x-api-key": "nonsense"}).talk(ApiKeyAuth(keys, 10))

    assert [item["type"] for item in socket.sent] == ["websocket.close"]


async def test_a_websocket_ends_when_its_key_is_revoked(tmp_path: Path) -> None:
    now = 0.0
    keys = Keys(tmp_path / "keys.json", lambda: now)
    key = keys.new("partner")
    socket = Socket(INIT | {"payload": {"x-api-key": key}}, SUBSCRIBE, SUBSCRIBE | {"id": "2"})

    def revoke() -> None:
        Keys(keys.file).revoke("partner")
        nonlocal now
        now += 1.0

    socket.before_response = revoke
    await socket.talk(ApiKeyAuth(keys, 10))

    assert socket.messages == ["connection_ack"]
    assert socket.reached == [TINY]
    assert socket.closed == [4403]


@pytest.mark.parametrize(
    ("headers", "payload"),
    [
        ({"x-api-key": "{}"}, {"x-api-key": "{}"}),
        ({"x-api-key": "{}"}, {"Authorization": "Bearer {}"}),
        ({}, {"x-api-key": "{}", "X-API-Key": "{}"}),
        ({}, {"x-api-key": "{}", "authorization": "Bearer {}"}),
        ({}, {"x-api-key": "{}, {}"}),
    ],
)
async def test_a_websocket_with_two_credentials_is_closed_with_4400(
    keys: Keys, headers: dict[str, str], payload: dict[str, str]
) -> None:
    key = keys.new("partner")
    shown = {name: value.replace("{}", key) for name, value in payload.items()}
    fields = {name: value.replace("{}", key) for name, value in headers.items()}
    socket = await Socket(INIT | {"payload": shown}, SUBSCRIBE, headers=fields).talk(ApiKeyAuth(keys, 10))

    assert socket.reached == []
    assert socket.closed == [4400]


async def test_two_headers_or_a_key_in_the_url_open_no_websocket(keys: Keys) -> None:
    key = keys.new("partner").encode()
    for more in (
        {"headers": [(b"x-api-key", key), (b"x-api-key", key)]},
        {"headers": [(b"x-api-key", key), (b"authorization", b"Bearer " + key)]},
        {"headers": [(b"x-api-key", key)], "query_string": b"access_token=" + key},
    ):
        socket = Socket(INIT, SUBSCRIBE)
        socket.scope |= more
        await socket.talk(ApiKeyAuth(keys, 10))

        assert [item["type"] for item in socket.sent] == ["websocket.close"]


async def test_wrong_keys_on_websockets_are_delayed(keys: Keys) -> None:
    wrong = INIT | {"payload": {"x-api-key": "nonsense"}}
    socket = Socket()
    policy = AccessPolicy(ApiKeyAuth(keys, 10), Quotas(), WrongKeys(2, Clock(), socket.sleep))
    for _ in range(5):
        socket.incoming = [{"type": "websocket.connect"}, received_message(wrong)]
        await socket.serve(policy, socket.scope | {"state": {}})

    assert socket.slept == 3
    assert socket.closed == [4403] * 5


async def test_a_websocket_forwards_the_key_of_its_client() -> None:
    socket = await Socket(INIT | {"payload": {"X-IBM-Client-Id": "theirs"}}, SUBSCRIBE).talk(PassthroughAuth())
    key = record_of(socket.scope).fetch_context.key

    assert key is not None
    assert key.reveal() == "theirs"
    assert "theirs" not in repr(record_of(socket.scope))
