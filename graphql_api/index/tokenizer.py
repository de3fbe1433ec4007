"""Tokenisation: splits text into words, folds accents and case, stems, and marks words in the original text.

Each character folds by itself, so a folded word corresponds to consecutive characters of the original. Signs separate words,
except in names such as `C++` and `C#`, which would be another word without them.
"""

import re
import unicodedata
from collections.abc import Iterable, Iterator
from collections.abc import Set as AbstractSet
from functools import lru_cache
from html import escape
from itertools import chain, islice
from typing import NamedTuple

import Stemmer

from graphql_api.index.stop_words import FUNCTION_WORDS
from graphql_api.index.tables import LANGUAGES

MAX_TEXT_CHARS = 300
"""Maximum characters of a search text; the longest titles have about 200."""

_STEMMERS = {"nl": "dutch", "fr": "french", "en": "english", "de": "german"}
_CHUNK = 500
_UNVOICED = {"z": "s", "v": "f"}
_RARE = 0x3000  # characters from here on are not cached, to bound the cache
_APART = {"œ": "oe", "æ": "ae", "ø": "o", "đ": "d", "ð": "d", "ł": "l", "ħ": "h", "ı": "i", "þ": "th"}
_BREAKS = "\u200b"  # zero-width space; other format characters, like the soft hyphen, are part of words
_WORD = re.compile(r"[^\W_]+")
_SIGNS = re.compile(r"(?<![^\s(/,;:-])[A-Za-z]{1,2}(?:\+\+|#)(?=[\s)/,;:.!?-]|$)|[+#]")
"""Names that end in signs, such as C++, or else one of these signs."""
_AS_WRITTEN = re.compile(
    r"""(?<![^\s(/,;:-])\.[A-Za-z]{2,8}(?![^\W_])  # .NET
    | (?<![^\W_])[^\W_]{1,4}(?:[/&+][^\W_]{1,4})+(?![^\W_])  # MIG/MAG, R&D, C+E
    | (?<![^\W_])[A-Z]{1,2}(?![^\W_]|['’.+#&/])  # CE, IT
    """,
    re.VERBOSE,
)
_CANDIDATE = re.compile(
    r"""[./&+A-Z](?:  # what begins with a set of characters is found fast
      (?<=[^\W_][/&+])(?=[^\W_]{1,4}(?![^\W_]))
    | (?<=\.)(?<![^\s(/,;:-]\.)(?=[A-Za-z]{2})
    | (?<=[A-Z])(?<![^\W_][A-Z])(?=[A-Z]?(?![^\W_]|['’.+#&/])))""",
    re.VERBOSE,
)
"""What each word of `_AS_WRITTEN` has; searching for it is twenty times as fast, and few texts have it."""
_COMMON_CAPITALS = frozenset("AIOUY")
"""Words of one letter, and how they begin sentences."""


class Word(NamedTuple):
    """A folded word, and the range `start` to `end` of its characters in the original text."""

    folded: str
    start: int
    end: int


class _FoldedCharacters(dict[int, str]):
    """Folded characters by code point: empty, a space (word boundary), or one or more lower-case letters and digits.

    The signs of names such as C++ are folded to themselves; `_without_lone_signs` removes all others before.
    """

    def __init__(self) -> None:
        super().__init__({ord(sign): sign for sign in "+#"})

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


_FOLDED, _FOLDED_PIECES = _FoldedCharacters(), _FoldedCharacters()
_SPACE = "\n"
"""Folded spaces in `_FOLDED_PIECES`; no other character folds to it."""
_FOLDED_PIECES[ord(" ")] = _SPACE


def fold(text: str) -> str:
    """The words of a text without accents, case and signs, separated by single spaces; empty if it has none."""
    return " ".join(_without_lone_signs(text).translate(_FOLDED).split())


def _without_lone_signs(text: str) -> str:
    """The text, of the same length and with the same spaces, with tabs in place of signs that belong to no name."""
    if "+" in text or "#" in text:
        return _SIGNS.sub(lambda match: match[0] if len(match[0]) > 1 else "\t", text)
    return text


def words_as_written(text: str) -> list[str]:
    """The words of a text that folding changes into others, as written: short capitals and words with signs inside.

    Capitals stay capitals (`CE`), others are lower-case (`mig/mag`, `.net`), so that none equals a folded word. A text that is
    all in capitals has no such capitals, unless it is that word.
    """
    if not _CANDIDATE.search(text):
        return []
    if len(text) > 2 and text == text.upper():
        return [match.lower() for match in _AS_WRITTEN.findall(text) if _has_meaning(match) and not match.isalpha()]
    return [match if match.isalpha() else match.lower() for match in _AS_WRITTEN.findall(text) if _has_meaning(match)]


def _has_meaning(word: str) -> bool:
    """Whether it is more than a word with a capital (`A`), or alternatives (`m/v`, `en/of`)."""
    if "/" in word:
        parts = fold(word).split()
        return max(map(len, parts)) > 1 and not FUNCTION_WORDS.issuperset(parts)
    return word not in _COMMON_CAPITALS


