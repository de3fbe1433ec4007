"""What a text of a person speaks of: the occupational profiles and competences of a release that it resembles.

Plain data, so that it can be imported without numpy; `index/semantic/text_matcher.py` computes it.
"""

from collections.abc import Sequence
from enum import Enum
from typing import NamedTuple

MAX_PROFILES = 100
"""Maximum profiles for a text."""


class TextSpan(NamedTuple):
    """A part of the text, from `start` up to, not including, `end`, in UTF-16 code units."""

    start: int
    end: int
    text: str


class TextProfile(NamedTuple):
    """A profile (row id) with a score from 0 to 1, and the passage and the text that resemble each other most.

    `field` is the GraphQL field of the profile that has the text, or that holds the concept with it; `language` is its position
    in LANGUAGES.
    """

    row_id: int
    score: float
    passage: TextSpan
    matched: str
    field: str
    language: int


class TextEvidence(Enum):
    """Why a competence is returned; only the first two say that a passage speaks of it."""

    WORDS = "words"
    MEANING = "meaning"
    LIKELY_PROFILE = "likely profile"


class TextCompetence(NamedTuple):
    """A skill and its technical competences (row ids) with a score from 0 to 1; `spans` are the passages that speak of it."""

    skill: int
    technical_competences: Sequence[int]
    score: float
    because: TextEvidence
    spans: Sequence[TextSpan]


class TextCompetences(NamedTuple):
    """Competences, best first, and the passages that speak of none of them."""

    competences: Sequence[TextCompetence]
    unresolved: Sequence[TextSpan]
