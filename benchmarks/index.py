"""What the index of a release costs, and how fast it answers, at real size and at a multiple of it.

Every figure of a run is from this machine and this run; each step at each size has a process of its own, so that neither
memory nor caches mix. Who reads it looks at the ratios first: they hold on other machines too.
"""

import argparse
import asyncio
import os
import platform
import resource
import sqlite3
import sys
import time
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple, ParamSpec, TypeVar

from graphql_api.index import Index
from graphql_api.index.changes import changes
from graphql_api.index.compare import gap, matches, similar
from graphql_api.index.file import IndexFile
from graphql_api.index.filter import Order, ProfileFilter, profiles
from graphql_api.index.indexes import ask_both
from graphql_api.index.search import suggest
from graphql_api.index.tables import Field, Kind, Role
from graphql_api.index.uses import competences_using, profiles_using
from graphql_api.index.walk import Progress, Walk
from graphql_api.index.words import FUNCTION_WORDS
from graphql_api.parts import Parts
from graphql_api.sandbox import Releases, create_sandbox
from graphql_api.sandbox.dataset import AlternativeName, Block, Competence, Dataset, Profile, Texts
from graphql_api.sandbox.documents import read_documents, write_documents
from graphql_api.sandbox.excel import read_workbook
from graphql_api.settings import Settings

DATA = Path(__file__).parents[2] / "shared" / "data"
BEFORE, AFTER = "3.26", "3.27"
SOURCE = "benchmark"

P = ParamSpec("P")
T = TypeVar("T")
Costs = dict[str, float]
Ask = Callable[[sqlite3.Connection], object]


class Timing(NamedTuple):
    """Look-ups of one sort: how many a second, and milliseconds of the middle one and of the slowest hundredth."""

    per_second: float
    p50: float
    p99: float


# What is measured: each step runs in a process of its own.


def convert(folder: Path, release: str, size: int) -> Costs:
    """A workbook to documents, in `size` copies."""
    costs: Costs = {}
    with timed(costs, "read the workbook, s"):
        dataset = read_workbook(DATA / f"competent-export-{release}.xlsx")
    if size > 1:
        dataset = times(dataset, size)
        del costs["read the workbook, s"]  # there is no workbook of this size
    with timed(costs, "write its documents, s"):
        write_documents(dataset, documents_path(folder, release, size), SOURCE)
    return costs | {"memory of both, MB": peak()}


def index(folder: Path, release: str, size: int) -> Costs:
    """Documents to a finished index, as the server makes it over the sandbox."""
    documents = read_documents(documents_path(folder, release, size), SOURCE)
    assert documents
    costs: Costs = {}
    file = index_file(folder, release, size)
    connection, settings = file.begin(), Settings(index="off", store="memory:")

    async def walk() -> None:
        parts = Parts(settings, create_sandbox(Releases([documents])))
        await Walk(connection, parts.store.pass_through, release, settings.page_size, 1, Progress()).run()
        await parts.aclose()

    with timed(costs, "walk, s"):
        asyncio.run(walk())
    costs["memory of the walk, MB"] = peak()
    with timed(costs, "finish, s"):
        file.finish(connection)
    return costs | {"memory of walk and finish, MB": peak(), "index file, MB": file.path.stat().st_size / 1e6}


def ask(folder: Path, size: int, least: int, seconds: float) -> tuple[Costs, dict[str, Timing]]:
    """Every sort of look-up, one after the other."""
    costs: Costs = {}
    with timed(costs, "open the index, s"):
        after = Index(index_file(folder, AFTER, size))
    return costs, asyncio.run(_ask(after, Index(index_file(folder, BEFORE, size)), costs, least, seconds))


async def _ask(after: Index, before: Index, costs: Costs, least: int, seconds: float) -> dict[str, Timing]:
    with timed(costs, "first search, which reads the vocabulary, s"):
        await after.ask(partial(after.search.search, text="x", kinds=None, languages=None, start=0, stop=20))
    found = {}
    for name, questions in (await after.ask(look_ups, after)).items():
        found[name] = await timing([partial(after.ask, question) for question in questions], least, seconds)
    both = partial(ask_both, before, after, changes, None, None)
    found[f"changes from {BEFORE} to {AFTER}"] = await timing([both] * 10, least, seconds)
    costs["memory of an index that answered, MB"] = peak()
    after.close()
    before.close()
    return found


