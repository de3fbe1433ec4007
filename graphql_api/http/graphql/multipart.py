"""Incremental delivery for `@defer` and `@stream`: the initial result first, the rest as it arrives, as `multipart/mixed`.

Payloads follow the incremental delivery specification, with `pending`, `incremental` and `completed`.
"""

from collections.abc import AsyncGenerator, Callable
from contextlib import AsyncExitStack, aclosing
from typing import Any

import orjson
from starlette.responses import Response, StreamingResponse
from strawberry.http.streaming import MultipartTransport

from graphql_api.execution.engine import Answer
from graphql_api.http.content_negotiation import parameters
from graphql_api.http.graphql.errors import HTTPError
from graphql_api.http.graphql.response import body_of, headers_of, sign
from graphql_api.observability.request_context import RequestContext, text_in

_MULTIPART = "multipart/mixed"
_SPECIFICATIONS = (None, "v0.2")


async def in_parts(answer: Answer, record: RequestContext, explain: bool, close: Callable[[], None]) -> Response:
    """The multipart response to an operation.

    Raises HTTPError (406) if the client does not accept multipart, or only an older specification. Calls `close` when
    nothing more will be sent.
    """
    assert answer.later is not None
    told = parameters(text_in(record.head, b"accept"), _MULTIPART)
    if told is None or "deferspec" in told or told.get("incrementalspec") not in _SPECIFICATIONS:
        await answer.later.aclose()
        close()
        raise needs_parts()
    record.executed = True
    headers = headers_of(record) | {
        "Content-Type": f'{_MULTIPART};boundary="-";incrementalSpec=v0.2',
        "Content-Encoding": "identity",  # compression would buffer parts
        "X-Accel-Buffering": "no",  # and so would nginx
    }
    transport = MultipartTransport("-")
    payloads = transport.stream(
        lambda: _payloads(answer, record, explain, close), lambda told: orjson.dumps(told).decode()
    )
    return StreamingResponse(payloads(), headers=headers)


def needs_parts() -> HTTPError:
    """The 406 error for operations with `@defer` or `@stream` when multipart cannot be sent."""
    return HTTPError(406, f"`@defer` and `@stream` need a POST with `Accept: {_MULTIPART};incrementalSpec=v0.2`.")


async def _payloads(
    answer: Answer, record: RequestContext, explain: bool, close: Callable[[], None]
) -> AsyncGenerator[dict[str, Any]]:
    sign(answer.errors, record)
    yield body_of(answer, record, explain) | {"pending": answer.pending, "hasNext": True}
    assert answer.later is not None
    async with AsyncExitStack() as over:
        over.callback(close)
        later = await over.enter_async_context(aclosing(answer.later))
        async for payload in later:
            for each in (*payload.get("incremental", ()), *payload.get("completed", ())):
                sign(each.get("errors", ()), record)
            yield payload
