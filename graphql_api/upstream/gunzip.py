"""Inflates gzip in small steps with bounded output; supports several members and padding after the last one."""

import zlib
from collections.abc import Iterator

STEP = 1 << 16
"""Maximum number of bytes per step."""
MAX_MEMBERS = 1000
"""Maximum number of members in a body; block compressors write one per 64 KB."""

_GZIP = 16 + zlib.MAX_WBITS
_MAGIC = b"\x1f\x8b"


class Gunzip:
    """Inflates one gzip body (RFC 1952); its members are concatenated.

    Data after the last member that does not begin another member is ignored, as `gzip -d` does.
    """

    def __init__(self) -> None:
        self._member = zlib.decompressobj(_GZIP)
        self._members = 1
        self._pending = b""
        self._over = False

    @property
    def complete(self) -> bool:
        """Whether the input so far ends with a complete member."""
        return self._member.eof

    def feed(self, raw: bytes) -> Iterator[bytes]:
        """Yields the output for these bytes, one step at a time; raises ValueError if they are not valid gzip."""
        raw, self._pending = self._pending + raw, b""
        while raw and not self._over:
            if self._member.eof:
                raw = self._begin_member(raw)
                continue
            try:
                yield self._member.decompress(raw, STEP)
            except zlib.error as error:
                problem = f"broken gzip: {error}"
            else:
                raw = self._member.unused_data or self._member.unconsumed_tail
                continue
            raise ValueError(problem)  # outside the except block: the error must not hold the frames that failed

    def _begin_member(self, raw: bytes) -> bytes:
        raw = raw.lstrip(b"\0")
        if len(raw) < len(_MAGIC):
            self._pending = raw
            return b""
        if not raw.startswith(_MAGIC):
            self._over = True
            return b""
        if self._members == MAX_MEMBERS:
            raise ValueError(f"more than {MAX_MEMBERS} gzip members")
        self._members += 1
        self._member = zlib.decompressobj(_GZIP)
        return raw
