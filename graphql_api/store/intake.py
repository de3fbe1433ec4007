"""Normalises fetched documents before they enter the store, and counts what normalising leaves out."""

import asyncio

import orjson

from graphql_api.competent.concept_reader import Notes
from graphql_api.competent.hal import Document
from graphql_api.competent.normalise import normalise
from graphql_api.observability.metrics import UPSTREAM_LINKS_REJECTED
from graphql_api.store.unknown_keys import UNKNOWN_KEYS

MANY_VALUES = 2_500
"""Values above which a document is normalised in a thread. A value takes up to 5 microseconds; 17 of 650 real profiles have more
values than this."""


async def normalise_fetched(path: str, document: Document, values: int) -> tuple[Document, int]:
    """Normalise a fetched document; returns the document and the size of its JSON text in bytes."""
    notes = Notes()
    if values > MANY_VALUES:
        normalised, size = await asyncio.to_thread(_normalised, path, document, notes)
    else:
        normalised, size = _normalised(path, document, notes)
    if notes.count:
        UPSTREAM_LINKS_REJECTED.inc(notes.links_refused)
        UNKNOWN_KEYS.add(notes.unknown)
    return normalised, size


def _normalised(path: str, document: Document, notes: Notes) -> tuple[Document, int]:
    normalised = normalise(path, document, notes)
    return normalised, len(orjson.dumps(normalised))
