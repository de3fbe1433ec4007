"""Incremental delivery for `@defer` and `@stream`: the initial result first, the rest as it arrives, as `multipart/mixed`.

Payloads follow the incremental delivery specification, with `pending`, `incremental` and `completed`.
"""

from collections.abc import AsyncGenerator
from contextlib import aclosing

import orjson
from starlette.responses import Response, StreamingResponse
from strawberry.http.streaming import MultipartTransport

from graphql_api.execution.operations import Incremental
from graphql_api.http.content_negotiation import parameters
from graphql_api.http.graphql.errors import HTTPError
from graphql_api.http.graphql.response import add_request_id, body_of, headers_of
from graphql_api.observability.request_context import RequestContext, text_in

_MULTIPART = "multipart/mixed"
_SPECIFICATIONS = (None, "v0.2")


async def multipart_response(response: Incremental, record: RequestContext, explain: bool) -> Response:
    """The multipart response to an operation.

    Raises HTTPError (406) if the client does not accept multipart, or only an older specification.
    """
    accepted = parameters(text_in(record.head, b"accept"), _MULTIPART)
    if accepted is None or "deferspec" in accepted or accepted.get("incrementalspec") not in _SPECIFICATIONS:
        await response.aclose()
        raise multipart_required()
    record.executed = True
    headers = headers_of(record) | {
        "Content-Type": f'{_MULTIPART};boundary="-";incrementalSpec=v0.2',
        "Content-Encoding": "identity",  # compression would buffer parts
        "X-Accel-Buffering": "no",  # and so would nginx
    }
    payloads = MultipartTransport("-").stream(
        lambda: _payloads(response, record, explain),
        lambda payload: orjson.dumps(payload).decode(),
    )
    return StreamingResponse(payloads(), headers=headers)


def multipart_required() -> HTTPError:
    """The 406 error for operations with `@defer` or `@stream` when multipart cannot be sent."""
    return HTTPError(406, f"`@defer` and `@stream` need a POST with `Accept: {_MULTIPART};incrementalSpec=v0.2`.")


async def _payloads(response: Incremental, record: RequestContext, explain: bool) -> AsyncGenerator[dict[str, object]]:
    async with aclosing(response):
        add_request_id(response.initial.errors, record)
        yield body_of(response.initial, record, explain) | {"pending": response.pending, "hasNext": True}
        async for payload in response.payloads:
            for name in ("incremental", "completed"):
                for entry in payload.get(name, ()):
                    add_request_id(entry.get("errors", ()), record)
            yield payload
