"""graphql-transport-ws, message by message: queries, the subscription, refusals, and what each close code is for."""

import asyncio
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest

from graphql_api.http.auth.keys import Keys
from graphql_api.http.middleware import HEADERS
from graphql_api.http.streaming import Connections, WebSockets
from graphql_api.observability.operation_log import OperationLog
from graphql_api.sandbox import Fault
from graphql_api.settings import Settings
from tests.conftest import CP_7, counting_turns
from tests.http.streaming.conftest import PUBLISHED, SUBSCRIPTION, Live, Socket, live_server

COMPETENCE = f'{{ technicalCompetence(uuid: "{CP_7}") {{ code }} }}'


async def code_of(socket: Socket, id: str) -> str:
    message = await socket.get()
    assert (message["type"], message["id"]) == ("error", id)
    (error,) = message["payload"]
    assert error["extensions"]["requestId"]
    return str(error["extensions"]["code"])


async def test_a_query_is_answered_once_and_completed(live: Live) -> None:
    socket = await live.opened()
    socket.subscribe("1", COMPETENCE)

    assert await socket.get() == {
        "type": "next",
        "id": "1",
        "payload": {"data": {"technicalCompetence": {"code": "CP-7"}}},
    }
    assert await socket.get() == {"type": "complete", "id": "1"}


async def test_operations_run_concurrently_and_ids_can_be_reused(live: Live) -> None:
    socket = await live.opened()
    for id in ("a", "b", "c"):
        socket.subscribe(id, COMPETENCE)
    messages = [await socket.get() for _ in range(6)]
    assert sorted(line["id"] for line in messages if line["type"] == "complete") == ["a", "b", "c"]

    socket.subscribe("a", COMPETENCE)
    assert (await socket.get())["type"] == "next"


async def test_variables_operation_names_and_languages_are_respected(live: Live) -> None:
    socket = await live.socket(headers={"Accept-Language": "fr"}).opened()
    socket.subscribe(
        "1",
        "query A { __typename } query B($code: String!) { occupationalProfile(code: $code) { title { text } } }",
        variables={"code": "OP-101"},
        operationName="B",
    )

    assert (await socket.get())["payload"]["data"]["occupationalProfile"]["title"]["text"] == "Infirmier / Infirmière"


async def test_a_subscriber_gets_a_new_release_once_it_is_indexed(live: Live) -> None:
    socket = await live.opened()
    socket.subscribe("1", SUBSCRIPTION)
    await live.listened()
    live.upstream_paths()
    await live.publish()
    paths = live.upstream_paths()  # before anybody read the message
    message = await socket.get()

    assert message["payload"]["data"]["releasePublished"].items() >= PUBLISHED["releasePublished"].items()
    assert message["payload"]["data"]["releasePublished"]["skills"]["totalCount"] > 0
    assert any(path.startswith("/releases/3.11/occupationalprofiles/") for path in paths)
    assert live.services.loaders().is_indexed("3.11")


async def test_each_subscriber_gets_one_event_per_release(live: Live) -> None:
    sockets = [await live.opened() for _ in range(3)]
    for socket in sockets:
        socket.subscribe("1", "subscription { releasePublished { number } }")
    while live.services.published.subscribers < 3:
        await asyncio.sleep(0)
    await live.listened()
    await live.publish()
    await live.services.follow_current()

    for socket in sockets:
        assert (await socket.get())["payload"] == {"data": {"releasePublished": {"number": "3.11"}}}
        socket.send(type="ping")
        assert await socket.get() == {"type": "pong"}


async def test_a_release_reaches_more_subscribers_than_operations_may_run(live_settings: Settings) -> None:
    """Events have slots of their own, wait for one instead of being refused, and leave those of operations free."""
    async with live_server(replace(live_settings, max_operations=2, max_executing=1)) as live:
        sockets = [await live.opened() for _ in range(5)]
        for socket in sockets:
            socket.subscribe(
                "1", "subscription { releasePublished { isCurrent } }"
            )  # asks upstream, as nothing is fresh
        while live.services.published.subscribers < 5:
            await asyncio.sleep(0)
        await live.listened()
        await live.publish()

        for socket in sockets:
            assert (await socket.get())["payload"] == {"data": {"releasePublished": {"isCurrent": True}}}
        socket.subscribe("2", COMPETENCE)
        assert (await socket.get())["type"] == "next"


