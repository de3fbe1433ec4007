"""Bodies read within bounds: bytes on the wire, bytes after inflating, and only what is a JSON object."""

import zlib
from collections.abc import AsyncIterator
from typing import Any

import orjson

from graphql_api.errors import UpstreamInvalidResponse
from graphql_api.upstream.transport import Response

_GZIP = 16 + zlib.MAX_WBITS


async def read_object(response: Response, most: int) -> dict[str, Any]:
    """The JSON object in a body of at most `most` bytes, before and after inflating; else UpstreamInvalidResponse."""
    try:
        document = orjson.loads(await _read(response, most))
    except ValueError as error:
        raise UpstreamInvalidResponse(detail=f"not JSON: {error}") from error
    if not isinstance(document, dict):
        raise UpstreamInvalidResponse(detail=f"a JSON {type(document).__name__}, not an object")
    return document


async def _read(response: Response, most: int) -> bytes:
    body = bytearray()
    async for chunk in _inflated(response, most):
        body += chunk
        if len(body) > most:
            raise UpstreamInvalidResponse(detail=f"more than {most} bytes")
    return bytes(body)


async def _inflated(response: Response, most: int) -> AsyncIterator[bytes]:
    # httpx inflates a whole chunk at once, however much comes out of it: so the raw bytes are read and inflated here,
    # never more than one byte over the bound.
    encoding = response.headers.get("content-encoding", "identity").strip().lower()
    if encoding not in ("identity", "gzip", ""):
        raise UpstreamInvalidResponse(detail=f"content-encoding {encoding!r}")
    inflate = zlib.decompressobj(_GZIP) if encoding == "gzip" else None
    async for raw in response.aiter_raw():
        try:
            yield inflate.decompress(raw, most + 1) if inflate else raw
        except zlib.error as error:
            raise UpstreamInvalidResponse(detail=f"broken gzip: {error}") from error
    if inflate and not inflate.eof:
        raise UpstreamInvalidResponse(detail="the gzip body is cut")
