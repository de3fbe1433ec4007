"""Splits a text of a person into passages (clauses and lines) and phrases (items of enumerations), with their positions."""

import re
from bisect import bisect_left
from collections.abc import Iterable
from typing import NamedTuple

from graphql_api.errors import BadUserInput
from graphql_api.index.text_matches import TextSpan

MAX_TEXT_CHARS = 10_000
"""Maximum characters of the text."""
MAX_PASSAGES, MAX_PHRASES = 32, 64
"""Maximum passages and phrases; neighbours in longer texts are joined. Each takes milliseconds to compare."""
LONG_CHARS = 3_000
"""Texts with more characters are encoded once: the vector of a passage is the mean of those of its phrases."""

_PASSAGE = re.compile(r"(?:[^\n\r.!?;:•]|[.](?=\w))+")
_SEPARATOR = re.compile(
    r"[,()]|(?<=\s)(?:[-–—&]|en|of|et|ou|puis|and|or|und|oder|sowie)(?=\s)|[\n\r.!?;:•](?!\w)", re.IGNORECASE
)
_WORD = re.compile(r"[^\W\d_]{3}")
_EDGES = " \t\n\r\v\f\u00a0-–—*•·"


class Span(NamedTuple):
    """A part of a text, from character `start` up to, not including, `end`."""

    start: int
    end: int
    text: str


def check_text(text: str) -> None:
    """Raise BadUserInput if a text is too long, not valid Unicode, or has no letter. The message has nothing of the text."""
    if len(text) > MAX_TEXT_CHARS:
        raise BadUserInput(f"`text` has {len(text):,} characters; the limit is {MAX_TEXT_CHARS:,}.")
    if any("\ud800" <= letter <= "\udfff" for letter in text):
        raise BadUserInput("`text` has half of a surrogate pair, which is not valid Unicode.")
    if not any(map(str.isalpha, text)):
        raise BadUserInput("`text` has no letter; send a vacancy or CV.")


def passages_of(text: str) -> list[Span]:
    """The lines and clauses of a text that have a word, at most MAX_PASSAGES; the whole text if there is none."""
    spans = [_span(text, match.start(), match.end()) for match in _PASSAGE.finditer(text)]
    everything = _span(text, 0, len(text))
    return _joined(text, everything, filter(_has_word, spans), MAX_PASSAGES) or [everything]


def phrases_of(text: str, passages: Iterable[Span]) -> list[tuple[int, Span]]:
    """The items of the enumerations in passages, or else the passage, each with the position of its passage."""
    phrases = [(at, item) for at, passage in enumerate(passages) for item in _items(text, passage) or [passage]]
    if len(phrases) <= MAX_PHRASES:
        return phrases
    most = MAX_PHRASES // MAX_PASSAGES
    return [
        (at, item)
        for at, passage in enumerate(passages)
        for item in _joined(text, passage, _items(text, passage), most) or [passage]
    ]


def _items(text: str, passage: Span) -> list[Span]:
    ends = [match.span() for match in _SEPARATOR.finditer(text, passage.start, passage.end)]
    starts = [passage.start, *(end for _, end in ends)]
    items = [_span(text, start, end) for start, (end, _) in zip(starts, [*ends, (passage.end, 0)], strict=True)]
    return list(filter(_has_word, items))


def _joined(text: str, container: Span, spans: Iterable[Span], most: int) -> list[Span]:
    """At most `most` spans: if there are more in `container`, those that begin in the same part of it become one."""
    separate = list(spans)
    if len(separate) <= most:
        return separate
    joined: dict[int, Span] = {}
    for span in separate:
        part = (span.start - container.start) * most // (container.end - container.start)
        joined[part] = _span(text, joined[part].start if part in joined else span.start, span.end)
    return list(joined.values())


def _has_word(span: Span) -> bool:
    return _WORD.search(span.text) is not None


def _span(text: str, start: int, end: int) -> Span:
    """The characters of a range without spaces and bullets at its ends."""
    part = text[start:end]
    start, end = end - len(part.lstrip(_EDGES)), start + len(part.rstrip(_EDGES))
    return Span(start, end, text[start:end]) if start < end else Span(start, start, "")


class Utf16:
    """Positions in a text in UTF-16 code units, as clients in JavaScript, Java and C# count."""

    def __init__(self, text: str) -> None:
        self._wide = [at for at, letter in enumerate(text) if letter > "\uffff"]

    def _position(self, at: int) -> int:
        return at + bisect_left(self._wide, at)

    def span(self, span: Span) -> TextSpan:
        """A span with its positions in UTF-16."""
        return TextSpan(self._position(span.start), self._position(span.end), span.text)
