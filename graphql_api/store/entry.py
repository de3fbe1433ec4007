"""Serialisation of documents for backends. Stored bytes are not trusted when they are read.

Other programs can write to the same file or server, disks and clocks fail, and versions differ. A document is stored normalised,
with its normalisation format, and normalised again when it is read. In another format it is outdated; without a format it is a
raw document from an older version, as good as a fetched one. An entry that is not a document, or exceeds the limits of one, is
unusable: counted, treated as missing, fetched again and overwritten.
"""

import logging
import math
import zlib
from collections.abc import Mapping

import orjson

from graphql_api.competent.fetch import Validators
from graphql_api.competent.hal import Document, JsonObject
from graphql_api.competent.normalise import FORMAT, normalise, renormalise
from graphql_api.competent.routes import route_of
from graphql_api.observability.metrics import STORE_INVALID_ENTRIES
from graphql_api.store.freshness import CacheEntry
from graphql_api.upstream.body import BYTES_PER_VALUE
from graphql_api.upstream.headers import is_validator

log = logging.getLogger(__name__)

_UNUSABLE = STORE_INVALID_ENTRIES.labels("document")


class UnusableEntry(ValueError):
    """A stored value cannot be read as a document."""


_END = b":"
"""Separates the format from the compressed text. Versions without formats treat such an entry as unusable."""
_RAW = b"x"
"""The first byte of zlib data; a format never starts with it."""


def pack(document: Document) -> bytes:
    """Serialise a normalised document: its format, then its compressed JSON text."""
    return FORMAT.encode() + _END + zlib.compress(orjson.dumps(document), 1)


def unpack(path: str, body: object, max_bytes: int) -> tuple[Document, bool]:
    """Deserialise the document at a path; returns it and whether it is outdated. Raises UnusableEntry.

    Normalises the document, so call it in a thread.
    """
    if not isinstance(body, bytes):
        raise UnusableEntry(f"a {type(body).__name__}, not bytes, or too many of them")
    if body.startswith(_RAW):
        return _identified(path, normalise(path, _parsed(body, max_bytes))), False
    format, _, text = body.partition(_END)
    if len(format) != len(FORMAT) or not format.isalnum():
        raise UnusableEntry("of no format")
    return _identified(path, renormalise(path, _parsed(text, max_bytes))), format != FORMAT.encode()


def _identified(path: str, document: Document) -> Document:
    match = route_of(path)
    if match is None or (match.route.identified and document.get("id") != match.uuid):
        raise UnusableEntry("of another path")
    return document


def _parsed(body: bytes, max_bytes: int) -> JsonObject:
    text = _inflated(body, max_bytes)
    if sum(map(text.count, (b",", b"[", b"{"))) > max(max_bytes // BYTES_PER_VALUE, 1000):
        raise UnusableEntry("more values than a document may have")
    try:
        document = orjson.loads(text)
    except ValueError as error:
        raise UnusableEntry(f"not JSON, or too deep: {error}"[:200]) from None
    if not isinstance(document, dict):
        raise UnusableEntry(f"a JSON {type(document).__name__}, not an object")
    return document


def _inflated(body: bytes, max_bytes: int) -> bytes:
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


def restore(path: str, at: object, etag: object, last_modified: object, body: object, max_bytes: int) -> CacheEntry:
    """Build the entry at a path from its stored values. Raises UnusableEntry if a value is invalid."""
    if isinstance(at, bool) or not isinstance(at, int | float) or not math.isfinite(at):
        raise UnusableEntry("not a time")
    validators = Validators(_validator(etag), _validator(last_modified))
    document, outdated = unpack(path, body, max_bytes)
    if outdated:  # fetch it in full: a 304 would keep fields missing that upstream has
        validators = Validators()
    return CacheEntry(document, float(at), len(orjson.dumps(document)), validators, outdated)


def _validator(value: object) -> str | None:
    if value is None or is_validator(value):
        return value
    raise UnusableEntry("a validator that cannot be sent")


def report(unusable: Mapping[str, Exception | str]) -> None:
    """Count unusable entries (reasons by path) and log them in one line."""
    if unusable:
        _UNUSABLE.inc(len(unusable))
        path, reason = next(iter(unusable.items()))
        log.warning(
            "document store: %d invalid entries treated as missing, for example %s: %s", len(unusable), path, reason
        )
