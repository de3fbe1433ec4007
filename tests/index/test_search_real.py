"""How much of what people look for is found at real size, in four languages and in both workbooks.

Of names that more than five profiles have, each of these profiles must be among the exact hits, which stand by field, then by code.
"""

import lzma
import random
import shutil
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from graphql_api.competent.declarations import (
    BEHAVIOURAL_INDICATOR,
    DIGITAL_SKILL,
    KNOWLEDGE,
    OCCUPATIONAL_PROFILE,
    SKILL,
    SOFT_SKILL,
    TECHNICAL_COMPETENCE,
    ConceptType,
)
from graphql_api.index.scoring import EXACT
from graphql_api.index.search import MAX_RESULTS, MAX_TEXT_CHARS, Search, write_search
from graphql_api.index.tables import LANGUAGES
from graphql_api.index.tokenizer import fold
from graphql_api.sandbox.dataset import Dataset, Texts
from graphql_api.sandbox.excel import read_workbook
from tests.index.small_indexes import DESCRIPTION, LABEL, NAME, TITLE, WORKING_CONTEXT, Small

DATA = Path(__file__).resolve().parents[3] / "shared" / "data"
TABLES = DATA / "competent-like-650.sqlite.xz"
WORKBOOKS = {number: DATA / f"competent-export-{number}.xlsx" for number in ("3.26", "3.27")}
SEED = 650
FIRST = 5
PROFILES = {OCCUPATIONAL_PROFILE}

needs_data = pytest.mark.skipif(
    not all(file.exists() for file in (TABLES, *WORKBOOKS.values())), reason="needs the data in ../shared/data"
)
pytestmark = [pytest.mark.real, needs_data]


def each_once(*sources: str) -> list[Any]:
    """Sources as parameters, so that the index of each is made by one process only."""
    return [pytest.param(source, marks=pytest.mark.xdist_group(f"search over {source}")) for source in sources]


Row = tuple[int, int, int, str]


class Real(NamedTuple):
    """An index at real size, its titles and alternative names."""

    connection: sqlite3.Connection
    search: Search
    titles: list[Row]
    names: list[Row]

    def first(self, text: str, most: int = FIRST) -> list[int]:
        return [hit.row_id for hit in self.search.search(self.connection, text, PROFILES, None, 0, most)[0]]


@pytest.fixture(scope="module", params=each_once(*WORKBOOKS, "four languages"))
def real(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Real]:
    """One index after the other."""
    with closing(sqlite3.connect(":memory:")) as connection:
        index = Small(connection)
        if request.param in WORKBOOKS:
            _fill_from_workbook(index, read_workbook(WORKBOOKS[request.param]))
        else:
            _fill_from_tables(index, tmp_path_factory.mktemp("tables") / "tables.sqlite")
        index.finish()
        connection.execute("PRAGMA query_only = OFF")
        write_search(connection)
        rows = "SELECT concept, field, language, text FROM text WHERE field = ? ORDER BY rowid"
        titles, names = (connection.execute(rows, (field,)).fetchall() for field in (TITLE, NAME))
        yield Real(connection, Search(), titles, names)


@pytest.mark.parametrize("real", each_once(*WORKBOOKS), indirect=True)
def test_alternative_names_find_their_profile_among_the_first_five(real: Real) -> None:
    sampled = set(random.Random(SEED).sample(sorted({row[0] for row in real.titles}), 200))
    shared = _profiles_by_shared_name(real)
    names = [(thing, text) for thing, _, _, text in real.names if thing in sampled]

    assert len(names) > 4000
    assert [
        (thing, text)
        for thing, text in names
        if thing not in (real.first(text) if len(shared[fold(text)]) <= FIRST else _exact_hits(real, text))
    ] == []


def test_nine_of_ten_titles_with_swapped_letters_find_their_profile(
    real: Real,
) -> None:
    for language in range(len(LANGUAGES)):
        chance = random.Random(SEED + language)
        titles = [(thing, text) for thing, _, of, text in real.titles if of == language]
        swapped = [(thing, _with_swapped_letters(text, chance)) for thing, text in chance.sample(titles, 200)]
        results = [thing in real.first(text) for thing, text in swapped]

        assert sum(results) / len(results) >= 0.9, LANGUAGES[language]


def test_every_complete_title_and_name_is_suggested(real: Real) -> None:
    for thing, _, language, text in random.Random(SEED).sample([*real.titles, *real.names], 1000):
        results = real.search.suggest(real.connection, text, PROFILES, {language}, 50)
        assert thing in [item.row_id for item in results]
        assert all(fold(item.text).startswith(fold(text)) for item in results[:1])


def test_every_title_is_within_the_search_limit(real: Real) -> None:
    assert max(len(text) for *_, text in (*real.titles, *real.names)) <= MAX_TEXT_CHARS


def test_a_frequent_word_finds_every_profile_with_it(real: Real) -> None:
    word = "manager"
    texts = (
        "SELECT DISTINCT concept FROM text JOIN concept ON n = concept WHERE concept_type = 1 AND text LIKE '%manager%'"
    )
    having = {thing for (thing,) in real.connection.execute(texts)}

    assert len(having) > 100
    assert having <= set(real.search.row_ids(real.connection, word, PROFILES, None))


