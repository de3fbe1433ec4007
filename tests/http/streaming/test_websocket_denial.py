"""A WebSocket that is denied, through uvicorn: a 403 in JSON, and nothing in the log that looks like a fault."""

import json
import logging

import pytest
import websockets

from graphql_api.app import create_app
from graphql_api.sandbox import Releases, create_sandbox
from graphql_api.settings import Settings
from tests.server.sockets import serving


async def test_a_denied_websocket_is_403_in_json_and_no_fault_in_the_log(
    releases: Releases, settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.ERROR, "uvicorn.error"):
        async with serving(create_app(settings, create_sandbox(releases)), ws="websockets-sansio") as (_, address):
            with pytest.raises(websockets.InvalidStatus) as denied:
                await websockets.connect(f"ws://127.0.0.1:{address[1]}/graphql", origin="https://evil.example")

    assert denied.value.response.status_code == 403
    assert json.loads(denied.value.response.body)["errors"][0]["extensions"]["code"] == "FORBIDDEN"
    assert caplog.records == []
