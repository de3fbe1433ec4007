"""Counts an export in the metrics while it is sent."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

from starlette.types import Message, Send

from graphql_api.observability.metrics import EXPORT_BYTES, EXPORT_DURATION, EXPORTS
from graphql_api.observability.request_context import RequestContext


@contextmanager
def counted(format: str, send: Send, record: RequestContext) -> Iterator[Send]:
    """A `send` for one export; at the end of the block, an export that is not complete counts as cut."""
    loop, is_complete = asyncio.get_running_loop(), False
    started_at, byte_counter = loop.time(), EXPORT_BYTES.labels(format)

    async def send_counted(message: Message) -> None:
        nonlocal is_complete
        size = len(message.get("body", b""))  # before compression, which changes the message
        await send(message)
        byte_counter.inc(size)
        is_complete = message["type"] == "http.response.body" and not message.get("more_body", False)

    try:
        yield send_counted
    finally:
        if not is_complete:
            record.forced_outcome = "cancelled"
        EXPORTS.labels(format, "complete" if is_complete else "cut").inc()
        EXPORT_DURATION.labels(format).observe(loop.time() - started_at)
