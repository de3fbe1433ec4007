"""The occupational profiles that a text of a person speaks of, with the passages and texts that resemble each other."""

import sqlite3
from collections.abc import Collection
from typing import TYPE_CHECKING

import numpy as np

from graphql_api.competent.declarations import OCCUPATIONAL_PROFILE
from graphql_api.index.hits import holding_field, texts_of
from graphql_api.index.profile_closure import array
from graphql_api.index.search import Search
from graphql_api.index.semantic.passages import Utf16
from graphql_api.index.semantic.text_matcher import TextMatcher
from graphql_api.index.tables import FIELD_NAMES
from graphql_api.index.text_matches import MAX_PROFILES, TextProfile

if TYPE_CHECKING:
    from graphql_api.index.semantic.meaning import Meaning, Resemblance

MIN_SCORE = 0.2
"""The minimum score of a profile. Texts that speak of no occupation reach 0.3; vacancies and CVs have 0.23 to 0.5."""
MIN_SHARE = 0.5
"""The minimum score, as a fraction of that of the best profile."""

_WEIGHT = "SELECT max(weight) FROM profile_member WHERE profile = ? AND member = ?"
_TYPE = "SELECT n, concept_type FROM concept JOIN json_each(?) ON n = value"
_ESSENTIAL = 2


def profiles_for_text(
    connection: sqlite3.Connection,
    search: Search,
    meaning: "Meaning",
    text: str,
    languages: Collection[int] | None,
    start: int,
    stop: int,
) -> tuple[list[TextProfile], int]:
    """The profiles from `start` to `stop`, best first, and their total number; `languages` are positions in LANGUAGES.

    Raises BadUserInput if the text cannot be used, EmbeddingError if it has no vectors now.
    """
    matcher = TextMatcher(connection, search, meaning, text, languages)
    scores = matcher.profile_scores
    order = np.argsort(-scores, kind="stable")[:MAX_PROFILES]
    if len(order):
        order = order[scores[order] >= max(MIN_SCORE, MIN_SHARE * float(scores[order[0]]))]
    page = [(int(at), *_evidence(matcher, int(at))) for at in order[start:stop]]
    texts = texts_of(connection, (match.text for _, _, match in page))
    types = dict(connection.execute(_TYPE, (array(match.row_id for _, _, match in page),)))
    positions = Utf16(text)
    profiles = [
        TextProfile(
            row_id=matcher.links.profiles[at],
            score=float(scores[at]),
            passage=positions.span(matcher.passages[passage]),
            matched=texts[match.text],
            field=_field(connection, matcher.links.profiles[at], match, types[match.row_id]),
            language=match.language,
        )
        for at, passage, match in page
    ]
    return profiles, len(order)


def _evidence(matcher: TextMatcher, at: int) -> "tuple[int, Resemblance]":
    """The passage, by position, and the title, name or competence of a profile that resemble each other most."""
    passage = int(np.argmax(np.round(np.maximum(matcher.own[at], matcher.held[at]), 4)))
    profile = matcher.links.profiles[at]
    row_ids = np.array([profile, *matcher.links.members.get(profile, ())], np.int64)
    return passage, matcher.meaning.nearest(matcher.vectors[passage], row_ids, matcher.languages)


def _field(connection: sqlite3.Connection, profile: int, match: "Resemblance", concept_type: int) -> str:
    """The field of the profile that has the text, or that holds the concept with it."""
    if concept_type == OCCUPATIONAL_PROFILE.number:
        return FIELD_NAMES[concept_type, match.field]
    (weight,) = connection.execute(_WEIGHT, (profile, match.row_id)).fetchone()
    return holding_field(concept_type, weight == _ESSENTIAL)
