"""Documents as bytes in a file or a server, and back. Nothing that is read from there is trusted.

Others can write to the same place, disks and clocks fail, and versions differ. An entry that is not as this version wrote it, or
that takes more time or memory than a document may, is unusable: treated as missing, counted, fetched again and overwritten.
"""

import logging
import math
import zlib
from collections.abc import Mapping

import orjson

from graphql_api.competent.fetch import Validators
from graphql_api.competent.hal import Document
from graphql_api.observability.metrics import STORE_INVALID_ENTRIES
from graphql_api.store.freshness import Kept
from graphql_api.upstream.body import BYTES_PER_VALUE
from graphql_api.upstream.headers import is_validator

log = logging.getLogger(__name__)

_UNUSABLE = STORE_INVALID_ENTRIES.labels("document")


class UnusableEntry(ValueError):
    """A stored value that is no document of this version."""


def pack(document: Document) -> bytes:
    """A document as it is stored: its JSON text, compressed."""
    return zlib.compress(orjson.dumps(document), 1)


def unpack(body: object, max_bytes: int) -> tuple[Document, int]:
    """A document and the bytes of its JSON text; raises UnusableEntry. Takes less than 20 ms, in a thread or not."""
    text = _inflated(body, max_bytes)
    if sum(map(text.count, (b",", b"[", b"{"))) > max(max_bytes // BYTES_PER_VALUE, 1000):
        raise UnusableEntry("more values than a document may have")
    try:
        document = orjson.loads(text)
        orjson.dumps(
            document
        )  # it is read to a thousand levels and written to 254, which is as deep as a document may be
    except (ValueError, TypeError) as error:
        raise UnusableEntry(f"not JSON, or too deep: {error}"[:200]) from None
    if not isinstance(document, dict):
        raise UnusableEntry(f"a JSON {type(document).__name__}, not an object")
    return document, len(text)


def _inflated(body: object, max_bytes: int) -> bytes:
    if not isinstance(body, bytes):
        raise UnusableEntry(f"a {type(body).__name__}, not bytes, or too many of them")
    inflater = zlib.decompressobj()
    try:
        text = inflater.decompress(body, max_bytes + 1)
    except zlib.error as error:
        raise UnusableEntry(str(error)) from None
    if len(text) > max_bytes:
        raise UnusableEntry(f"more than {max_bytes} bytes")
    if not inflater.eof or inflater.unused_data:
        raise UnusableEntry("cut off, or followed by something else")
    return text


def restore(at: object, etag: object, last_modified: object, body: object, max_bytes: int) -> Kept:
    """The entry that these values are of; raises UnusableEntry for values that this version does not write."""
    if isinstance(at, bool) or not isinstance(at, int | float) or not math.isfinite(at):
        raise UnusableEntry("not a time")
    validators = Validators(_validator(etag), _validator(last_modified))
    document, size = unpack(body, max_bytes)
    return Kept(document, float(at), size, validators)


def _validator(value: object) -> str | None:
    if value is None or is_validator(value):
        return value
    raise UnusableEntry("a validator that cannot be sent")


def report(unusable: Mapping[str, Exception | str]) -> None:
    """Count unusable entries, by path or key, and log them in one line."""
    if unusable:
        _UNUSABLE.inc(len(unusable))
        path, reason = next(iter(unusable.items()))
        log.warning(
            "document store: %d invalid entries treated as missing, for example %s: %s", len(unusable), path, reason
        )
