"""The competences that a text of a person speaks of, and those that it probably implies.

A skill is found by its description and by the behavioural indicators of its technical competences, and more readily if the
profiles that the text resembles need it. One that only follows from such profiles is marked as a guess.
"""

import sqlite3
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from graphql_api.index.profile_closure import array
from graphql_api.index.search import Search
from graphql_api.index.semantic.passage_words import significant_stems
from graphql_api.index.semantic.passages import Utf16
from graphql_api.index.semantic.text_matcher import VECTORS_PER_STEP, TextMatcher
from graphql_api.index.text_matches import TextCompetence, TextCompetences, TextEvidence

if TYPE_CHECKING:
    from graphql_api.index.semantic.embedder import Matrix
    from graphql_api.index.semantic.meaning import Meaning

LIKELY_PROFILES, TEMPERATURE = 20, 0.01
"""The profiles that the text may be about, and by how much of its score one must differ to be 2.7 times as likely."""
NEED = 0.5
"""The weight of the need for a skill in these profiles, relative to the similarity of a phrase."""
PER_PHRASE = 2
"""Maximum skills of a phrase."""
MIN_SIMILARITY, MIN_TOTAL = 0.4, 0.7
"""Minimum similarity of a phrase to a skill, alone and with the need for it."""
MIN_NEED = 0.6
"""Minimum need for a skill that is only guessed."""
MIN_SHARE, MIN_WORDS_SIMILARITY = 0.75, 0.6
"""Minimum share of the words of the text of a competence that a phrase has to have, to match by words; and minimum similarity."""
MAX_TECHNICAL_COMPETENCES = 5

_TEXTS = """
SELECT concept, text, language FROM occurrence JOIN searched_text ON n = searched_text JOIN json_each(?) ON concept = value
"""


def competences_in_text(
    connection: sqlite3.Connection,
    search: Search,
    meaning: "Meaning",
    text: str,
    languages: Collection[int] | None,
    most: int,
) -> TextCompetences:
    """At most `most` competences, best first: those that the text speaks of, then those that it implies.

    `languages` are positions in LANGUAGES. Raises BadUserInput if the text cannot be used, EmbeddingError if it has no vectors
    now.
    """
    matcher = TextMatcher(connection, search, meaning, text, languages)
    likely = _likely_profiles(matcher)
    need = np.zeros(len(matcher.links.skills), np.float32)
    for profile, probability in likely.items():
        for skill, weight in matcher.links.needs.get(profile, ()):
            need[skill] += probability * weight
    similarities = _similarities(matcher)
    spoken_of = _spoken_of(similarities, need)
    total = {skill: max(float(similarities[skill, at]) for at in phrases) for skill, phrases in spoken_of.items()}
    guesses = [int(skill) for skill in np.flatnonzero(need >= MIN_NEED) if skill not in spoken_of]
    scores = {skill: (similarity + NEED * float(need[skill])) / (1 + NEED) for skill, similarity in total.items()}
    order = sorted(spoken_of, key=lambda skill: (-round(scores[skill], 4), skill))
    order += sorted(guesses, key=lambda skill: (-round(float(need[skill]), 4), skill))
    close = {
        skill: [at for at in spoken_of.get(skill, ()) if similarities[skill, at] >= MIN_WORDS_SIMILARITY]
        for skill in order[:most]
    }
    by_words = _by_words(matcher, {skill: phrases for skill, phrases in close.items() if phrases})
    technical = _technical_competences(matcher, likely)
    positions = Utf16(text)
    resolved = {matcher.phrases[at].passage for phrases in spoken_of.values() for at in phrases}
    return TextCompetences(
        [
            TextCompetence(
                skill=matcher.links.skills[skill],
                technical_competences=technical.get(skill, ())[:MAX_TECHNICAL_COMPETENCES],
                score=round(scores.get(skill, NEED * float(need[skill]) / (1 + NEED)), 4),
                because=_because(skill in spoken_of, skill in by_words),
                spans=[positions.span(matcher.phrases[at].span) for at in sorted(spoken_of.get(skill, ()))],
            )
            for skill in order[:most]
        ],
        [positions.span(passage) for at, passage in enumerate(matcher.passages) if at not in resolved],
    )