async def timing(questions: Iterable[Callable[[], Awaitable[object]]], least: int, seconds: float) -> Timing:
    """Questions asked one after the other: at least so many, and no more once so many seconds have gone."""
    took: list[float] = []
    for question in questions:
        start = time.perf_counter()
        await question()
        took.append(time.perf_counter() - start)
        if len(took) >= least and sum(took) > seconds:
            break
    took.sort()
    return Timing(len(took) / sum(took), took[len(took) // 2] * 1000, took[len(took) * 99 // 100] * 1000)


# What is asked, drawn from the index itself, evenly over all of it.


def look_ups(connection: sqlite3.Connection, index: Index) -> dict[str, list[Ask]]:
    """The questions of each sort."""
    return _texts(connection, index) | _sets(connection)


def _texts(connection: sqlite3.Connection, index: Index) -> dict[str, list[Ask]]:
    titles = drawn(connection, f"SELECT text FROM text WHERE field = {Field.TITLE:d}")
    labels = drawn(connection, f"SELECT text FROM text WHERE field = {Field.LABEL:d}")
    pairs = [long[:2] for label in labels if len(long := [w for w in label.split() if len(w) > 4 and w.isalpha()]) > 1]
    common = drawn(connection, "SELECT word FROM word WHERE length(word) > 3 ORDER BY texts DESC, word LIMIT 60")
    texts = {
        "search: exact title": titles,
        "search: two words": map(" ".join, pairs),
        "search: misspelled title": map(swapped, titles),
        "search: two words as a compound": map("".join, pairs),
        "search: word that hits thousands": [word for word in common if word not in FUNCTION_WORDS],
    }
    search = partial(index.search.search, kinds=None, languages=None, start=0, stop=20)
    found: dict[str, list[Ask]] = {name: [partial(search, text=text) for text in some] for name, some in texts.items()}
    for letters in (1, 3, 6):
        starts = [title[:letters] for title in titles]
        found[f"suggest: {letters} letters"] = [partial(suggest, prefix=p, languages=None, most=10) for p in starts]
    return found


def _sets(connection: sqlite3.Connection) -> dict[str, list[Ask]]:
    skills = drawn(connection, f"SELECT n FROM thing WHERE kind = {Kind.Skill:d}", 2000)
    some = drawn(connection, f"SELECT n FROM thing WHERE kind = {Kind.OccupationalProfile:d}")
    has = [[n for (n,) in connection.execute(_COMPETENCES, (profile,))][:20] for profile in some]
    known = [[n for (n,) in connection.execute(_SKILLS, (profile,))][:20] for profile in some]
    isco = [ProfileFilter(isco=str(digits)) for digits in (*range(1, 10), *range(11, 100))]
    return {
        "profiles that use one skill": [partial(profiles_using, parts=[n]) for n in skills[:500]],
        "profiles that use 500 siblings": [partial(profiles_using, parts=skills[at : at + 500]) for at in range(100)],
        "competences that use 500 siblings": [
            partial(competences_using, parts=skills[at : at + 500]) for at in range(100)
        ],
        "gap": [partial(gap, start=start, goal=goal) for start, goal in zip(some, some[1:], strict=False)],
        "similar profiles": [partial(similar, profile=n, most=20) for n in some],
        "matches: 20 competences": [partial(matches, have=each, start=0, stop=20) for each in has],
        "matches: 20 skills": [partial(matches, have=each, start=0, stop=20) for each in known],
        "filter by ISCO, order by title": [partial(profiles, filter=each, order=Order("title")) for each in isco],
    }


_COMPETENCES = f"SELECT part FROM holds WHERE whole = ? AND role IN ({Role.ESSENTIAL:d}, {Role.OPTIONAL:d})"
_SKILLS = f"SELECT DISTINCT part FROM element WHERE profile = ? AND kind = {Kind.Skill:d} ORDER BY part"


def drawn(connection: sqlite3.Connection, sql: str, most: int = 500) -> list[T]:
    """About so many values of a query, evenly over all of them."""
    found = [value for (value,) in connection.execute(sql)]
    return found[:: max(1, len(found) // most)][:most]


def swapped(text: str) -> str:
    """A text with two letters swapped in the middle of its longest word."""
    word = max(text.split(), key=len)
    at = len(word) // 2
    return text.replace(word, word[: at - 1] + word[at : at + 1] + word[at - 1 : at] + word[at + 1 :])


# A release several times as large: more of everything that a release makes, with the closed lists (soft and digital skills,
# sectors, areas, ISCO) as they are, shared by all.


def times(dataset: Dataset, size: int) -> Dataset:
    """A release with so many copies of its profiles and competences, under other ids and codes and with other words."""
    copies = [Copy(number) for number in range(size)]
    found = [([c.competence(each) for each in dataset.competences], [*map(c.profile, dataset.profiles)]) for c in copies]
    competences, made = ([one for some in all_of for one in some] for all_of in zip(*found, strict=True))
    return replace(dataset, competences=tuple(competences), profiles=tuple(made))


class Copy:
    """One copy of a release; the first is the release itself."""

    def __init__(self, number: int) -> None:
        self._number = number
        self._made: dict[str, Block | Competence] = {}
