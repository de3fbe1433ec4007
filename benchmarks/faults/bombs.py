"""Unusable response bodies: small on the wire, large in memory; each is served for the ids that begin with its prefix."""

import asyncio
import zlib
from typing import Any

MEGABYTE = 1 << 20


def _gzip(*pieces: bytes) -> bytes:
    squeeze = zlib.compressobj(9, wbits=31)
    return b"".join(map(squeeze.compress, pieces)) + squeeze.flush()


def _just_below(largest: int, head: bytes, unit: bytes, tail: bytes) -> bytes:
    return head + unit * ((largest - len(head) - len(tail)) // len(unit)) + tail


LARGEST = 1_990_000
"""Maximum bytes of bodies that must stay below the limit of the server."""

BODIES: dict[str, bytes] = {
    "b0b0": _gzip(*[bytes(MEGABYTE)] * 64),
    "b0b1": _gzip(b'{"id":"') + b"".join([_gzip(bytes(MEGABYTE))] * 64),
    "b0b2": _gzip(_just_below(LARGEST, b'{"id":[', b"[],", b"0]}")),
    "b0b3": _gzip(_just_below(LARGEST, b'{"id":"x","a":[', b'{"id":7},', b"0]}")),
    "b0b4": _gzip(b'{"id":' + b"[" * 900_000 + b"]" * 900_000 + b"}"),
    "b0b5": _gzip(_just_below(LARGEST, b'{"id":', b"9", b"}")),
}
"""A bomb of 64 MB; the same in 65 members; millions of small values; small objects; deep nesting; one number."""
ENDLESS = "b0b6"
"""Prefix of ids whose body never ends."""


async def send_bomb(prefix: str, send: Any) -> None:
    """Send the body for a prefix, as gzip, or an endless one until the client disconnects."""
    headers = [(b"content-encoding", b"gzip")] if prefix in BODIES else []
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    while prefix == ENDLESS:
        await send({"type": "http.response.body", "body": b" " * 65_536, "more_body": True})
        await asyncio.sleep(0)
    await send({"type": "http.response.body", "body": BODIES[prefix]})
