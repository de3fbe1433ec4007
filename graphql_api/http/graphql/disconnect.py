"""Cancels work when its client disconnects, so that unread data is not fetched."""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

from starlette.types import Receive

from graphql_api.asyncio_tools import ended

T = TypeVar("T")


class ClientLeft(Exception):
    """The client disconnected before its response; nothing is sent, and the log records it as cancelled."""


async def while_present(receive: Receive, work: Coroutine[Any, Any, T]) -> T:
    """Returns the result of `work`; cancels it and raises ClientLeft if the client disconnects first.

    The request body must have been read.
    """
    working, leaving = asyncio.ensure_future(work), asyncio.ensure_future(_left(receive))
    try:
        await asyncio.wait({working, leaving}, return_when=asyncio.FIRST_COMPLETED)
        if not working.done():
            raise ClientLeft
        return working.result()
    finally:
        await ended((leaving, working))


async def _left(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
