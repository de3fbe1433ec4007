"""What speaks for the successor of a concept: similar labels, and what a later concept has gained of it."""

import math
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from json import dumps
from typing import NamedTuple

from rapidfuzz import fuzz

from graphql_api.competent.declarations import CONCEPT_TYPES, NAMES, concept_type
from graphql_api.index.concepts import Key
from graphql_api.index.postings import unpack
from graphql_api.index.profile_closure import array
from graphql_api.index.release_concepts import Labels, ReleaseConcepts
from graphql_api.index.tables import LANGUAGES, SEARCH, SEARCHED, numbers, parts

MAX_WORD_TEXTS, RAREST_WORDS = 60, 4
"""To find similar labels: the most texts that may have a word, and how many words of a label are looked up."""
SINGLE_PLACE = 5
"""Number of neighbours that a place counts for which only one concept can have, such as that of the skill in a competence."""
MAX_NEIGHBOURS = 300
"""Number of concepts from which having a competence, or being in a profile, says nothing."""

_SINGLE = {
    (type.number, concept_type(value.type_name).number)
    for type in CONCEPT_TYPES
    for value in parts(type).values()
    if value.single
}
"""Types of a container and of a part of which it has one: what has gained its place has replaced another."""
_LABELS = numbers(number for number, search in SEARCH.items() if search.exact is not None)
_POSTINGS = "SELECT word, postings FROM word WHERE texts <= ? AND word IN (SELECT value FROM json_each(?))"
_OTHER_NAMES = {
    SEARCHED[type][field.name]
    for type in CONCEPT_TYPES
    for field in type.fields
    if field.value == NAMES and field.search
}
"""Numbers of the fields that have alternative names."""
_OCCURRENCES = f"""
    SELECT input.value, field, folded, language, concept.concept_type, uuid FROM json_each(?) AS input
    CROSS JOIN searched_text ON searched_text.n = input.value CROSS JOIN occurrence ON searched_text = searched_text.n
    JOIN concept ON concept.n = occurrence.concept
    WHERE field IN ({_LABELS})
"""  # noqa: S608  # numbers of fields


class Share(NamedTuple):
    """What a concept has gained of another: `weight` from 0 to 1, and the number of neighbours."""

    weight: float
    neighbours: float


NOTHING = Share(0.0, 0.0)


def similarity(one: Labels, other: Labels) -> float | None:
    """How similar two labels are, from 0 to 1, as the mean of the languages that both have; None if there is none."""
    ratios = [
        max(fuzz.ratio(one[language], other[language]), fuzz.token_sort_ratio(one[language], other[language]))
        for language in one
        if language in other
    ]
    return sum(ratios) / len(ratios) / 100 if ratios else None


def shares(
    old: ReleaseConcepts, new: ReleaseConcepts, ended: Collection[Key], twins: Mapping[Key, Key]
) -> dict[Key, dict[Key, Share]]:
    """How much of what each ended concept had a later one of the same type has gained.

    What a concept had are its neighbours that live on, or whose successor (`twins`) is certain. Rare ones weigh more. If several
    concepts have gained the same neighbour, they share its weight.
    """
    had = old.neighbours(ended)
    became = {one: twins.get(one, one) for key in ended for one in had[key]}
    there = new.rows({*became.values()})
    lives = {one: now for one, now in became.items() if now in there}
    before, after = old.neighbours(lives), new.neighbours(set(lives.values()))
    result: dict[Key, dict[Key, Share]] = {}
    for key in ended:
        gained: defaultdict[Key, list[float]] = defaultdict(lambda: [0.0, 0.0])
        total = 0.0
        for one in sorted(had[key]):
            rest = {other for other in before[one] if other[0] == key[0]}
            if one not in lives or len(rest) > MAX_NEIGHBOURS:
                continue
            weight = 1 / math.log2(1 + len(rest))
            total += weight
            newcomers = {other for other in after[lives[one]] if other[0] == key[0]} - rest
            for other in newcomers:
                gained[other][0] += weight / len(newcomers)
                gained[other][1] += (SINGLE_PLACE if (one[0], key[0]) in _SINGLE else 1) / len(newcomers)
        result[key] = {other: Share(weight / total, count) for other, (weight, count) in gained.items()}
    return result


def labelled_alike(release: ReleaseConcepts, of_keys: Mapping[Key, Labels]) -> dict[Key, dict[Key, bool]]:
    """The concepts of the same type that have a rare word of each of these labels, and whether one of their names equals it."""
    words = {word for of_key in of_keys.values() for text in of_key.values() for word in text.split()}
    rows = release.connection.execute(_POSTINGS, (MAX_WORD_TEXTS, dumps(sorted(words))))
    postings = {word: unpack(packed) for word, packed in rows}
    texts = {key: _texts(of_key.values(), postings) for key, of_key in of_keys.items()}
    occurrences: defaultdict[int, list[tuple[int, str, str, Key]]] = defaultdict(list)
    for n, field, folded, language, type, uuid in release.connection.execute(
        _OCCURRENCES, (array(set[int]().union(*texts.values())),)
    ):
        occurrences[n].append((field, folded, LANGUAGES[language], (type, uuid)))
    alike: dict[Key, dict[Key, bool]] = {}
    for key, texts_of_key in of_keys.items():
        of_key = alike[key] = {}
        for field, folded, language, candidate in (one for n in texts[key] for one in occurrences[n]):
            if candidate[0] == key[0]:
                equal = field in _OTHER_NAMES and texts_of_key.get(language) == folded
                of_key[candidate] = equal or of_key.get(candidate, False)
    return alike


def _texts(label: Iterable[str], postings: Mapping[str, Sequence[int]]) -> set[int]:
    """The texts that have one of the rarest words of a label in a language."""
    texts: set[int] = set()
    for text in label:
        rare = sorted(
            (word for word in set(text.split()) if word in postings), key=lambda word: (len(postings[word]), word)
        )
        for word in rare[:RAREST_WORDS]:
            texts.update(postings[word])
    return texts
