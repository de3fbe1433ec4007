"""Everyday index queries, sampled evenly from an index.

The same index gives the same queries.
"""

import sqlite3
from collections.abc import Callable, Sequence
from functools import partial
from itertools import pairwise
from typing import Any

from graphql_api.competent.declarations import (
    OCCUPATIONAL_PROFILE,
    SKILL,
    TECHNICAL_COMPETENCE,
    ConceptType,
)
from graphql_api.competent.values import ISCO
from graphql_api.index.facets import FACETS, facets
from graphql_api.index.profile_filter import Order, ProfileFilter, profiles, title_ranks
from graphql_api.index.search import Search
from graphql_api.index.similarity import gap, matches, similar
from graphql_api.index.stop_words import FUNCTION_WORDS
from graphql_api.index.tables import SEARCHED
from graphql_api.index.usage import competences_using, profiles_using

Lookups = Sequence[Callable[[sqlite3.Connection], object]]

_TEXTS = "SELECT text FROM text WHERE field = ?"
_COMMONEST = "SELECT word FROM word WHERE length(word) > 3 ORDER BY texts DESC, word LIMIT 60"
_THINGS = "SELECT n FROM concept WHERE concept_type = ? ORDER BY position"
_HELD = "SELECT member FROM profile_member WHERE profile = ? AND concept_type = ? ORDER BY position LIMIT 20"


def everyday(connection: sqlite3.Connection, search: Search) -> dict[str, Lookups]:
    """Queries of all kinds, by name of the kind."""
    titles = _drawn(connection, _TEXTS, SEARCHED[OCCUPATIONAL_PROFILE]["title"])
    return {
        **_searches(connection, search, titles),
        **_suggestions(search, titles),
        **_uses(connection),
        **_sets(connection),
    }


def _searches(connection: sqlite3.Connection, search: Search, titles: Sequence[str]) -> dict[str, Lookups]:
    labels = _drawn(connection, _TEXTS, SEARCHED[SKILL]["description"])
    pairs = [pair for label in labels if len(pair := _long_words(label)[:2]) == 2]
    common = [word for (word,) in connection.execute(_COMMONEST) if word not in FUNCTION_WORDS]
    texts = {
        "search: an exact title": titles,
        "search: two words": [" ".join(pair) for pair in pairs],
        "search: a title with two letters swapped": [_swapped(title) for title in titles],
        "search: two words written as one": ["".join(pair) for pair in pairs],
        "search: one of the commonest words": common,
    }
    search_for = partial(search.search, types=None, languages=None, start=0, stop=20)
    return {name: [partial(search_for, text=text) for text in values] for name, values in texts.items()}


def _suggestions(search: Search, titles: Sequence[str]) -> dict[str, Lookups]:
    return {
        f"suggest: {letters} typed": [
            partial(search.suggest, prefix=title[:letters], types={OCCUPATIONAL_PROFILE}, languages=None, most=10)
            for title in titles
        ]
        for letters in (1, 3, 6)
    }


def _uses(connection: sqlite3.Connection) -> dict[str, Lookups]:
    skills = _drawn(connection, _THINGS, SKILL.number, most=1000)
    siblings = [skills[at : at + 500] for at in range(0, 500, 5)]
    return {
        "profiles that use a skill": [partial(profiles_using, members=[n]) for n in skills],
        "profiles that use each of 500 skills": [partial(profiles_using, members=batch) for batch in siblings],
        "competences that hold each of 500 skills": [partial(competences_using, members=batch) for batch in siblings],
    }


def _sets(connection: sqlite3.Connection) -> dict[str, Lookups]:
    drawn = _drawn(connection, _THINGS, OCCUPATIONAL_PROFILE.number)
    values = facets(connection, [FACETS])[FACETS]
    ranks = title_ranks(connection, [0])[0]
    prefixes = map(str, (*range(1, 10), *range(11, 100)))
    isco = [ProfileFilter(values.rows(values.beginning(ISCO, [prefix]))) for prefix in prefixes]
    return {
        "gap": [partial(gap, start=start, goal=goal) for start, goal in pairwise(drawn)],
        "similar": [partial(similar, profile=profile, most=20) for profile in drawn],
        "matches: 20 technical competences": _matches(connection, drawn, TECHNICAL_COMPETENCE),
        "matches: 20 skills": _matches(connection, drawn, SKILL),
        "filter by ISCO, order by title": [partial(profiles, filter=item, order=Order(ranks)) for item in isco],
    }


def _matches(connection: sqlite3.Connection, profiles: Sequence[int], type: ConceptType) -> Lookups:
    """Queries for profiles that match a person who has much of what a profile requires."""
    held = ([n for (n,) in connection.execute(_HELD, (profile, type.number))] for profile in profiles)
    return [partial(matches, have=have, page=lambda _: (0, 20)) for have in held]


def _drawn(connection: sqlite3.Connection, sql: str, value: int, most: int = 500) -> list[Any]:
    results = [item for (item,) in connection.execute(sql, (value,))]
    return results[:: max(1, len(results) // most)][:most]


def _long_words(text: str) -> list[str]:
    return [word for word in text.split() if len(word) > 4 and word.isalpha()]


def _swapped(text: str) -> str:
    word = max(text.split(), key=len)
    at = len(word) // 2
    return text.replace(word, f"{word[: at - 1]}{word[at]}{word[at - 1]}{word[at + 1 :]}") if at else text