async def test_no_event_is_sent_while_the_current_release_is_unchanged(live: Live) -> None:
    socket = await live.opened()
    socket.subscribe("1", SUBSCRIPTION)
    await live.listened()
    await live.services.follow_current()
    socket.send(type="ping")

    assert await socket.get() == {"type": "pong"}


async def test_a_release_that_cannot_be_indexed_is_announced_once(live: Live) -> None:
    socket = await live.opened()
    socket.subscribe("1", "subscription { releasePublished { number } }")
    await live.listened()
    live.faults.add(Fault("/releases/3.11/*", "status", status=503))
    await live.publish()
    assert (await socket.get())["payload"] == {"data": {"releasePublished": {"number": "3.11"}}}

    live.faults.clear()
    await live.services.follow_current()
    socket.send(type="ping")

    assert await socket.get() == {"type": "pong"}


async def test_without_subscribers_the_current_release_is_not_checked(live: Live) -> None:
    await live.services.follow_current()

    assert live.upstream_paths() == []


async def test_complete_ends_a_subscription_but_not_the_connection(live: Live) -> None:
    socket = await live.opened()
    socket.subscribe("1", SUBSCRIPTION)
    await live.listened()
    socket.send(type="complete", id="1")
    while live.services.published.subscribers:
        await asyncio.sleep(0)
    socket.subscribe("1", COMPETENCE)

    assert (await socket.get())["type"] == "next"


async def test_a_disconnected_client_leaves_no_task_or_subscription(live: Live) -> None:
    before = asyncio.all_tasks()
    socket = await live.opened()
    for id in range(5):
        socket.subscribe(str(id), SUBSCRIPTION)
    await live.listened()
    await socket.leave()
    await asyncio.sleep(0)  # a batch that has been loaded takes note of it

    assert live.services.published.subscribers == 0
    assert asyncio.all_tasks() <= before


async def test_an_id_is_free_right_after_complete(live: Live) -> None:
    socket = await live.opened()
    socket.subscribe("1", SUBSCRIPTION)
    socket.send(type="complete", id="1")
    socket.subscribe("1", SUBSCRIPTION)
    await live.listened()
    socket.send(type="complete", id="1")
    socket.subscribe("1", COMPETENCE)

    assert (await socket.get())["payload"]["data"]["technicalCompetence"]["code"] == "CP-7"
    assert await socket.get() == {"type": "complete", "id": "1"}
    socket.send(type="ping")
    assert await socket.get() == {"type": "pong"}


async def test_complete_frees_a_slot_immediately(live_settings: Settings) -> None:
    async with live_server(replace(live_settings, websocket_operations=1)) as live:
        socket = await live.opened()
        for id in ("1", "2", "3", "4"):
            socket.subscribe(id, SUBSCRIPTION)
            socket.send(type="complete", id=id)
        socket.subscribe("5", COMPETENCE)

        assert (await socket.get())["id"] == "5"


async def test_a_completed_operation_sends_nothing_under_a_reused_id(live: Live) -> None:
    socket = await live.opened()
    for _ in range(20):
        socket.subscribe("1", "{ release { number } }")
        socket.send(type="complete", id="1")
    socket.subscribe("1", COMPETENCE)

    assert "technicalCompetence" in (await socket.get())["payload"]["data"]
    assert (await socket.get())["type"] == "complete"
    socket.send(type="ping")
    assert await socket.get() == {"type": "pong"}


async def test_complete_for_an_id_that_is_not_running_is_ignored(live: Live) -> None:
    socket = await live.opened()
    socket.send(type="complete", id="never")
    socket.subscribe("1", COMPETENCE)
    assert [(await socket.get())["type"] for _ in range(2)] == ["next", "complete"]
    socket.send(type="complete", id="1")  # as a client does that has not heard of its end yet
    socket.subscribe("1", COMPETENCE)

    assert [(await socket.get())["type"] for _ in range(2)] == ["next", "complete"]


async def test_an_id_is_free_after_any_error(live: Live, monkeypatch: pytest.MonkeyPatch) -> None:
    socket = await live.opened()
    with monkeypatch.context() as patched:
        patched.setattr("graphql_api.http.streaming.operations.from_object", lambda _: 1 / 0)
        socket.subscribe("1", COMPETENCE)
        assert await code_of(socket, "1") == "INTERNAL_SERVER_ERROR"
    socket.subscribe("1", "{")
    assert await code_of(socket, "1") == "GRAPHQL_PARSE_FAILED"
    socket.subscribe("1", COMPETENCE)

    assert (await socket.get())["type"] == "next"


