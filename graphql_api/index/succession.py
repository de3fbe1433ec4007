"""Which concepts took the place of those that ended between two releases: inferred from uuid, code, label and shared competences.

Competent does not say what replaces a concept. A concept has ended if its uuid is gone. What took its place has its code, is
called like it, or has gained what it had: the competences that it consisted of, or the competences and profiles that had it.
Weights and thresholds were chosen on one half of two releases of real size; `benchmarks/succession.py` measures the other.
"""

import sqlite3
from collections import defaultdict
from collections.abc import Collection, Container, Iterable, Iterator, Mapping
from enum import IntEnum
from typing import NamedTuple

from graphql_api.competent.declarations import CONCEPT_TYPES, ConceptType
from graphql_api.index.concepts import Key
from graphql_api.index.release_concepts import ReleaseConcepts
from graphql_api.index.succession_clues import NOTHING, Share, labelled_alike, shares, similarity
from graphql_api.index.tables import CONTAINED_TEXTS


class Evidence(IntEnum):
    """Why a concept is taken for the successor of another, the strongest first."""

    UUID = 1
    CODE = 2
    LABEL = 3
    SHARED_COMPETENCES = 4


class Successor(NamedTuple):
    """A concept that took the place of another; `score` is from MIN_SCORE to 1."""

    key: Key
    evidence: Evidence
    score: float


CODE_WEIGHT, LABEL_WEIGHT, SHARED_WEIGHT = 0.6, 0.9, 0.95
"""How certain each clue alone makes a succession at most, from 0 to 1; several are combined as if they were independent."""
HALF_CERTAIN = 3
"""Number of neighbours gained of which the certainty is half of SHARED_WEIGHT."""
MIN_SCORE = 0.55
MIN_SIMILARITY, ALIKE = 0.6, 0.9
"""Similarity of labels from which they are a clue, and from which they are the evidence."""
MIN_SHARE = 0.5
"""Share of what it had that makes up for another label under the same code."""
TWIN_SCORE = 0.8
"""Score from which a concept stands for the one it replaced, where concepts that contain them are compared."""
MIN_PART, MAX_PARTS = 0.2, 3
"""Share of what a concept had from which a new concept is a part of it, if it was split; and how many parts it may have."""
MAX_PART_SCORE = 0.75
"""Maximum score of a part; below TWIN_SCORE, since no part stands for all of them."""
MAX_SUCCESSORS = 5
SLICE = 100
"""Maximum ended concepts that are compared together, so that no step lets other threads wait long, or needs much memory."""


class _Clues(NamedTuple):
    """What speaks for a successor. `similarity` of labels is None if no language has both; `rivals` have labels as similar."""

    has_code: bool
    similarity: float | None
    share: Share
    rivals: int


def successions(
    before: sqlite3.Connection, after: sqlite3.Connection, ended: Iterable[Key]
) -> dict[Key, tuple[Successor, ...]]:
    """The successors of concepts of the earlier release that have `ended`, the best first, at most MAX_SUCCESSORS.

    A concept without a successor is left out. The result is deterministic.
    """
    old, new = ReleaseConcepts(before), ReleaseConcepts(after)
    of_types: defaultdict[int, list[Key]] = defaultdict(list)
    for key in ended:
        of_types[key[0]].append(key)
    successors: dict[Key, tuple[Successor, ...]] = {}
    twins: dict[Key, Key] = {}
    for type in reversed(CONCEPT_TYPES):  # parts before what contains them
        of_type: dict[Key, tuple[Successor, ...]] = {}
        keys = of_types[type.number]
        for start in range(0, len(keys), SLICE):
            of_type.update(_of_type(type, old, new, keys[start : start + SLICE], twins))
        twins |= {key: best[0].key for key, best in of_type.items() if best[0].score >= TWIN_SCORE}
        successors |= of_type
    return successors