def words(text: str) -> Iterator[Word]:
    """Yield the words of a text as `fold` returns them, with their positions."""
    letters = ""
    start = end = 0
    for position, letter in enumerate(_without_lone_signs(text)):
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


def marked(text: str, marked_words: AbstractSet[str]) -> str:
    """A text as HTML, with <mark> around the words whose folded form is in `marked_words`."""
    pieces, html = text.split(" "), escape(text).split(" ")
    for at, folded in enumerate(_without_lone_signs(text).translate(_FOLDED_PIECES).split(_SPACE)):
        if folded in marked_words:
            html[at] = f"<mark>{html[at]}</mark>" if pieces[at].isalnum() else _marked(pieces[at], frozenset((folded,)))
        elif " " in folded and (matching := marked_words & {*folded.split()}):
            html[at] = _marked(pieces[at], frozenset(matching))
    return " ".join(html)


def marked_beginnings(text: str, beginnings: Iterable[str]) -> str:
    """A text as HTML, with <mark> around the longest of the folded `beginnings` with which each of its words begins."""
    html: list[str] = []
    at = 0
    for word in words(text):
        length = max((len(start) for start in beginnings if start and word.folded.startswith(start)), default=0)
        if length and word.start >= at:
            end = word.end if length == len(word.folded) else _end_of(text, word, length)
            html += escape(text[at : word.start]), "<mark>", escape(text[word.start : end]), "</mark>"
            at = end
    return "".join((*html, escape(text[at:])))


def _end_of(text: str, word: Word, length: int) -> int:
    """Where the first `length` folded characters of a word end in the original text, with the accents of the last one."""
    end = next(end for end in range(word.start + 1, word.end + 1) if len(fold(text[word.start : end])) >= length)
    while end < word.end and not _FOLDED[ord(text[end])]:
        end += 1
    return end


@lru_cache(maxsize=8192)
def _marked(text: str, marked_words: frozenset[str]) -> str:
    pieces: list[str] = []
    at = 0
    for word in words(text):
        if word.folded in marked_words and word.start >= at:
            pieces += escape(text[at : word.start]), "<mark>", escape(text[word.start : word.end]), "</mark>"
            at = word.end
    return "".join((*pieces, escape(text[at:])))


def folded_parts(word: str) -> list[str]:
    """The folded words of a word that is folded already, or as written (`MIG/MAG`)."""
    is_folded = word.isascii() and word.isalnum() and word == word.lower()
    return [word] if is_folded else fold(word).split()


class Stems:
    """Snowball stemmers of the four languages. Not thread-safe: use one object per thread."""

    def __init__(self) -> None:
        self._stemmers = [Stemmer.Stemmer(_STEMMERS[language], 0) for language in LANGUAGES]

    def of_texts(self, language: int, texts: Iterable[str]) -> set[tuple[str, str]]:
        """All pairs (stem, word) of the words of texts in a language (its position in LANGUAGES); both are folded.

        A word has two stems: of its written form and of its folded form, which a client may type.
        """
        pieces = {piece for text in texts for piece in text.split()}
        forms = {
            form
            for chunk in _chunks(pieces)
            for form in _WORD.findall(unicodedata.normalize("NFC", " ".join(chunk)).lower())
        }
        words = {form: word for form in forms if " " not in (word := _folded(form))}  # ½ folds to two words
        words |= {word: word for word in words.values()}
        stems = chain.from_iterable(map(self._stemmers[language].stemWords, _chunks(words)))
        pairs = zip(stems, words.values(), strict=True)
        return {(_unvoiced(language, _folded(stem)), word) for stem, word in pairs if stem and word}

    def of_word(self, unfolded: str, folded: str) -> set[tuple[int, str]]:
        """All possible stems of a word, as (language, stem): the language of a query is unknown."""
        forms = [*{unicodedata.normalize("NFC", unfolded).lower(), folded}]
        stems_by_language: set[tuple[int, str]] = set()
        for language, stemmer in enumerate(self._stemmers):
            stems = stemmer.stemWords(forms)
            # Without accents, French words need a second pass: infirmieres, infirmier, infirmi.
            stems += stemmer.stemWords(stems)
            stems_by_language |= {(language, _unvoiced(language, _folded(stem))) for stem in stems}
        return stems_by_language


def _chunks(words: Iterable[str]) -> Iterator[list[str]]:
    """Words in lists that take a library less than a millisecond, since it stops all threads meanwhile."""
    left = iter(words)
    while chunk := [*islice(left, _CHUNK)]:
        yield chunk


def _unvoiced(language: int, stem: str) -> str:
    """A Dutch stem as it is spelt at the end of a word: huiz(en) is huis, (golv)en is golf."""
    if LANGUAGES[language] == "nl" and stem[-1:] in _UNVOICED:
        return stem[:-1] + _UNVOICED[stem[-1]]
    return stem


def _folded(word: str) -> str:
    return word if word.isascii() else fold(word)