@pytest.mark.parametrize(
    ("payload", "code"),
    [
        ({"query": "{ nothing }"}, "GRAPHQL_VALIDATION_FAILED"),
        ({"query": "{"}, "GRAPHQL_PARSE_FAILED"),
        ({"query": "query A { __typename } query B { __typename }"}, "OPERATION_RESOLUTION_FAILURE"),
        ({"query": "subscription { releasePublished { nothing } }"}, "GRAPHQL_VALIDATION_FAILED"),
        ({"query": "{ nodes(ids: []) { id } }", "variables": [1]}, "BAD_REQUEST"),
        ({"query": "query ($u: UUID!) { skill(uuid: $u) { id } }", "variables": {"u": "x"}}, "BAD_USER_INPUT"),
        ({"query": "{" + " a: __typename" * 150 + "}"}, "QUERY_TOO_COMPLEX"),
        ({"query": 1}, "BAD_REQUEST"),
        ({}, "BAD_REQUEST"),
        (None, "BAD_REQUEST"),
        ([], "BAD_REQUEST"),
        ("{ __typename }", "BAD_REQUEST"),
        ({"extensions": {"persistedQuery": {"version": 1, "sha256Hash": "0" * 64}}}, "PERSISTED_QUERY_NOT_FOUND"),
    ],
)
async def test_an_invalid_operation_is_an_error_with_the_code_of_http(live: Live, payload: Any, code: str) -> None:
    socket = await live.opened()
    socket.send(type="subscribe", id="1", payload=payload)

    assert await code_of(socket, "1") == code
    socket.subscribe("1", COMPETENCE)
    assert (await socket.get())["type"] == "next"


async def test_a_field_error_is_sent_with_the_data(live: Live) -> None:
    live.faults.add(Fault("**", "status", status=503))
    socket = await live.opened()
    socket.subscribe("1", "{ releases { number } }")
    payload = (await socket.get())["payload"]

    assert payload["data"] == {"releases": None}
    assert payload["errors"][0]["extensions"]["code"] == "UPSTREAM_UNAVAILABLE"
    assert (await socket.get())["type"] == "complete"


async def test_operations_beyond_the_limit_of_a_connection_are_refused(live_settings: Settings) -> None:
    async with live_server(replace(live_settings, websocket_operations=2)) as live:
        socket = await live.opened()
        for id in ("1", "2", "3"):
            socket.subscribe(id, SUBSCRIPTION)

        assert await code_of(socket, "3") == "RATE_LIMITED"


@pytest.mark.parametrize(
    ("first", "code"),
    [
        ({"type": "subscribe", "id": "1", "payload": {"query": "{ __typename }"}}, 4401),
        ({"type": "connection_init", "payload": []}, 4400),
        ({"type": "connection_init", "payload": "x"}, 4400),
        ({"type": "complete", "id": "1"}, 4400),
        ({"type": "hello"}, 4400),
        ({"type": []}, 4400),
        ({}, 4400),
    ],
)
async def test_a_wrong_first_message_closes_with_its_code(live: Live, first: dict[str, Any], code: int) -> None:
    socket = live.socket()
    await socket.accepted()
    socket.send(**first)

    assert await socket.closed() == code


@pytest.mark.parametrize("text", ["", "x", "[]", "null", "1", '"x"', "{", "[" * 100_000, '{"type": null}'])
async def test_an_invalid_message_closes_with_4400(live: Live, text: str) -> None:
    socket = await live.opened()
    socket.send_text(text)

    assert await socket.closed() == 4400


async def test_a_binary_message_closes_with_4400(live: Live) -> None:
    socket = await live.opened()
    socket.send_bytes(b'{"type": "ping"}')

    assert await socket.closed() == 4400


@pytest.mark.parametrize("id", [None, 1, "", [], {}, "x" * 201])
async def test_an_invalid_id_closes_with_4400(live: Live, id: Any) -> None:
    socket = await live.opened()
    socket.send(type="subscribe", id=id, payload={"query": "{ __typename }"})

    assert await socket.closed() == 4400