def _because(is_spoken_of: bool, is_in_words: bool) -> TextEvidence:
    if not is_spoken_of:
        return TextEvidence.LIKELY_PROFILE
    return TextEvidence.WORDS if is_in_words else TextEvidence.MEANING


def _likely_profiles(matcher: TextMatcher) -> dict[int, float]:
    """The profiles (row ids) that the text may be about, most likely first, with probabilities."""
    scores = matcher.profile_scores
    order = np.argsort(-scores, kind="stable")[:LIKELY_PROFILES]
    weights = np.exp((scores[order] - scores[order].max(initial=0.0)) / TEMPERATURE)
    return {
        matcher.links.profiles[at]: float(weight)
        for at, weight in zip(order.tolist(), weights / weights.sum(), strict=True)
    }


def _similarities(matcher: TextMatcher) -> "Matrix":
    """The similarity of each skill (rows) to each phrase (columns)."""
    vectors = matcher.phrase_vectors
    steps = [vectors[start : start + VECTORS_PER_STEP] for start in range(0, len(vectors), VECTORS_PER_STEP)]
    by_step = [matcher.links.meaning.best(matcher.meaning.by_concept(step, matcher.languages).short) for step in steps]
    similarities: Matrix = np.concatenate(by_step, axis=1)
    return similarities


def _spoken_of(similarities: "Matrix", need: "Matrix") -> dict[int, list[int]]:
    """The skills that phrases speak of, each with these phrases."""
    skills: dict[int, list[int]] = {}
    totals = similarities + NEED * need[:, None]
    for phrase in range(similarities.shape[1]):
        for skill in np.argsort(-np.round(totals[:, phrase], 4), kind="stable")[:PER_PHRASE].tolist():
            if similarities[skill, phrase] >= MIN_SIMILARITY and totals[skill, phrase] >= MIN_TOTAL:
                skills.setdefault(skill, []).append(phrase)
    return skills


def _by_words(matcher: TextMatcher, spoken_of: Mapping[int, Sequence[int]]) -> set[int]:
    """The skills of which a phrase has most words of a text, in the language of that text."""
    row_ids = {row_id: skill for skill in spoken_of for row_id in matcher.links.meanings[skill]}
    stems: dict[tuple[int, int], set[str]] = {}
    by_words: set[int] = set()
    for row_id, text, language in matcher.connection.execute(_TEXTS, (array(row_ids),)):
        skill = row_ids[row_id]
        if language not in matcher.languages or skill in by_words:
            continue
        needed = significant_stems(text, language)
        for phrase in spoken_of[skill]:
            if (phrase, language) not in stems:
                stems[phrase, language] = significant_stems(matcher.phrases[phrase].span.text, language)
            if needed and len(needed & stems[phrase, language]) >= MIN_SHARE * len(needed):
                by_words.add(skill)
    return by_words


def _technical_competences(matcher: TextMatcher, likely: Mapping[int, float]) -> dict[int, list[int]]:
    """The technical competences of the likely profiles, by skill, the likeliest first."""
    weights: dict[int, float] = {}
    for competence, weight in _of_profiles(matcher, likely):
        weights[competence] = weights.get(competence, 0.0) + weight
    by_skill: dict[int, list[int]] = {}
    for competence in sorted(weights, key=lambda row_id: (-round(weights[row_id], 4), row_id)):
        by_skill.setdefault(matcher.links.skill_of[competence], []).append(competence)
    return by_skill


def _of_profiles(matcher: TextMatcher, likely: Mapping[int, float]) -> Iterator[tuple[int, float]]:
    for profile, probability in likely.items():
        for competence, weight in matcher.links.competences.get(profile, ()):
            yield competence, probability * weight
