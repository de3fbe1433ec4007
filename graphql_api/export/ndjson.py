"""NDJSON (https://github.com/ndjson/ndjson-spec): the release on the first line, then one concept per line.

A line is `{"type", …}` with the keys of the Competent API; `type` is a GraphQL type. Parts come before wholes: a concept that a
line embeds has a line of its own above it. `serve --data FILE.ndjson` reads such a file (`sandbox/ndjson.py`).
"""

import sqlite3
from collections.abc import Generator
from functools import cache, partial

import orjson

from graphql_api.competent.declarations import CLASSIFICATIONS, Concepts, ConceptType, Field, concept_type
from graphql_api.competent.hal import Document, JsonObject
from graphql_api.export.contents import Batch, Contents, ReleaseFacts, Step

RELEASE = "Release"
"""The `type` of the first line."""


def steps(contents: Contents) -> Generator[Step]:
    """The steps that write a release."""
    yield lambda _: release_line(contents.release)
    for batch in contents.all_batches():
        yield partial(_lines, batch)


def release_line(release: ReleaseFacts) -> bytes:
    """The first line."""
    facts = {"type": RELEASE, "number": release.number, "publicationDate": release.published_on}
    terms = {"source": release.source, "license": release.license, "attribution": release.attribution}
    facts |= {name: text for name, text in terms.items() if text}
    return orjson.dumps(facts, option=orjson.OPT_APPEND_NEWLINE)


def _lines(batch: Batch, connection: sqlite3.Connection) -> bytes:
    return b"".join(
        orjson.dumps({"type": batch.type.name} | _hal_document(batch.type, document), option=orjson.OPT_APPEND_NEWLINE)
        for document in batch.read(connection)
    )


def _hal_document(type: ConceptType, document: Document) -> JsonObject:
    """A normalised document, embedded concepts included, with the preferred HAL key of each field: `{"id", "code", …}`.

    Keys that are missing stay missing.
    """
    body: JsonObject = {"id": document["id"]} if "id" in document else {}
    for field, key in _keys(type):
        if field.name in document:
            body[key] = _value(field, document[field.name])
    return body


@cache
def _keys(type: ConceptType) -> tuple[tuple[Field, str], ...]:
    return tuple((field, field.hal_keys[0]) for field in type.fields)


def _value(field: Field, value: object) -> object:
    match field.value, value:
        case Concepts(type_name), dict():
            return _hal_document(concept_type(type_name), value)
        case Concepts(type_name), list():
            return [_hal_document(concept_type(type_name), part) for part in value]
        case declared, list() if declared == CLASSIFICATIONS:
            return [{"type": item["scheme"], "value": item["code"]} for item in value]
    return value