async def test_an_oversized_message_closes_with_1009(live_settings: Settings) -> None:
    async with live_server(replace(live_settings, max_body_bytes=1000)) as live:
        socket = await live.opened()
        socket.send(type="ping", payload={"x": "y" * 1000})

        assert await socket.closed() == 1009


async def test_a_second_initialisation_closes_with_4429(live: Live) -> None:
    socket = await live.opened()
    socket.send(type="connection_init")

    assert await socket.closed() == 4429


@pytest.mark.parametrize("id", ["1", "é" * 200])
async def test_a_duplicate_id_closes_with_4409(live: Live, id: str) -> None:
    socket = await live.opened()
    socket.subscribe(id, SUBSCRIPTION)
    socket.subscribe(id, SUBSCRIPTION)
    close = await socket.until_closed()

    assert close.code == 4409
    assert len(close.reason.encode()) <= 123  # a longer reason fits in no close frame


async def test_a_client_that_does_not_initialise_in_time_is_closed_with_4408() -> None:
    connections = Connections(1, asyncio.Event())
    socket = Socket(WebSockets(None, connections, OperationLog(), init_timeout=0.0), {}, ["graphql-transport-ws"])  # type: ignore[arg-type]
    await socket.accepted()

    assert await socket.closed() == 4408
    assert connections.open == 0


async def test_pings_before_the_initialisation_are_answered(live: Live) -> None:
    socket = live.socket()
    await socket.accepted()
    socket.send(type="ping", payload={"a": 1})

    assert await socket.get() == {"type": "pong"}
    socket.send(type="connection_init", payload={"token": "ignored"})
    assert await socket.get() == {"type": "connection_ack"}


@pytest.mark.parametrize("subprotocols", [(), ("graphql-ws",)])
async def test_another_protocol_is_refused_with_4406(live: Live, subprotocols: tuple[str, ...]) -> None:
    socket = live.socket(subprotocols=subprotocols)
    await socket.accepted()

    assert await socket.closed() == 4406


@pytest.mark.parametrize(
    ("origin", "allowed", "lets"),
    [
        ("https://evil.example", "", False),
        ("null", "", False),
        ("", "", False),
        ("http://[", "", False),
        ("https://server.test", "", True),
        ("http://SERVER.test", "", True),
        ("https://server.test.evil.example", "", False),
        ("https://app.example", "https://app.example", True),
        ("https://other.example", "https://app.example", False),
        ("https://any.example", "*", True),
    ],
)
async def test_only_pages_of_the_same_or_an_allowed_origin_may_connect(
    live_settings: Settings, origin: str, allowed: str, lets: bool
) -> None:
    async with live_server(replace(live_settings, cors_origins=allowed)) as live:
        socket = live.socket(headers={"Origin": origin})
        if lets:
            await socket.opened()
        else:
            assert await socket.closed() == 1008


async def test_a_refused_handshake_is_json_with_a_code(live: Live) -> None:
    scope = live.socket().scope | {"extensions": {"websocket.http.response": {}}, "state": {}}
    scope["headers"] = [*scope["headers"], (b"origin", b"https://evil.example"), (b"x-request-id", b"mine-1")]
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        return {"type": "websocket.connect"}

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    await live.app(scope, receive, send)
    start, body = sent
    headers = dict(start["headers"])

    assert (start["type"], start["status"]) == ("websocket.http.response.start", 403)
    assert headers[b"content-type"] == b"application/json; charset=utf-8"
    assert headers.keys() >= {name.lower().encode() for name in HEADERS}
    (error,) = json.loads(body["body"])["errors"]
    assert error["extensions"] == {"code": "FORBIDDEN", "requestId": "mine-1"}


async def test_connections_beyond_the_limit_are_closed_with_1013(live_settings: Settings) -> None:
    async with live_server(replace(live_settings, streaming_connections=1)) as live:
        first = await live.opened()
        second = live.socket()
        await second.accepted()
        assert await second.closed() == 1013

        await first.leave()
        await live.opened()


async def test_connections_behind_a_trusted_proxy_are_limited_per_client(live_settings: Settings) -> None:
    changed = replace(live_settings, streaming_connections_per_client=1, trusted_proxies="10.0.0.0/8")
    async with live_server(changed) as live:
        for client in ("198.51.100.7", "198.51.100.8"):
            await live.socket({"X-Forwarded-For": f"203.0.113.1, {client}"}, address="10.1.2.3").opened()
        second = live.socket({"X-Forwarded-For": "198.51.100.8"}, address="10.9.9.9")
        await second.accepted()
        assert await second.closed() == 1013

        await live.socket({"X-Forwarded-For": "198.51.100.9"}, address="192.0.2.1").opened()
        liar = live.socket({"X-Forwarded-For": "198.51.100.10"}, address="192.0.2.1")
        await liar.accepted()
        assert await liar.closed() == 1013


