"""Normalised documents in an index: compressed, with a reference in place of each embedded concept.

An embedded concept that equals its `item` is referred to by the number of the concept. Any other form of it is stored as a
document with a number below that of the embedding one, and referred to by the negated number. Reading restores the original.
"""

import sqlite3
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from uuid import UUID

import orjson

from graphql_api.competent.declarations import CONCEPT_TYPES, ConceptType, concept_type
from graphql_api.competent.hal import Document, JsonObject
from graphql_api.index.concepts import count
from graphql_api.index.tables import LANGUAGES, TYPES, DamagedIndex, parts

CHUNK = 50
"""Documents in memory at a time while all documents of a type are read."""

MIN_COMPRESSED = 400
"""Bytes from which documents are compressed: compressing smaller ones would save a megabyte and double the time."""
_LEVEL = 3
"""Level 6 takes half more time and saves 5 % of the compressed bytes of a full-size release."""
_TEXT = dict.fromkeys(LANGUAGES, "")
_DICTIONARY = b"".join(
    orjson.dumps(
        {"id": "", "code": f"{type.code_prefix}-"}
        | {field.name: [{"id": "", "code": "", "title": _TEXT, "name": "", "language": "nl"}] for field in type.fields}
    )
    for type in CONCEPT_TYPES
)
"""The preset zlib dictionary: the keys of all types."""


def compressed(body: Document) -> bytes:
    """Serialise a document whose embedded concepts are references."""
    text = orjson.dumps(body)
    if len(text) < MIN_COMPRESSED:
        return text
    compressor = zlib.compressobj(_LEVEL, zdict=_DICTIONARY)
    return compressor.compress(text) + compressor.flush()


def decompressed(row: bytes) -> bytes:
    """The JSON text of a stored document. Raises DamagedIndex if it cannot be decompressed."""
    if row[:1] == b"{":
        return row
    try:
        decompressor = zlib.decompressobj(zdict=_DICTIONARY)
        body = decompressor.decompress(row)
    except (zlib.error, TypeError) as error:
        raise DamagedIndex("a document cannot be decompressed") from error
    if not decompressor.eof:
        raise DamagedIndex("a document is cut off")
    return body


def documents(connection: sqlite3.Connection, numbers: Iterable[int]) -> dict[int, Document]:
    """Documents by the numbers of their concepts, without those that the crawl could not read. Raises DamagedIndex."""
    sql = f"{_SELECT} WHERE n IN (SELECT value FROM json_each(?))"  # noqa: S608  # columns of this module
    return dict(_read(connection, connection.execute(sql, (_json(numbers),)).fetchall()))


def document(connection: sqlite3.Connection, type: ConceptType, uuid: UUID) -> Document | None:
    """The document of a concept; None if there is none or the crawl could not read it. Raises DamagedIndex."""
    rows = connection.execute(f"{_SELECT} WHERE concept_type = ? AND uuid = ?", (type.number, str(uuid))).fetchall()
    return next((document for _, document in _read(connection, rows)), None)


def listed_documents(connection: sqlite3.Connection, type: ConceptType, start: int, stop: int) -> list[Document]:
    """Documents of a type in order of code, from `start` up to, not including, `stop`.

    Leaves out those that the crawl could not read. Raises DamagedIndex.
    """
    sql = f"{_SELECT} WHERE concept_type = ? AND position >= ? AND position < ? ORDER BY position"
    return [
        document for _, document in _read(connection, connection.execute(sql, (type.number, start, stop)).fetchall())
    ]


def all_documents(connection: sqlite3.Connection, type: ConceptType) -> Iterator[Document]:
    """Yield all documents of a type that the crawl could read, in order of code, with CHUNK in memory at a time."""
    for start in range(0, count(connection, type), CHUNK):
        yield from listed_documents(connection, type, start, start + CHUNK)


_SELECT = "SELECT n, concept_type, item, document FROM concept"
_BODIES = "SELECT n, body FROM document WHERE n IN (SELECT value FROM json_each(?))"
_ITEMS = "SELECT n, item FROM concept WHERE n IN (SELECT value FROM json_each(?))"

_MEMBERS = """
    SELECT concept.item FROM embeds JOIN concept ON concept.n = embeds.member
    WHERE embeds.container = ? AND embeds.role = ? ORDER BY concept.position
"""

_Row = tuple[int, int, bytes, int | None]


def _read(connection: sqlite3.Connection, rows: Sequence[_Row]) -> Iterator[tuple[int, Document]]:
    """Yield the number and document of each row of `concept`, in order."""
    try:
        bodies = _assembled(
            connection, {number: TYPES[concept_type] for _, concept_type, _, number in rows if number is not None}
        )
        for n, concept_type, item, number in rows:
            if number is not None:
                yield n, bodies[number]
            elif TYPES[concept_type].is_block:
                yield n, orjson.loads(item)
            elif TYPES[concept_type].route is None:
                yield n, orjson.loads(item) | _members(connection, TYPES[concept_type], n)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise DamagedIndex(f"a document of the index: {error!r}") from error


def _members(connection: sqlite3.Connection, type: ConceptType, n: int) -> JsonObject:
    """The concepts that any container embeds in one without a document of its own, by field and in order of code."""
    return {
        name: [orjson.loads(item) for (item,) in connection.execute(_MEMBERS, (n, declared.role))]
        for name, declared in parts(type).items()
    }


def _assembled(connection: sqlite3.Connection, requested: Mapping[int, ConceptType]) -> dict[int, JsonObject]:
    """Documents by number, and the documents that these refer to, with embedded concepts in place of references."""
    types, bodies, embedded = dict(requested), dict[int, JsonObject](), set[int]()
    missing = set(requested)
    while missing:
        for number, row in _select(connection, _BODIES, missing):
            bodies[number] = orjson.loads(decompressed(row))
            for ref, type in _references(types[number], bodies[number]):
                if ref <= -number:
                    raise DamagedIndex(f"document {number} embeds document {-ref}")
                if ref > 0:
                    embedded.add(ref)
                else:
                    types[-ref] = type
        missing = types.keys() - bodies.keys()
    items = {n: orjson.loads(item) for n, item in _select(connection, _ITEMS, embedded)}
    for number in sorted(bodies):  # embedded documents have lower numbers, so they are complete by then
        _fill(types[number], bodies[number], lambda ref: items[ref] if ref > 0 else bodies[-ref])
    return bodies


def _select(connection: sqlite3.Connection, sql: str, numbers: set[int]) -> list[tuple[int, bytes]]:
    rows = connection.execute(sql, (_json(numbers),)).fetchall()
    if len(rows) < len(numbers):
        raise DamagedIndex("a document of the index is missing")
    return rows


def _references(type: ConceptType, body: Document) -> Iterator[tuple[int, ConceptType]]:
    for name, declared in parts(type).items():
        value = body.get(name)
        for ref in value if isinstance(value, list) else () if value is None else (value,):
            yield ref, concept_type(declared.type_name)


def _fill(type: ConceptType, body: JsonObject, concept: Callable[[int], Document]) -> None:
    for name, declared in parts(type).items():
        if (value := body.get(name)) is not None:
            body[name] = concept(value) if declared.single else [concept(ref) for ref in value]


def _json(numbers: Iterable[int]) -> str:
    return orjson.dumps(list(numbers)).decode()
