"""Which concepts profiles hold, and which texts say what a skill means: arrays for comparing texts of people with a release."""

import sqlite3
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from graphql_api.competent.declarations import BEHAVIOURAL_INDICATOR, OCCUPATIONAL_PROFILE, SKILL, TECHNICAL_COMPETENCE
from graphql_api.index.tables import CONTAINED_TEXTS, NESTED_ROLES, numbers

if TYPE_CHECKING:
    from graphql_api.index.semantic.embedder import Matrix

Rows = npt.NDArray[np.int64]

_CONCEPTS = "SELECT n FROM concept WHERE concept_type = ? ORDER BY position, n"
_CONTAINED = numbers(type.number for type in CONTAINED_TEXTS)
_HELD = f"SELECT profile, member FROM profile_member WHERE concept_type NOT IN ({_CONTAINED}) ORDER BY profile, member"  # noqa: S608  # numbers of types
_WEIGHTS = (
    "SELECT profile, member, weight FROM profile_member WHERE concept_type = ? ORDER BY profile, position, member"
)
_BLOCKS = f"""
SELECT container, member FROM embeds JOIN concept ON n = member AND concept_type = ?
WHERE role IN ({numbers(NESTED_ROLES)}) ORDER BY container, member
"""  # noqa: S608  # numbers of roles


class Grouping:
    """Groups of rows of a matrix, such as the concepts that each profile holds; a row may be in several groups."""

    def __init__(self, groups: Iterable[Iterable[int]], rows: int) -> None:
        """`groups` are rows of a matrix with `rows` rows."""
        members = [list(group) or [rows] for group in groups]  # an empty group has a row of zeros
        self._starts = np.cumsum([0, *map(len, members)])[:-1].astype(np.int64)
        self._rows = np.array([row for group in members for row in group], np.int64)

    def best(self, matrix: "Matrix") -> "Matrix":
        """The maximum of the rows of each group; 0 for an empty group."""
        extended = np.concatenate([matrix, np.zeros((1, matrix.shape[1]), np.float32)])
        maxima: Matrix = np.maximum.reduceat(extended[self._rows], self._starts)
        return maxima


class ConceptLinks:
    """Concepts with texts are numbered as in `concepts`; profiles and skills have positions in `profiles` and `skills` (row ids).

    `own` groups the texts of each profile, `held` what it holds (`members`: row ids), and `meaning` what each skill means
    (`meanings`: row ids): itself, and the behavioural indicators of its technical competences. `needs` has the skills (positions)
    of each profile with weights, `competences` its technical competences, and `skill_of` the position of each one's skill.
    """

    def __init__(self, connection: sqlite3.Connection, concepts: Rows) -> None:
        rows = {row_id: row for row, row_id in enumerate(concepts.tolist())}
        self.profiles = [n for (n,) in connection.execute(_CONCEPTS, (OCCUPATIONAL_PROFILE.number,))]
        self.skills = [n for (n,) in connection.execute(_CONCEPTS, (SKILL.number,))]
        self.own = Grouping(([rows[n]] if n in rows else [] for n in self.profiles), len(rows))
        held: dict[int, list[int]] = {}
        for profile, member in connection.execute(_HELD):
            held.setdefault(profile, []).append(member)
        self.members = held
        self.held = Grouping(([rows[m] for m in held.get(n, ()) if m in rows] for n in self.profiles), len(rows))
        skills = connection.execute(_BLOCKS, (SKILL.number,)).fetchall()
        indicators: dict[int, list[int]] = {}
        for competence, indicator in connection.execute(_BLOCKS, (BEHAVIOURAL_INDICATOR.number,)):
            indicators.setdefault(competence, []).append(indicator)
        meanings = {n: {n} for n in self.skills}
        for competence, skill in skills:
            meanings[skill].update(indicators.get(competence, ()))
        self.meanings = [sorted(meanings[n]) for n in self.skills]
        self.meaning = Grouping(([rows[m] for m in of_skill if m in rows] for of_skill in self.meanings), len(rows))
        position = {n: at for at, n in enumerate(self.skills)}
        self.skill_of = {competence: position[skill] for competence, skill in skills}
        self.needs = _weights(connection, SKILL.number, position)
        self.competences = _weights(connection, TECHNICAL_COMPETENCE.number, {n: n for n in self.skill_of})


def _weights(
    connection: sqlite3.Connection, concept_type: int, keys: Mapping[int, int]
) -> dict[int, list[tuple[int, float]]]:
    """What each profile (row id) holds of a type: its key, and 1 if it is essential or else 0.5."""
    weights: dict[int, list[tuple[int, float]]] = {}
    for profile, member, weight in connection.execute(_WEIGHTS, (concept_type,)):
        if member in keys:
            weights.setdefault(profile, []).append((keys[member], weight / 2))
    return weights
