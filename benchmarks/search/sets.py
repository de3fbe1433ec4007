"""The test sets of the search benchmark: queries and the concepts that answer them, made from a release or written by hand.

Half of each set is for tuning the search, and half for reporting: every second natural query, and of the others those that a hash
of their text selects.
"""

import random
import tomllib
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from hashlib import blake2s
from itertools import cycle, pairwise
from pathlib import Path
from typing import Literal

from graphql_api.index.tokenizer import MAX_TEXT_CHARS, fold
from graphql_api.sandbox.dataset import Classification, Dataset

QUERIES = Path(__file__).with_name("queries.toml")
"""Natural queries, as tables of language; each has its acceptable codes."""
SECOND_QUERIES = Path(__file__).with_name("second_queries.toml")
"""Natural queries by another author, all for reporting, in the same form."""
SEED = 327
MOST = 400
"""Maximum queries of a set made by a script, in each half; of codes, for each sort of code."""
INDEXED_LANGUAGES = ("nl", "fr")
"""The only languages in the index that is searched for names in the other languages."""
MIN_TYPO_CHARS, MIN_TYPOS_CHARS = 5, 8
"""Minimum length of words with one typo, and with two."""

Half = Literal["tune", "report"]
Variant = Literal["complete", "half of the names", "Dutch and French"]
"""The texts in the index: all, without the names that `held_out` returns, or only those in `INDEXED_LANGUAGES`."""

NONSENSE = ("xqzvw", "qwrtp zzkk", "zzzzxxxx", "wqxj vbnk plkq", "jjjj", "kwzxq ftgbh", "vvvvqqq", "xx zz qq")


@dataclass(frozen=True)
class Query:
    """A search text, and the codes of the concepts of which one is enough; no codes: it should find nothing."""

    text: str
    acceptable: tuple[str, ...]
    half: Half


@dataclass(frozen=True)
class QuerySet:
    """Queries of one sort, searched in one variant of the index, among profiles or all types of concepts."""

    name: str
    queries: Sequence[Query]
    variant: Variant = "complete"
    profiles_only: bool = True


@dataclass
class Names:
    """The profiles that have a name or a title, by its folded text."""

    profiles: dict[str, set[str]] = field(default_factory=dict)

    def add(self, text: str, code: str) -> None:
        self.profiles.setdefault(fold(text), set()).add(code)

    def query(self, text: str, original: str | None = None) -> Query:
        """A query whose answers are the profiles with that name, or with the `original` name that it misspells."""
        acceptable = self.profiles[fold(original or text)]
        return Query(text, tuple(sorted(acceptable)), half_of(original or text))


def half_of(text: str) -> Half:
    return "report" if _hash(f"half {text}") % 2 else "tune"


def make_sets(dataset: Dataset, queries: Path = QUERIES) -> list[QuerySet]:
    """All sets for a release; those of the second author only beside QUERIES."""
    names = _names(dataset, ("nl", "fr", "en", "de"))
    every = sorted({text for text, _ in _texts(dataset, ("nl", "fr", "en", "de")) if len(text) <= MAX_TEXT_CHARS})
    one_typo = list(_misspelled(names, every, 1))
    two_typos = list(_misspelled(names, every, 2))
    codes = {profile.code for profile in dataset.profiles}
    second = [replace(query, half="report") for query in read_queries(SECOND_QUERIES, codes)]
    return [
        QuerySet("natural queries", read_queries(queries, codes)),
        *([QuerySet("natural queries, second author", second)] if queries == QUERIES else []),
        QuerySet("held-out names", _drawn(_held_out(dataset)), "half of the names"),
        QuerySet("English and German names", _drawn(_foreign(dataset)), "Dutch and French"),
        QuerySet("one typo", _drawn(one_typo)),
        QuerySet("two typos", _drawn(two_typos)),
        QuerySet("exact names", _drawn(names.query(text) for text in every)),
        QuerySet("codes", list(_codes(dataset)), profiles_only=False),
        QuerySet("nonsense", [Query(text, (), half_of(text)) for text in NONSENSE]),
    ]


def read_queries(file: Path, codes: Collection[str]) -> list[Query]:
    """Read natural queries, without those that only profiles of other releases answer."""
    tables: Mapping[str, Mapping[str, list[str]]] = tomllib.loads(file.read_text(encoding="utf-8"))
    queries = [(text, tuple(c for c in of if c in codes)) for table in tables.values() for text, of in table.items()]
    halves: Iterator[Half] = cycle(("tune", "report"))
    return [Query(text, of, half) for (text, of), half in zip(queries, halves, strict=False) if of]


