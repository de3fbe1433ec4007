"""Normalises fetched documents before they enter the store, and counts what normalising leaves out."""

import asyncio

from graphql_api.competent.concept_reader import Notes
from graphql_api.competent.hal import Document
from graphql_api.competent.normalise import normalise
from graphql_api.observability.metrics import UPSTREAM_LINKS_REJECTED
from graphql_api.store.unknown_keys import UNKNOWN_KEYS

MANY_VALUES = 2_500
"""Values above which a document is normalised in a thread. A value takes up to 5 microseconds; 17 of 650 real profiles have more
values than this."""


async def normalise_fetched(path: str, raw: Document, values: int) -> Document:
    """Normalise a fetched document; in a thread if the approximate number of its `values` is large."""
    notes = Notes()
    if values > MANY_VALUES:
        document = await asyncio.to_thread(normalise, path, raw, notes)
    else:
        document = normalise(path, raw, notes)
    _count(notes)
    return document


def normalised(path: str, raw: Document) -> Document:
    """Normalise a document immediately, however large."""
    notes = Notes()
    document = normalise(path, raw, notes)
    _count(notes)
    return document


def _count(notes: Notes) -> None:
    if notes.count:
        UPSTREAM_LINKS_REJECTED.inc(notes.links_refused)
        UNKNOWN_KEYS.add(notes.unknown)
