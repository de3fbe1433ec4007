"""A WebSocket to a real server: through uvicorn, over a socket of this machine."""

import json
import signal

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from tests.server.processes import QUERY, answer, started

pytestmark = pytest.mark.slow


async def test_a_websocket_query_runs_and_stopping_the_server_closes_it() -> None:
    async with started("serve", COMPETENT_INDEX="off", COMPETENT_MAX_BODY_BYTES="5000") as (base, _, process):
        await answer(base)
        address = base.replace("http", "ws") + "/graphql"
        async with connect(address, subprotocols=["graphql-transport-ws"]) as socket:  # type: ignore[list-item]
            await socket.send('{"type": "connection_init"}')
            assert json.loads(await socket.recv()) == {"type": "connection_ack"}
            await socket.send(json.dumps({"type": "subscribe", "id": "1", "payload": QUERY}))
            payload = json.loads(await socket.recv())["payload"]
            assert payload["data"]["technicalCompetence"]["code"] == "CP-7"
            assert json.loads(await socket.recv()) == {"type": "complete", "id": "1"}
            news = {"query": "subscription { releasePublished { number } }"}
            await socket.send(json.dumps({"type": "subscribe", "id": "1", "payload": news}))
            process.send_signal(signal.SIGTERM)
            with pytest.raises(ConnectionClosed) as closed:
                await socket.recv()
            assert closed.value.rcvd is not None
            assert closed.value.rcvd.code in (1001, 1012)
        _, errors = await process.communicate()

    assert process.returncode in (0, -signal.SIGTERM)
    assert b"Traceback" not in errors


async def test_an_oversized_message_is_rejected_before_it_is_read_completely() -> None:
    async with started("serve", COMPETENT_INDEX="off", COMPETENT_MAX_BODY_BYTES="5000") as (base, _, _):
        await answer(base)
        address = base.replace("http", "ws") + "/graphql"
        async with connect(address, subprotocols=["graphql-transport-ws"]) as socket:  # type: ignore[list-item]
            await socket.send('{"type": "connection_init"}')
            await socket.recv()
            await socket.send("x" * 100_000)
            with pytest.raises(ConnectionClosed) as closed:
                await socket.recv()
            assert closed.value.rcvd is not None
            assert closed.value.rcvd.code == 1009
