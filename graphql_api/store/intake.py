"""Documents on their way into the store: normalised, and what that leaves out counted."""

import asyncio

import orjson

from graphql_api.competent.concept_reader import Notes
from graphql_api.competent.hal import Document
from graphql_api.competent.normalise import normalise
from graphql_api.observability.metrics import UPSTREAM_LINKS_REJECTED
from graphql_api.store.unknown_keys import UNKNOWN_KEYS

MANY_VALUES = 2_500
"""Values from which on a document is normalised in a thread. A value takes up to 5 microseconds; of 650 real profiles 17 have
more."""


async def normalise_fetched(path: str, document: Document, values: int) -> tuple[Document, int]:
    """The normalised document of a raw one that was fetched, and the bytes of its JSON text."""
    notes = Notes()
    if values > MANY_VALUES:
        normalised, size = await asyncio.to_thread(_normalised, path, document, notes)
    else:
        normalised, size = _normalised(path, document, notes)
    UPSTREAM_LINKS_REJECTED.inc(notes.links_refused)
    UNKNOWN_KEYS.add(notes.unknown)
    return normalised, size


def _normalised(path: str, document: Document, notes: Notes) -> tuple[Document, int]:
    normalised = normalise(path, document, notes)
    return normalised, len(orjson.dumps(normalised))
