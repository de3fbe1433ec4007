"""Work that is done only while its client is there: what nobody will read is not fetched."""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

from starlette.types import Receive

from graphql_api.asyncio_tools import ended

T = TypeVar("T")


class ClientLeft(Exception):
    """The client left before its answer: nothing is sent, and the log says so."""


async def while_present(receive: Receive, work: Coroutine[Any, Any, T]) -> T:
    """The result of the work; it is ended by ClientLeft when the client leaves. The body must have been read."""
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