async def test_one_address_has_a_bounded_number_of_connections(live_settings: Settings) -> None:
    async with live_server(replace(live_settings, streaming_connections_per_client=2)) as live:
        for address in ("192.0.2.1", "::ffff:192.0.2.1"):
            await live.socket(address=address).opened()
        third = live.socket(address="192.0.2.1")
        await third.accepted()
        close = await third.until_closed()
        assert close.code == 1013
        assert close.reason.startswith("At most 2 connections per client")

        await live.socket(address="192.0.2.2").opened()
        for _ in range(2):
            await live.socket(address="2001:db8::1").opened()
        neighbour = live.socket(address="2001:db8::2:1")  # of the same /64
        await neighbour.accepted()
        assert await neighbour.closed() == 1013
        streams = httpx.ASGITransport(live.app, client=("192.0.2.1", 1))
        async with httpx.AsyncClient(transport=streams, base_url="http://server.test") as client:
            refused = await client.post("/graphql", json={"query": "{"}, headers={"Accept": "text/event-stream"})

    assert refused.status_code == 429
    assert refused.json()["errors"][0]["extensions"]["code"] == "RATE_LIMITED"


async def test_a_closed_connection_frees_the_slot_of_its_address(live_settings: Settings) -> None:
    async with live_server(replace(live_settings, streaming_connections_per_client=1)) as live:
        for _ in range(3):
            await (await live.socket(address="192.0.2.1").opened()).leave()
        connections = live.connections

    assert (connections.open, connections.clients) == (0, {})


async def test_behind_a_trusted_proxy_clients_count_by_their_own_address(live_settings: Settings) -> None:
    settings = replace(live_settings, streaming_connections_per_client=1, trusted_proxies="192.0.2.1")
    async with live_server(settings) as live:
        for client in ("198.51.100.1", "198.51.100.2"):
            await live.socket({"X-Forwarded-For": client}, address="192.0.2.1").opened()
        second = live.socket({"X-Forwarded-For": "198.51.100.1"}, address="192.0.2.1")
        await second.accepted()
        assert await second.closed() == 1013

        await live.socket({"X-Forwarded-For": "198.51.100.9"}, address="192.0.2.7").opened()
        forged = live.socket({"X-Forwarded-For": "198.51.100.8"}, address="192.0.2.7")
        await forged.accepted()
        assert await forged.closed() == 1013


async def test_connections_with_a_key_count_for_the_key_and_not_the_address(
    live_settings: Settings, tmp_path: Path
) -> None:
    keys = Keys(tmp_path / "keys.json")
    one, other = ({"X-API-Key": keys.new(name)} for name in ("one", "other"))
    settings = replace(live_settings, streaming_connections_per_client=1, access="keys", keys_file=keys.file)
    async with live_server(settings) as live:
        await live.socket(one, address="192.0.2.1").opened()
        socket = live.socket(address="192.0.2.1")
        await socket.accepted()
        socket.send(type="connection_init", payload=other)
        assert await socket.get() == {"type": "connection_ack"}

        second = live.socket(one, address="192.0.2.2")
        await second.accepted()
        assert await second.closed() == 1013
        late = live.socket(address="192.0.2.2")
        await late.accepted()
        late.send(type="connection_init", payload=other)
        assert await late.closed() == 1013


async def test_an_operation_on_a_websocket_counts_for_the_quota_of_its_key(
    live_settings: Settings, tmp_path: Path
) -> None:
    keys = Keys(tmp_path / "keys.json")
    key = keys.new("partner", 2)
    async with live_server(replace(live_settings, access="keys", keys_file=keys.file)) as live:
        socket = await live.socket({"X-API-Key": key}).opened()
        socket.subscribe("1", SUBSCRIPTION)
        await live.listened()
        socket.subscribe("2", "{ __typename }")
        assert [(await socket.get())["type"] for _ in range(2)] == ["next", "complete"]
        socket.subscribe("3", "{ __typename }")
        assert await code_of(socket, "3") == "RATE_LIMITED"

        socket.subscribe("1", "{ __typename }")  # the id comes first: an error would end the one that runs
        assert await socket.closed() == 4409