def held_out(dataset: Dataset) -> dict[str, list[str]]:
    """The alternative names that the index does not have, by the code of their profile: half of each profile's names."""
    left_out: dict[str, list[str]] = {}
    for profile in dataset.profiles:
        names = sorted({name.name for name in profile.names()}, key=_hash)
        left_out[profile.code] = names[: len(names) // 2]
    return left_out


def _held_out(dataset: Dataset) -> Iterator[Query]:
    """The held-out names that are in no other place of the index either."""
    names = _names(dataset, ("nl", "fr", "en", "de"))
    left_out = held_out(dataset)
    indexed = {
        fold(text)
        for profile in dataset.profiles
        for text in (*profile.texts["title"].values(), *(name.name for name in profile.names()))
        if text and text not in left_out[profile.code]
    }
    for text in sorted({text for texts in left_out.values() for text in texts}):
        if fold(text) not in indexed and len(text) <= MAX_TEXT_CHARS:
            yield names.query(text)


def _foreign(dataset: Dataset) -> Iterator[Query]:
    """The English and German titles and names that are not also Dutch or French ones."""
    names, indexed = _names(dataset, ("en", "de")), _names(dataset, INDEXED_LANGUAGES)
    for text in sorted({text for text, _ in _texts(dataset, ("en", "de"))}):
        if fold(text) not in indexed.profiles and len(text) <= MAX_TEXT_CHARS:
            yield names.query(text)


def _misspelled(names: Names, texts: Iterable[str], typos: int) -> Iterator[Query]:
    """Each text with seeded typos, if it has long words and the result is not another name."""
    for text in texts:
        misspelled = misspell(text, typos, random.Random(f"{SEED} {typos} {text}"))  # noqa: S311  # seeded
        if misspelled and fold(misspelled) not in names.profiles:
            yield names.query(misspelled, original=text)


def misspell(text: str, typos: int, chance: random.Random) -> str | None:
    """Change one letter per typo: two typos in two words, or in one long word. None if the text has no such words."""
    words = text.split(" ")
    long = [at for at, word in enumerate(words) if len(word) >= MIN_TYPO_CHARS and word.isalpha()]
    longest = [at for at in long if len(words[at]) >= MIN_TYPOS_CHARS]
    if typos == 2 and len(long) < 2:
        long = longest * 2
    if len(long) < typos:
        return None
    for at in chance.sample(long, typos):
        words[at] = _typo(words[at], chance)
    return " ".join(words)


def _typo(word: str, chance: random.Random) -> str:
    """A word with one letter missing, doubled, replaced, or swapped with the next one; its first letter stays."""
    swaps = [at for at, (one, other) in enumerate(pairwise(word)) if at and fold(one) != fold(other)]
    at = chance.randrange(1, len(word))
    match chance.choice(("missing", "doubled", "replaced", "swapped") if swaps else ("missing", "doubled")):
        case "missing":
            return word[:at] + word[at + 1 :]
        case "doubled":
            return word[: at + 1] + word[at:]
        case "replaced":
            letter = chance.choice([letter for letter in "abcdefghijklmnopqrstuvwxyz" if letter != fold(word[at])])
            return word[:at] + letter + word[at + 1 :]
    at = chance.choice(swaps)
    return word[:at] + word[at + 1] + word[at] + word[at + 2 :]


def _codes(dataset: Dataset) -> Iterator[Query]:
    """Codes of profiles and competences in three spellings, and ISCO codes; a competence's skill is as good."""
    skills = {c.code: [skill.code for skill in c.concepts("skill")] for c in dataset.competences}
    groups: dict[str, set[str]] = {}
    for profile in dataset.profiles:
        for classification in profile.related.get("classifications", ()):
            if isinstance(classification, Classification):
                groups.setdefault(classification.code, set()).add(profile.code)
    yield from _drawn((_spelled(profile.code, ()) for profile in dataset.profiles), MOST // 4)
    yield from _drawn((_spelled(code, of) for code, of in skills.items()), MOST // 4)
    yield from _drawn(Query(code, tuple(sorted(of)), half_of(code)) for code, of in groups.items())


def _spelled(code: str, or_these: Iterable[str]) -> Query:
    spelling = (code, code.lower(), code.replace("-", " ").lower())[_hash(code) % 3]
    return Query(spelling, (code, *or_these), half_of(code))


def _drawn(queries: Iterable[Query], most: int = MOST) -> list[Query]:
    """At most `most` queries of each half, in an order independent of their texts."""
    halves: dict[Half, list[Query]] = {"tune": [], "report": []}
    for query in sorted(queries, key=lambda query: _hash(query.text)):
        if len(halves[query.half]) < most:
            halves[query.half].append(query)
    return [*halves["tune"], *halves["report"]]


def _names(dataset: Dataset, languages: Collection[str]) -> Names:
    names = Names()
    for text, code in _texts(dataset, languages):
        names.add(text, code)
    return names


def _texts(dataset: Dataset, languages: Collection[str]) -> Iterator[tuple[str, str]]:
    """All titles and alternative names in these languages, each with the code of its profile."""
    for profile in dataset.profiles:
        yield from ((text, profile.code) for language in languages if (text := profile.texts["title"].get(language)))
        yield from ((name.name, profile.code) for name in profile.names() if name.language in languages)


def _hash(text: str) -> int:
    return int.from_bytes(blake2s(f"{SEED} {text}".encode(), digest_size=8).digest())
