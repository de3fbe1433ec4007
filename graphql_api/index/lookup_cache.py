"""Answers of one index that were given before: its file never changes while it is open, so neither do they.

Bounded by about the bytes that they take, the least recently used going first. A concept is the same object in every answer, so
that what others make of it can be kept by it.
"""

from collections.abc import Callable
from enum import Enum
from typing import Any, Final, Literal

from graphql_api.caching import LRUCache
from graphql_api.index.concepts import IndexedConcept, by_row_id

MOST_BYTES = 32_000_000
"""Of one index; all concepts of a release at real size take less."""

_ENTRY, _CONCEPT, _USE = 300, 1000, 100
"""Bytes of an answer's place here, of a concept with its texts, and of one place where it is used."""


class Unknown(Enum):
    """That an answer was not given before, which is another answer than None."""

    UNKNOWN = "unknown"


UNKNOWN: Final = Unknown.UNKNOWN

Key = tuple[Callable[..., Any], Any]
"""A question, and the one key that it is asked about."""


class LookupCache:
    """What is known of one index. Used by the event loop's thread alone."""

    def __init__(self, most_bytes: int = MOST_BYTES) -> None:
        self._answers: LRUCache[Key, Any] = LRUCache(most_bytes)

    @property
    def bytes(self) -> int:
        """About what all of it takes."""
        return self._answers.bytes

    def get(self, question: Callable[..., Any], key: Any) -> Any | Literal[Unknown.UNKNOWN]:
        """The answer about one thing, None where there is none; UNKNOWN where that has to be asked."""
        return self._answers.get((question, key), UNKNOWN)

    def put(self, question: Callable[..., Any], key: Any, answer: Any) -> Any:
        """Know an answer from now on; the one to be given, in which a concept is the object that it was before."""
        known = self.get(question, key)
        if known is not UNKNOWN:
            return known
        if isinstance(answer, IndexedConcept) and question is not by_row_id:
            answer = self.put(by_row_id, answer.row_id, answer)
        self._answers.put((question, key), answer, _size(question, answer))
        return answer


def _size(question: Callable[..., Any], answer: Any) -> int:
    if isinstance(answer, list):
        return _ENTRY + _USE * len(answer)
    return _ENTRY + _CONCEPT * (question is by_row_id and answer is not None)
