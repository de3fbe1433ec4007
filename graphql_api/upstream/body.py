"""Bodies read within bounds: bytes on the wire, bytes after inflating, and only what is a JSON object."""

import zlib
from typing import Any

import orjson

from graphql_api.errors import UpstreamInvalidResponse
from graphql_api.upstream.transport import Response

_GZIP = 16 + zlib.MAX_WBITS
_STEP = 1 << 16
"""Bytes that are inflated at a time."""


async def read_object(response: Response, most: int) -> dict[str, Any]:
    """The JSON object in a body of at most `most` bytes, before and after inflating; else UpstreamInvalidResponse."""
    try:
        document = orjson.loads(await read_bytes(response, most))
    except ValueError as error:
        raise UpstreamInvalidResponse(detail=f"not JSON: {error}") from error
    if not isinstance(document, dict):
        raise UpstreamInvalidResponse(detail=f"a JSON {type(document).__name__}, not an object")
    return document


async def read_bytes(response: Response, most: int) -> bytearray:
    """A body of at most `most` bytes, before and after inflating; else UpstreamInvalidResponse."""
    # httpx inflates a whole chunk at once, however much comes out of it: so the raw bytes are read and inflated here.
    encoding = response.headers.get("content-encoding", "identity").strip().lower()
    if encoding not in ("identity", "gzip", ""):
        raise UpstreamInvalidResponse(detail=f"content-encoding {encoding!r}").lasting()
    length = response.headers.get("content-length", "")
    if length.isdecimal() and len(length) < 20 and int(length) > most:
        raise _too_large(most)
    body = bytearray()
    inflate = zlib.decompressobj(_GZIP) if encoding == "gzip" else None
    async for raw in response.aiter_raw():
        if inflate is None:
            body += raw
        else:
            _inflate(inflate, raw, body, most)
        if len(body) > most:
            raise _too_large(most)
    if inflate and not inflate.eof:
        raise UpstreamInvalidResponse(detail="the gzip body is cut")
    return body


def _inflate(inflate: "zlib._Decompress", raw: bytes, body: bytearray, most: int) -> None:
    """What comes out of these bytes, in small steps, until they are used up or the bound is passed."""
    while raw and len(body) <= most and not inflate.eof:
        try:
            body += inflate.decompress(raw, _STEP)
        except zlib.error as error:
            raise UpstreamInvalidResponse(detail=f"broken gzip: {error}") from error
        raw = inflate.unconsumed_tail


def _too_large(most: int) -> Exception:
    return UpstreamInvalidResponse(detail=f"more than {most} bytes").lasting()
