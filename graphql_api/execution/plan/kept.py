"""Parts of answers kept encoded: a thing under one selection is written as JSON once, and spliced into every answer after.

A part goes with any document that it was made of, as soon as that is replaced or forgotten, and is not used once one of them
is no longer fresh. The bytes of all parts are bounded; those used least recently go first.
"""

from collections.abc import Hashable
from typing import Generic, NamedTuple, Protocol, TypeVar

import orjson

from graphql_api.caching import LRUCache
from graphql_api.schema.dependencies import Dependencies

ENTRY_BYTES, NAME_BYTES = 800, 100
"""What a part takes beside its JSON text, and for each document that it was made of (measured: 700 to 900, and 65 to 100)."""


class Part(NamedTuple):
    """An encoded part of answers.

    `holds` is what its key tells by its identity, and must live as long as the key.
    """

    json: orjson.Fragment
    size: int
    read: Dependencies
    holds: object = None


class Entry(Protocol):
    """What can be kept: how many bytes it takes, and what it was made of."""

    @property
    def size(self) -> int: ...

    @property
    def read(self) -> Dependencies: ...


E = TypeVar("E", bound=Entry)


class Kept(Generic[E]):
    """What is kept, by a key that says of what, under which selection, in which languages."""

    def __init__(self, most_bytes: int) -> None:
        self._parts: LRUCache[Hashable, E] = LRUCache(most_bytes, largest=most_bytes // 8, gone=self._forget)
        self._of: dict[str, set[Hashable]] = {}

    @property
    def bytes(self) -> int:
        """What all of it takes."""
        return self._parts.bytes

    def __len__(self) -> int:
        return len(self._parts)

    def get(self, key: Hashable, now: float) -> E | None:
        """A part all of whose documents are fresh; None where there is none."""
        part = self._parts.get(key)
        if part is not None and part.read.until <= now:
            self._parts.drop(key)
            return None
        return part

    def put(self, key: Hashable, part: E) -> None:
        """Keep a part, and let go of those that no longer fit. One larger than an eighth of all the room stays out."""
        self._parts.put(key, part, part.size)
        if key in self._parts:
            for name in part.read.by_name:
                self._of.setdefault(name, set()).add(key)

    def drop(self, name: str) -> None:
        """Forget all parts that were made of this document or index."""
        for key in tuple(self._of.get(name, ())):
            self._parts.drop(key)

    def _forget(self, key: Hashable, part: E) -> None:
        for name in part.read.by_name:
            keys = self._of[name]
            keys.discard(key)
            if not keys:
                del self._of[name]


KeptParts = Kept[Part]


def copied(text: bytes) -> bytes:
    """A copy: orjson's own bytes hold on to up to eight times their length."""
    return bytes(memoryview(text))


def encoded(value: object, read: Dependencies, holds: object) -> Part:
    """A part made of a value that JSON can hold."""
    text = copied(orjson.dumps(value))
    return Part(orjson.Fragment(text), len(text) + ENTRY_BYTES + NAME_BYTES * len(read.by_name), read, holds)
