"""Answers of one index that were given before: its file never changes while it is open, so neither do they.

Bounded by about the bytes that they take, the least recently used going first. A thing is the same object in every answer, so
that what others make of it can be kept by it.
"""

from collections import OrderedDict
from collections.abc import Callable
from enum import Enum
from typing import Any, Final, Literal

from graphql_api.index.things import Thing, things

MOST_BYTES = 32_000_000
"""Of one index; all things of a release at real size take less."""

_ENTRY, _THING, _USE = 300, 1000, 100
"""Bytes of an answer's place here, of a thing with its texts, and of one place where a thing is used."""


class Unknown(Enum):
    """That an answer was not given before, which is another answer than None."""

    UNKNOWN = "unknown"


UNKNOWN: Final = Unknown.UNKNOWN

Key = tuple[Callable[..., Any], Any]
"""A question, and the one thing that it is asked about."""


class Known:
    """What is known of one index. Used by the event loop's thread alone."""

    def __init__(self, most_bytes: int = MOST_BYTES) -> None:
        self._most = most_bytes
        self._answers: OrderedDict[Key, Any] = OrderedDict()
        self.bytes = 0

    def get(self, question: Callable[..., Any], key: Any) -> Any | Literal[Unknown.UNKNOWN]:
        """The answer about one thing, None where there is none; UNKNOWN where that has to be asked."""
        asked = question, key
        answer = self._answers.get(asked, UNKNOWN)
        if answer is not UNKNOWN:
            self._answers.move_to_end(asked)
        return answer

    def put(self, question: Callable[..., Any], key: Any, answer: Any) -> Any:
        """Know an answer from now on; the one to be given, in which a thing is the object that it was before."""
        known = self.get(question, key)
        if known is not UNKNOWN:
            return known
        if isinstance(answer, Thing) and question is not things:
            answer = self.put(things, answer.n, answer)
        self._answers[question, key] = answer
        self.bytes += _size(question, answer)
        while self.bytes > self._most:
            (gone, _), was = self._answers.popitem(last=False)
            self.bytes -= _size(gone, was)
        return answer


def _size(question: Callable[..., Any], answer: Any) -> int:
    if isinstance(answer, list):
        return _ENTRY + _USE * len(answer)
    return _ENTRY + _THING * (question is things and answer is not None)
