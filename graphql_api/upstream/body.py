"""Response bodies read within bounds: bytes on the wire, bytes after inflating, values, and the bytes of all at once.

No body stays in memory because of its error: buffers are emptied however reading ends, and no error here has a cause.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any, NamedTuple

import orjson

from graphql_api.errors import UpstreamError, UpstreamInvalidResponse
from graphql_api.upstream.gunzip import Gunzip
from graphql_api.upstream.heap import HeapTrimmer
from graphql_api.upstream.transport import Response

IN_FLIGHT = 16_000_000
"""Maximum number of bytes of all bodies beyond SMALL each, unless a single one may have more."""
SMALL = 100_000
"""Bytes that a body may have before it counts towards IN_FLIGHT; nearly all documents of Competent are smaller."""
BYTES_PER_VALUE = 16
"""A body may have a value (an item, a member, a list, an object) for so many of the bytes that it may have; Competent's
documents have one for 20 or more. At 2 MB this bounds parsing to less than 20 ms."""
YIELD_EVERY = 8
"""Steps of inflating between two turns of the event loop; a step takes about a tenth of a millisecond."""

_BOM = b"\xef\xbb\xbf"


class Parsed(NamedTuple):
    """A JSON object, and about how many values it has."""

    document: dict[str, Any]
    values: int


class BodyReader:
    """Reads bodies of at most `max_bytes`, before and after inflating.

    A body larger than SMALL reserves `max_bytes` of IN_FLIGHT, once and first come first served: as none reserves twice, bodies
    cannot wait for each other in a circle.
    """

    def __init__(self, max_bytes: int, heap: HeapTrimmer) -> None:
        self._max_bytes = max_bytes
        self._max_values = max(max_bytes // BYTES_PER_VALUE, 1000)
        self._large = asyncio.Semaphore(max(IN_FLIGHT // max_bytes, 1))
        self._heap = heap

    async def read_object(self, response: Response) -> Parsed:
        """The JSON object in a body; else UpstreamInvalidResponse."""
        async with self._body(response) as body:
            parsed = _parse_object(body, self._max_values)
            if len(body) > SMALL:  # parsing took a good part of a turn
                await asyncio.sleep(0)
            return parsed

    async def read_bytes(self, response: Response) -> bytes:
        """A body, inflated; UpstreamInvalidResponse if it is too large, or encoded in another way than asked for."""
        async with self._body(response) as body:
            return bytes(body)

    @asynccontextmanager
    async def _body(self, response: Response) -> AsyncIterator[bytearray]:
        body = bytearray()
        try:
            async with AsyncExitStack() as reservation:
                await self._read(response, body, reservation)
                yield body
        finally:
            if len(body) > SMALL:
                self._heap.trim_soon()
            body.clear()

    async def _read(self, response: Response, body: bytearray, reservation: AsyncExitStack) -> None:
        gunzip = Gunzip() if _is_gzip(response) else None
        decode: Callable[[bytes], Iterable[bytes]] = gunzip.feed if gunzip else lambda raw: (raw,)
        length = response.headers.get("content-length", "")
        if length.isdecimal() and len(length) < 20 and int(length) > self._max_bytes:
            raise self._too_large()
        received = steps = 0
        async for raw in response.aiter_raw():
            received += len(raw)
            for piece in _checked(decode(raw)):
                if len(body) <= SMALL < len(body) + len(piece):
                    await reservation.enter_async_context(self._large)
                body += piece
                steps += 1
                if max(len(body), received) > self._max_bytes:
                    raise self._too_large()
                if steps % YIELD_EVERY == 0:
                    await asyncio.sleep(0)
        if gunzip and not gunzip.complete:
            raise UpstreamInvalidResponse(detail="the gzip body is cut")

    def _too_large(self) -> UpstreamError:
        return UpstreamInvalidResponse(detail=f"more than {self._max_bytes} bytes").lasting()


def _is_gzip(response: Response) -> bool:
    # httpx inflates a whole chunk at once, however much comes out of it: so the raw bytes are read and inflated here.
    told = response.headers.get("content-encoding", "")
    encodings = [each for part in told.split(",") if (each := part.strip().lower()) not in ("", "identity")]
    if encodings in (["gzip"], ["x-gzip"]):
        return True
    if encodings:
        raise UpstreamInvalidResponse(detail=f"content-encoding {told[:50]!r}").lasting()
    return False


def _checked(pieces: Iterable[bytes]) -> Iterable[bytes]:
    """These pieces, with a ValueError as one of our errors."""
    try:
        yield from pieces
    except ValueError as error:
        problem = str(error)
    else:
        return
    raise UpstreamInvalidResponse(detail=problem)


def _parse_object(body: bytearray, max_values: int) -> Parsed:
    if body.startswith(_BOM):
        del body[: len(_BOM)]
    values = sum(map(body.count, (b",", b"[", b"{")))
    if values > max_values:
        raise UpstreamInvalidResponse(detail=f"more than {max_values} values").lasting()
    try:
        document = orjson.loads(body)
    except ValueError as error:
        problem = f"not JSON: {error}"  # the error itself holds the whole body as a string
    else:
        if isinstance(document, dict):
            return Parsed(document, values)
        problem = f"a JSON {type(document).__name__}, not an object"
    raise UpstreamInvalidResponse(detail=problem)