def _exact_hits(real: Real, text: str) -> list[int]:
    hits, _ = real.search.search(real.connection, text, PROFILES, None, 0, MAX_RESULTS)
    return [hit.row_id for hit in hits if hit.score in EXACT.values()]


def _profiles_by_shared_name(real: Real) -> dict[str, set[int]]:
    """The profiles that have a name, by the folded name."""
    shared: dict[str, set[int]] = {}
    for thing, _, _, text in (*real.titles, *real.names):
        shared.setdefault(fold(text), set()).add(thing)
    return shared


def _with_swapped_letters(text: str, chance: random.Random) -> str:
    """A text with two different adjacent letters swapped."""
    pairs = [
        position
        for position, (one, other) in enumerate(pairwise(text))
        if one.isalpha() and other.isalpha() and fold(one) != fold(other)
    ]
    at = chance.choice(pairs)
    return text[:at] + text[at + 1] + text[at] + text[at + 2 :]


def _fill_from_tables(index: Small, unpacked: Path) -> None:
    """The newer release of the tables, with the columns of each text in the order of LANGUAGES."""
    with lzma.open(TABLES) as packed, unpacked.open("wb") as file:
        shutil.copyfileobj(packed, file)
    with closing(sqlite3.connect(unpacked)) as tables:
        profiles: dict[str, int] = {}
        columns = ", ".join(f"{text}_{language}" for text in _TEXTS_OF_PROFILES for language in LANGUAGES)
        for uuid, code, *texts in tables.execute(
            f"SELECT id, code, {columns} FROM occupational_profile WHERE release = '3.27' ORDER BY code"
        ):
            profiles[uuid] = index.thing(OCCUPATIONAL_PROFILE, code, uuid)
            for position, field in enumerate(_TEXTS_OF_PROFILES.values()):
                _add(index, profiles[uuid], field, texts[4 * position : 4 * position + 4])
        for uuid, language, text in tables.execute(
            "SELECT profile_id, language, title FROM alternative_name WHERE release = '3.27' ORDER BY profile_id, pos"
        ):
            _add_text(index, profiles[uuid], NAME, LANGUAGES.index(language), text)
        for concept_type, select in _LABELS.items():
            for uuid, code, *texts in tables.execute(select):
                _add(index, index.thing(concept_type, code, uuid), LABEL, texts)


_TEXTS_OF_PROFILES = {
    "title": TITLE,
    "description": DESCRIPTION,
    "working_context": WORKING_CONTEXT,
}
_LABELS = {
    concept_type: f"SELECT id, code, nl, fr, en, de FROM {table} WHERE release = '3.27' ORDER BY code"
    for concept_type, table in (
        (SKILL, "skill"),
        (KNOWLEDGE, "knowledge"),
        (BEHAVIOURAL_INDICATOR, "behavioural_indicator"),
        (SOFT_SKILL, "soft_skill"),
        (DIGITAL_SKILL, "digital_skill"),
    )
} | {
    TECHNICAL_COMPETENCE: """
        SELECT one.id, one.code, nl, fr, en, de FROM technical_competence AS one
        JOIN skill ON skill.release = one.release AND skill.id = one.skill_id WHERE one.release = '3.27' ORDER BY one.code
    """
}


def _fill_from_workbook(index: Small, release: Dataset) -> None:
    def add(concept_type: ConceptType, uuid: str, code: str, field: int, texts: Texts) -> int:
        if uuid not in numbers:
            numbers[uuid] = index.thing(concept_type, code, uuid)
            _add(index, numbers[uuid], field, texts.values())
        return numbers[uuid]

    numbers: dict[str, int] = {}
    for profile in release.profiles:
        n = add(OCCUPATIONAL_PROFILE, profile.uuid, profile.code, TITLE, profile.texts["title"])
        _add(index, n, DESCRIPTION, profile.texts["description"].values())
        _add(index, n, WORKING_CONTEXT, profile.texts["workingContext"].values())
        for name in profile.names():
            _add_text(index, n, NAME, LANGUAGES.index(name.language), name.name)
    for one in release.competences:
        for skill in one.concepts("skill"):
            add(TECHNICAL_COMPETENCE, one.uuid, one.code, LABEL, skill.texts["description"])
        for concept_type, name in zip((SKILL, KNOWLEDGE, BEHAVIOURAL_INDICATOR), one.related, strict=True):
            for block in one.concepts(name):
                add(concept_type, block.uuid, block.code, LABEL, block.texts["description"])


def _add(index: Small, n: int, field: int, texts: Iterable[str | None]) -> None:
    for language, text in enumerate(texts):
        _add_text(index, n, field, language, text)


def _add_text(index: Small, n: int, field: int, language: int, text: str | None) -> None:
    if text and (text := text.strip()):
        index.connection.execute("INSERT INTO text VALUES (?, ?, ?, ?)", (n, field, language, text))