async def test_an_operation_on_a_websocket_counts_its_cost(live_settings: Settings, tmp_path: Path) -> None:
    keys = Keys(tmp_path / "keys.json")
    key = keys.new("partner", 400)
    changed = replace(live_settings, access="keys", keys_file=keys.file, key_quota="cost")
    async with live_server(changed) as live:
        socket = await live.socket({"X-API-Key": key}).opened()
        socket.subscribe("1", "{ skills(first: 100) { nodes { code } } }")
        assert [(await socket.get())["type"] for _ in range(2)] == ["next", "complete"]
        socket.subscribe("2", "{ skills(first: 100) { nodes { code } } }")
        assert await code_of(socket, "2") == "RATE_LIMITED"
        socket.subscribe("3", "{ __typename }")
        assert [(await socket.get())["type"] for _ in range(2)] == ["next", "complete"]


async def test_a_connection_without_operations_and_messages_is_closed(live_settings: Settings) -> None:
    async with live_server(replace(live_settings, websocket_idle_timeout=0.3)) as live:
        busy = await live.opened()
        busy.subscribe("1", SUBSCRIPTION)
        idle = await live.opened()
        await live.listened()

        assert await idle.closed() == 1000
        await live.publish()
        assert (await busy.get())["type"] == "next"
        busy.send(type="complete", id="1")
        assert await busy.closed() == 1000


@pytest.mark.parametrize("type", ["ping", "pong", "complete", "subscribe"])
async def test_messages_faster_than_the_limit_close_with_1008(live_settings: Settings, type: str) -> None:
    async with live_server(replace(live_settings, websocket_messages=1, websocket_operations=1)) as live:
        socket = await live.opened()
        for n in range(1000):
            socket.send(type=type, id=str(n), payload={"query": "{"})
        close = await socket.until_closed()

    assert close.code == 1008
    assert close.messages <= 100  # the ten of the burst, and those of the seconds that it took


async def test_a_flood_before_the_initialisation_is_closed(live_settings: Settings) -> None:
    async with live_server(replace(live_settings, websocket_messages=1, access="passthrough")) as live:
        socket = live.socket()
        await socket.accepted()
        for _ in range(1000):
            socket.send(type="ping")

        assert await socket.closed() == 1008


async def test_the_event_loop_runs_other_tasks_between_messages(live_settings: Settings) -> None:
    async with live_server(replace(live_settings, websocket_messages=1000)) as live:
        socket = await live.opened()
        for _ in range(1000):
            socket.send(type="ping")
        async with counting_turns() as turns:
            for _ in range(1000):
                assert await socket.get() == {"type": "pong"}

    assert turns.count >= 990


async def test_a_client_that_stops_reading_is_disconnected_at_the_unsent_limit(live_settings: Settings) -> None:
    async with live_server(replace(live_settings, websocket_unsent_bytes=500)) as live:
        stalled, other = await live.opened(), await live.opened()
        stalled.reading.clear()
        for id in range(20):
            stalled.subscribe(str(id), COMPETENCE)
        await stalled.task

        other.subscribe(
            "1", "{ releases { number isCurrent } skills(first: 50) { nodes { id } } }"
        )  # alone over the bound
        assert (await other.get())["type"] == "next"
        assert (live.connections.open, live.connections.unsent_bytes) == (1, 0)


async def test_when_the_server_stops_connections_are_closed_with_1001(live: Live) -> None:
    socket = await live.opened()
    socket.subscribe("1", SUBSCRIPTION)
    await live.listened()
    live.app.state.stopping.set()

    assert await socket.closed() == 1001
    assert live.services.published.subscribers == 0


async def test_with_passthrough_a_connection_needs_a_key_that_goes_upstream(
    live_settings: Settings,
) -> None:
    async with live_server(replace(live_settings, access="passthrough")) as live:
        without = live.socket()
        await without.accepted()
        without.send(type="connection_init")
        assert await without.closed() == 4403

        socket = await live.socket(headers={"X-IBM-Client-Id": "k3y-of-a-client"}).opened()
        socket.subscribe("1", COMPETENCE)
        assert (await socket.get())["payload"]["data"]["technicalCompetence"]["code"] == "CP-7"