def _of_type(
    type: ConceptType, old: ReleaseConcepts, new: ReleaseConcepts, ended: Collection[Key], twins: Mapping[Key, Key]
) -> Iterator[tuple[Key, tuple[Successor, ...]]]:
    labels, gained = old.labels(old.rows(ended)), shares(old, new, ended, twins)
    # Many technical competences have the same skill, and so the same label: it says nothing alone.
    named = {} if type in CONTAINED_TEXTS else labelled_alike(new, labels)
    codes = old.codes(ended)
    with_codes = new.with_codes(type.number, codes.values())
    coded = {key: with_codes.get(codes[key] or "", []) for key in ended}
    candidates = {key: {*gained[key], *named.get(key, ()), *coded[key]} for key in ended}
    rows = new.rows(set().union(*candidates.values()))
    was_there = old.rows(rows)
    new_labels = new.labels(rows)
    of_other_types = new.with_uuids(uuid for _, uuid in ended)
    were_there = old.rows(one for with_uuid in of_other_types.values() for one in with_uuid)
    for key in ended:
        equal = {one for one, is_equal in named.get(key, {}).items() if is_equal}
        similar = {one: 1.0 if one in equal else similarity(labels[key], new_labels[one]) for one in candidates[key]}
        clues = {
            one: _Clues(one in coded[key], similar[one], gained[key].get(one, NOTHING), _rivals(one, similar))
            for one in candidates[key]
        }
        ranked = sorted(
            [*_scored(clues)] or _parts(clues, was_there), key=lambda successor: (-successor.score, rows[successor.key])
        )
        now = [one for one in of_other_types.get(key[1], ()) if one not in were_there]  # the concept is of another type
        same = [Successor(one, Evidence.UUID, 1.0) for one in now]
        if best := tuple([*same, *ranked][:MAX_SUCCESSORS]):
            yield key, best


def _rivals(one: Key, similar: Mapping[Key, float | None]) -> int:
    return sum((other or 0.0) >= (similar[one] or 0.0) for other in similar.values())


def _scored(clues: Mapping[Key, _Clues]) -> Iterator[Successor]:
    for key, clue in clues.items():
        code, label, shared = _certainties(clue)
        score = 1 - (1 - code) * (1 - label) * (1 - shared)
        if score >= MIN_SCORE:
            is_label = label >= shared or (clue.similarity or 0.0) >= ALIKE
            weaker = Evidence.LABEL if is_label else Evidence.SHARED_COMPETENCES
            yield Successor(key, Evidence.CODE if code else weaker, round(score, 3))


def _parts(clues: Mapping[Key, _Clues], was_there: Container[Key]) -> list[Successor]:
    """The new concepts among which what a concept had was divided; empty if they are too many, or have too little of it."""
    parts = {key: clue.share for key, clue in clues.items() if clue.share.weight >= MIN_PART and key not in was_there}
    score = _shared(sum(part.weight for part in parts.values()), sum(part.neighbours for part in parts.values()))
    if 2 <= len(parts) <= MAX_PARTS and score >= MIN_SCORE:
        score = round(min(score, MAX_PART_SCORE), 3)
        return [Successor(key, Evidence.SHARED_COMPETENCES, score) for key in parts]
    return []


def _shared(weight: float, neighbours: float) -> float:
    return SHARED_WEIGHT * weight * neighbours / (neighbours + HALF_CERTAIN)


def _certainties(clue: _Clues) -> tuple[float, float, float]:
    """How certain the code, the label and what is shared each make the succession."""
    similar = max(0.0, ((clue.similarity or 0.0) - MIN_SIMILARITY) / (1 - MIN_SIMILARITY))
    is_other = clue.similarity is not None and not similar and clue.share.weight < MIN_SHARE  # another has its code now
    code = CODE_WEIGHT if clue.has_code and not is_other else 0.0
    label = LABEL_WEIGHT * similar**2 / (1 if clue.share.weight else clue.rivals)
    return code, label, _shared(*clue.share)
