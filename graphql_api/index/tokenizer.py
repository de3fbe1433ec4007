"""Tokenisation: splits text into words, folds accents and case, stems, and marks words in the original text.

Folding is context-free: each character folds by itself, so a folded word corresponds to consecutive characters of the original.
"""

import re
import unicodedata
from collections.abc import Collection, Iterable, Iterator
from html import escape
from typing import NamedTuple

import Stemmer

from graphql_api.index.tables import LANGUAGES

MAX_TEXT_CHARS = 300
"""Maximum characters of a search text; the longest titles have about 200."""

_STEMMERS = {"nl": "dutch", "fr": "french", "en": "english", "de": "german"}
_RARE = 0x3000  # characters from here on are not cached, to bound the cache
_APART = {"œ": "oe", "æ": "ae", "ø": "o", "đ": "d", "ð": "d", "ł": "l", "ħ": "h", "ı": "i", "þ": "th"}
_BREAKS = "\u200b"  # zero-width space; other format characters, like the soft hyphen, are part of words
_SPACES = re.compile(r"(\s+)")
_WORD = re.compile(r"[^\W_]+")

_FUNCTION_WORDS = {
    "nl": "de het een en van in op met zonder voor te om aan bij uit door naar die dat zij hij zijn zich als tot over",
    "fr": "de le la les un une des du et ou au aux en pour par sur sous dans avec sans que qui leur leurs ils elles",
    "en": "the a an of and for in on to with without by at from as they their that are is",
    "de": "der die das den dem des ein eine einer und oder von vom für mit ohne in im zu zum zur auf bei sie als",
}


class Word(NamedTuple):
    """A folded word, and the range `start` to `end` of its characters in the original text."""

    folded: str
    start: int
    end: int


class _FoldedCharacters(dict[int, str]):
    """Folded characters by code point: empty, a space (word boundary), or one or more lower-case letters and digits."""

    def __missing__(self, code: int) -> str:
        folded = _fold_letter(chr(code))
        if code < _RARE:
            self[code] = folded
        return folded


def _fold_letter(letter: str) -> str:
    small = unicodedata.normalize("NFKD", letter).casefold()
    plain = unicodedata.normalize("NFKD", "".join(_APART.get(part, part) for part in small))
    return "".join(map(_part, plain))


def _part(part: str) -> str:
    category = unicodedata.category(part)
    if category[0] == "M" or (category == "Cf" and part not in _BREAKS):
        return ""
    return part if part.isalnum() else " "


_FOLDED = _FoldedCharacters()


def fold(text: str) -> str:
    """The words of a text without accents and case, separated by single spaces; empty if it has none."""
    return " ".join(text.translate(_FOLDED).split())


def words(text: str) -> Iterator[Word]:
    """Yield the words of a text as `fold` returns them, with their positions."""
    letters = ""
    start = end = 0
    for position, letter in enumerate(text):
        folded = _FOLDED[ord(letter)]
        for part in folded:
            if part == " ":
                if letters:
                    yield Word(letters, start, end)
                letters = ""
            else:
                start = start if letters else position
                letters, end = letters + part, position + 1
        if not folded and letters:
            end = position + 1  # a combining accent, or a soft hyphen
    if letters:
        yield Word(letters, start, end)


def marked(text: str, marked_words: Collection[str]) -> str:
    """A text as HTML, with <mark> around the words whose folded form is in `marked_words`."""
    return "".join(
        piece if piece.isspace() else _marked(piece, marked_words) if _has(piece, marked_words) else escape(piece)
        for piece in _SPACES.split(text)
    )


def _has(piece: str, marked_words: Collection[str]) -> bool:
    return any(word in marked_words for word in piece.translate(_FOLDED).split())


def _marked(text: str, marked_words: Collection[str]) -> str:
    pieces: list[str] = []
    at = 0
    for word in words(text):
        if word.folded in marked_words and word.start >= at:
            pieces += escape(text[at : word.start]), "<mark>", escape(text[word.start : word.end]), "</mark>"
            at = word.end
    return "".join((*pieces, escape(text[at:])))


FUNCTION_WORDS = frozenset(fold(" ".join(_FUNCTION_WORDS.values())).split())
"""Folded function words, such as articles and prepositions, which say little about a text."""


class Stems:
    """Snowball stemmers of the four languages. Not thread-safe: use one object per thread."""

    def __init__(self) -> None:
        self._stemmers = [Stemmer.Stemmer(_STEMMERS[language], 0) for language in LANGUAGES]

    def of_texts(self, language: int, texts: Iterable[str]) -> set[tuple[str, str]]:
        """All pairs (stem, word) of the words of texts in a language (its position in LANGUAGES); both are folded.

        A word has two stems: of its written form and of its folded form, which a client may type.
        """
        pieces = " ".join({piece for text in texts for piece in text.split()})
        forms = {word: _folded(word) for word in set(_WORD.findall(unicodedata.normalize("NFC", pieces).lower()))}
        written = {
            word: folded for word, folded in forms.items() if " " not in folded
        }  # not those that fold to two words, as ½ does
        folded = list(set(written.values()))
        stems = self._stemmers[language].stemWords
        pairs = {*zip(stems(list(written)), written.values(), strict=True), *zip(stems(folded), folded, strict=True)}
        return {(_folded(stem), word) for stem, word in pairs if stem and word}

    def of_word(self, written: str, folded: str) -> set[tuple[int, str]]:
        """All possible stems of a word, as (language, stem): the language of a query is unknown."""
        forms = {unicodedata.normalize("NFC", written).lower(), folded}
        stems_by_language: set[tuple[int, str]] = set()
        for language, stemmer in enumerate(self._stemmers):
            stems = {stemmer.stemWord(form) for form in forms}
            # Without accents, French words need a second pass: infirmieres, infirmier, infirmi.
            stems |= {stemmer.stemWord(stem) for stem in stems}
            stems_by_language |= {(language, fold(stem)) for stem in stems}
        return stems_by_language


def _folded(word: str) -> str:
    return word if word.isascii() else fold(word)
