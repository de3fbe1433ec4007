"""What a word is: folded so that accents and case do not matter, cut to its stems, found again in the original text.

Folding has no context: every letter folds by itself, so a folded word is always some letters of the original, in a row.
"""

import re
import unicodedata
from collections.abc import Collection, Iterable, Iterator
from html import escape
from typing import NamedTuple

import Stemmer

from graphql_api.index.tables import LANGUAGES

MOST_LETTERS = 300
"""Of a text that a client searches for; the longest titles have some 200."""

_STEMMERS = {"nl": "dutch", "fr": "french", "en": "english", "de": "german"}
_RARE = 0x3000  # what stands above is folded anew each time, so that what is remembered stays small
_APART = {"œ": "oe", "æ": "ae", "ø": "o", "đ": "d", "ð": "d", "ł": "l", "ħ": "h", "ı": "i", "þ": "th"}
_BREAKS = "\u200b"  # a space of no width; other signs without a shape, like the soft hyphen, stand inside of words
_SPACES = re.compile(r"(\s+)")
_WORD = re.compile(r"[^\W_]+")

_FUNCTION_WORDS = {
    "nl": "de het een en van in op met zonder voor te om aan bij uit door naar die dat zij hij zijn zich als tot over",
    "fr": "de le la les un une des du et ou au aux en pour par sur sous dans avec sans que qui leur leurs ils elles",
    "en": "the a an of and for in on to with without by at from as they their that are is",
    "de": "der die das den dem des ein eine einer und oder von vom für mit ohne in im zu zum zur auf bei sie als",
}


class Word(NamedTuple):
    """A folded word, and the letters from `start` to `end` of the text that it stands for."""

    folded: str
    start: int
    end: int


class _Letters(dict[int, str]):
    """What each letter folds to: nothing, a space where words end, or one or more small letters and digits."""

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


_LETTERS = _Letters()


def fold(text: str) -> str:
    """The words of a text without accents and case, with one space between them; empty where it has no word."""
    return " ".join(text.translate(_LETTERS).split())


def words(text: str) -> Iterator[Word]:
    """The words of a text, in order: those of `fold`, and where they stand."""
    letters = ""
    start = end = 0
    for place, letter in enumerate(text):
        folded = _LETTERS[ord(letter)]
        for part in folded:
            if part == " ":
                if letters:
                    yield Word(letters, start, end)
                letters = ""
            else:
                start = start if letters else place
                letters, end = letters + part, place + 1
        if not folded and letters:
            end = place + 1  # an accent of its own, or a soft hyphen
    if letters:
        yield Word(letters, start, end)


def marked(text: str, wanted: Collection[str]) -> str:
    """A text as HTML in which the words that fold to a wanted one are marked, with the letters that they are written in."""
    return "".join(
        piece if piece.isspace() else _marked(piece, wanted) if _has(piece, wanted) else escape(piece)
        for piece in _SPACES.split(text)
    )


def _has(piece: str, wanted: Collection[str]) -> bool:
    return any(word in wanted for word in piece.translate(_LETTERS).split())


def _marked(text: str, wanted: Collection[str]) -> str:
    pieces: list[str] = []
    at = 0
    for word in words(text):
        if word.folded in wanted and word.start >= at:
            pieces += escape(text[at : word.start]), "<mark>", escape(text[word.start : word.end]), "</mark>"
            at = word.end
    return "".join((*pieces, escape(text[at:])))


FUNCTION_WORDS = frozenset(fold(" ".join(_FUNCTION_WORDS.values())).split())
"""Folded words that hold names together and tell nothing of what is named."""


class Stems:
    """Snowball's stemmers of the four languages. One object for one thread."""

    def __init__(self) -> None:
        self._stemmers = [Stemmer.Stemmer(_STEMMERS[language], 0) for language in LANGUAGES]

    def of_texts(self, language: int, texts: Iterable[str]) -> set[tuple[str, str]]:
        """All pairs of a stem and a folded word that has it, for the words of texts in a language (its place).

        A word has the stem of how it is written and that of its folded form, which a client may type; both are folded.
        """
        pieces = " ".join({piece for text in texts for piece in text.split()})
        found = {word: _folded(word) for word in set(_WORD.findall(unicodedata.normalize("NFC", pieces).lower()))}
        written = {word: folded for word, folded in found.items() if " " not in folded}  # a half sign is two numbers
        folded = list(set(written.values()))
        stems = self._stemmers[language].stemWords
        pairs = {*zip(stems(list(written)), written.values(), strict=True), *zip(stems(folded), folded, strict=True)}
        return {(_folded(stem), word) for stem, word in pairs if stem and word}

    def of_word(self, written: str, folded: str) -> set[tuple[int, str]]:
        """The stems that a word may have, each with its language: nobody tells in which one a question is put."""
        forms = {unicodedata.normalize("NFC", written).lower(), folded}
        found: set[tuple[int, str]] = set()
        for language, stemmer in enumerate(self._stemmers):
            stems = {stemmer.stemWord(form) for form in forms}
            # Without its accents a French word loses less at a time: infirmieres, infirmier, infirmi.
            stems |= {stemmer.stemWord(stem) for stem in stems}
            found |= {(language, fold(stem)) for stem in stems}
        return found


def _folded(word: str) -> str:
    return word if word.isascii() else fold(word)
