"""NDJSON (https://github.com/ndjson/ndjson-spec): the release on the first line, then one concept per line.

A line is `{"type", …}` with the keys of the Competent API; `type` is a GraphQL type. Parts come before wholes: a concept that a
line embeds has a line of its own above it. `serve --data FILE.ndjson` reads such a file (`sandbox/ndjson.py`).
"""

import sqlite3
from collections.abc import Generator
from functools import partial

import orjson

from graphql_api.export.contents import Batch, Contents, ReleaseFacts, Step
from graphql_api.export.hal import hal_document

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
        orjson.dumps({"type": batch.type.name} | hal_document(batch.type, document), option=orjson.OPT_APPEND_NEWLINE)
        for document in batch.read(connection)
    )
