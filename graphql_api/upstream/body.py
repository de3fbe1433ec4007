"""Reads response bodies within limits.

Limited are bytes on the wire, bytes after inflating, the number of values, and the bytes of all bodies in flight. Errors keep no
body in memory: buffers are cleared however reading ends, and errors raised here have no cause.
"""

import asyncio
from collections.abc import Iterable
from typing import NamedTuple, Self

import orjson

from graphql_api.competent.hal import JsonObject
from graphql_api.errors import UpstreamError, UpstreamInvalidResponse
from graphql_api.upstream.gunzip import Gunzip
from graphql_api.upstream.heap import HeapTrimmer
from graphql_api.upstream.transport import Response

IN_FLIGHT = 16_000_000
"""Maximum total bytes of all bodies in flight, not counting the first SMALL bytes of each; a single body may always use
`max_bytes`."""
SMALL = 100_000
"""Bytes up to which a body does not count towards IN_FLIGHT; nearly all Competent documents are smaller."""
BYTES_PER_VALUE = 16
"""A body may have at most `max_bytes` / BYTES_PER_VALUE values (item, member, list or object). Competent's documents have 20
bytes or more per value. At 2 MB, this bounds parsing to less than 20 ms."""
YIELD_EVERY = 8
"""Inflating steps between two yields to the event loop; a step takes about 0.1 ms."""

_BOM = b"\xef\xbb\xbf"
_BEFORE_VALUES = b",[{"
"""The bytes that precede values."""


class Parsed(NamedTuple):
    """A JSON object, its approximate number of values, and the bytes of its text."""

    document: JsonObject
    values: int
    size: int


class _Body:
    """The bytes of one body: while they are in use, those beyond SMALL hold a slot of `large`; cleared at the end."""

    __slots__ = ("_heap", "_large", "bytes", "is_large")

    def __init__(self, large: asyncio.Semaphore, heap: HeapTrimmer) -> None:
        self._large = large
        self._heap = heap
        self.bytes = bytearray()
        self.is_large = False

    async def reserve(self) -> None:
        await self._large.acquire()
        self.is_large = True

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        if self.is_large:
            self._large.release()
            self._heap.trim_soon()
        self.bytes.clear()


class BodyReader:
    """Reads bodies of at most `max_bytes`, before and after inflating.

    A body larger than SMALL reserves `max_bytes` of IN_FLIGHT, once and in order of arrival. No body reserves twice, so they
    cannot deadlock.
    """

    def __init__(self, max_bytes: int, heap: HeapTrimmer) -> None:
        self._max_bytes = max_bytes
        self._max_values = max(max_bytes // BYTES_PER_VALUE, 1000)
        self._large = asyncio.Semaphore(max(IN_FLIGHT // max_bytes, 1))
        self._heap = heap

    async def read_object(self, response: Response) -> Parsed:
        """Returns the JSON object in a body; raises UpstreamInvalidResponse if there is none or it exceeds a limit."""
        with _Body(self._large, self._heap) as body:
            await self._read(response, body)
            parsed = _parse_object(body.bytes, self._max_values)
            if body.is_large:  # parsing took much of this event-loop pass
                await asyncio.sleep(0)
            return parsed

    async def read_bytes(self, response: Response) -> bytes:
        """Returns the inflated body; raises UpstreamInvalidResponse if it is too large or has an unexpected content encoding."""
        with _Body(self._large, self._heap) as body:
            await self._read(response, body)
            return bytes(body.bytes)

    async def _read(self, response: Response, body: "_Body") -> None:
        gunzip = Gunzip() if _is_gzip(response) else None
        length = response.headers.get("content-length", "")
        if length.isdecimal() and len(length) < 20 and int(length) > self._max_bytes:
            raise self._too_large()
        received = steps = 0
        async for raw in response.aiter_raw():
            received += len(raw)
            for piece in _checked(gunzip.feed(raw)) if gunzip else (raw,):
                if not body.is_large and len(body.bytes) + len(piece) > SMALL:
                    await body.reserve()
                body.bytes += piece
                steps += 1
                if max(len(body.bytes), received) > self._max_bytes:
                    raise self._too_large()
                if steps % YIELD_EVERY == 0:
                    await asyncio.sleep(0)
        if gunzip and not gunzip.complete:
            raise UpstreamInvalidResponse(detail="the gzip body is cut")

    def _too_large(self) -> UpstreamError:
        return UpstreamInvalidResponse(detail=f"more than {self._max_bytes} bytes").lasting()


def _is_gzip(response: Response) -> bool:
    # httpx inflates a whole chunk in one call, however large the output, so the raw bytes are read and inflated here.
    header = response.headers.get("content-encoding", "")
    encodings = [name for item in header.split(",") if (name := item.strip().lower()) not in ("", "identity")]
    if encodings in (["gzip"], ["x-gzip"]):
        return True
    if encodings:
        raise UpstreamInvalidResponse(detail=f"content-encoding {header[:50]!r}").lasting()
    return False


def _checked(pieces: Iterable[bytes]) -> Iterable[bytes]:
    """Yields the pieces; turns a ValueError into UpstreamInvalidResponse."""
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
    values = len(body) - len(body.translate(None, _BEFORE_VALUES))
    if values > max_values:
        raise UpstreamInvalidResponse(detail=f"more than {max_values} values").lasting()
    try:
        document = orjson.loads(body)
    except ValueError as error:
        problem = f"not JSON: {error}"  # the exception itself holds the whole body as a string
    else:
        if isinstance(document, dict):
            return Parsed(document, values, len(body))
        problem = f"a JSON {type(document).__name__}, not an object"
    raise UpstreamInvalidResponse(detail=problem)
