"""From a text of a person, such as a vacancy or CV, to occupational profiles and competences.

These texts are personal data. Responses are not cached, and errors have nothing of the text (`execution/personal_text.py`).
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from enum import Enum
from typing import TYPE_CHECKING, Annotated

import strawberry

from graphql_api.competent.declarations import SKILL, Length
from graphql_api.errors import BadUserInput, CompetentError, EmbeddingError, NotAvailable
from graphql_api.index import text_matches as index
from graphql_api.index.semantic.embedder import NoVectors
from graphql_api.index.semantic.passages import check_text
from graphql_api.schema.loaders import Loaders
from graphql_api.schema.types.concept import Concept
from graphql_api.schema.types.concept_factory import concepts_as
from graphql_api.schema.types.concepts import CONCEPTS
from graphql_api.schema.types.occupational_profile import OccupationalProfile
from graphql_api.schema.types.relay import After, ConnectionArguments, First, PageInfo, Slice
from graphql_api.schema.types.resolver_cost import Per, Work
from graphql_api.schema.types.search import InLanguages
from graphql_api.schema.types.technical_competence import TechnicalCompetence
from graphql_api.schema.types.text import Language, language_at, language_positions

if TYPE_CHECKING:
    from graphql_api.index import Index
    from graphql_api.index.semantic.meaning import Meaning

PERSONAL_FIELDS = ("profilesForText", "competencesInText")
"""The fields that take personal data."""
MAX_COMPETENCES = 100
PROFILES_WORK = Work(base=2_000, item=30, arguments=(Per("text", 4, "character"),))
COMPETENCES_WORK = Work(base=3_000, item=30, arguments=(Per("text", 4, "character"),))
"""Measured with texts of 200 and of 10,000 characters."""

PersonalText = Annotated[
    str,
    strawberry.argument(
        description="A vacancy, a CV or any text about work, in any of the four languages, of at most 10,000 characters."
    ),
]
_RETRY_AFTER = 10.0
_REASONS = {
    NoVectors.NOT_INSTALLED: "This server cannot compare the meaning of texts: its extra `semantic` is missing.",
    NoVectors.NOT_READY: "The vectors of this release are not computed yet.",
    NoVectors.OFF: "The operator has switched the comparison of meanings off.",
    NoVectors.UNAVAILABLE: "The service that computes vectors does not respond.",
}


@strawberry.enum(description="Why a competence is returned.")
class TextEvidence(Enum):
    """GraphQL enum of the evidence that an index reports."""

    WORDS = strawberry.enum_value(index.TextEvidence.WORDS, description="The text says it in these words.")
    MEANING = strawberry.enum_value(index.TextEvidence.MEANING, description="A passage of the text resembles it.")
    LIKELY_PROFILE = strawberry.enum_value(
        index.TextEvidence.LIKELY_PROFILE,
        description="A guess: the text does not speak of it, but the profiles that it resembles most need it.",
    )


@strawberry.type(description="A passage of the text that was sent.")
class TextSpan:
    """A range in UTF-16 code units."""

    start: int = strawberry.field(
        description="Where the passage begins, in UTF-16 code units, as strings in JavaScript."
    )
    end: int = strawberry.field(description="Where it ends: the position after its last code unit.")
    text: str = strawberry.field(description="The passage.")


@strawberry.type(description="A profile that a text speaks of, with its cursor and the evidence.")
class TextProfileEdge:
    """An edge as in Relay's Cursor Connections."""

    node: OccupationalProfile = strawberry.field(description="The profile.")
    score: float = strawberry.field(
        description="How much the text speaks of the profile, from 0 to 1. Vacancies and CVs reach 0.25 to 0.5; texts about "
        "other things 0.3."
    )
    passage: TextSpan = strawberry.field(description="The passage that resembles a text of the profile most.")
    matched: str = strawberry.field(description="The title, name or competence that the passage resembles.")
    field: str = strawberry.field(
        description="The field of the profile that has `matched`, or that holds the competence: such as `title` or "
        "`essentialCompetences`."
    )
    language: Language = strawberry.field(description="The language of `matched`.")
    cursor: str = strawberry.field(description="Opaque position of the item, for `after`.")


@strawberry.type(description="A page of the profiles that a text speaks of, best first.")
class TextProfileConnection:
    """A connection as in Relay's Cursor Connections, with `nodes` and `totalCount`."""

    edges: list[TextProfileEdge] = strawberry.field(description="The profiles of this page, with evidence and cursors.")
    nodes: Sequence[OccupationalProfile] = strawberry.field(description="The profiles of this page.")
    page_info: PageInfo = strawberry.field(description="Information about this page.")
    total_count: int = strawberry.field(description="The number of profiles, at most 100.")


@strawberry.type(description="A skill that a text speaks of or implies.")
class TextCompetence:
    """All competences with the same skill are one item."""

    skill: Concept = strawberry.field(description="The skill.", graphql_type=CONCEPTS[SKILL.name])
    technical_competences: list[TechnicalCompetence] = strawberry.field(
        description="Technical competences with this skill in the profiles that the text resembles, the likeliest first; at "
        "most 5, and none if these profiles have none.",
        metadata={"length": Length(3, 5)},
    )
    score: float = strawberry.field(description="How sure this is, from 0 to 1.")
    because: TextEvidence = strawberry.field(description="Why it is returned.")
    spans: list[TextSpan] = strawberry.field(
        description="The passages that speak of it; empty for `LIKELY_PROFILE`.", metadata={"length": Length(2, 64)}
    )


@strawberry.type(description="The competences that a text speaks of or implies.")
class TextCompetences:
    """The result of Query.competencesInText."""

    nodes: list[TextCompetence] = strawberry.field(
        description="The competences, one per skill: first those that the text speaks of, then guesses; each best first."
    )
    unresolved: list[TextSpan] = strawberry.field(
        description="The passages that speak of no competence that was found.", metadata={"length": Length(8, 32)}
    )


async def profiles_for_text(
    loaders: Loaders,
    number: str,
    text: PersonalText,
    languages: InLanguages = None,
    first: First = None,
    after: After = None,
) -> TextProfileConnection | None:
    """Returns a page of profiles; raises NotAvailable without vectors, BadUserInput for an unusable text."""
    check_text(text)
    positions = language_positions(languages)
    scope = f"text profiles {number} {None if positions is None else sorted(positions)} {text}"
    window = ConnectionArguments(first, after).window(scope, index.MAX_PROFILES)
    opened, meaning = await _meaning(loaders, number)
    from graphql_api.index.semantic.text_profiles import profiles_for_text

    with _without_text():
        profiles, total = await loaders.ask(
            opened, profiles_for_text, opened.search, meaning, text, positions, window.start, window.stop
        )
    nodes = await concepts_as(OccupationalProfile, loaders, number, (profile.row_id for profile in profiles))
    page = Slice(scope, total, window.start, window.start + len(profiles))
    cursors = page.cursors(len(profiles))
    edges = [
        TextProfileEdge(
            node=node,
            score=profile.score,
            passage=_span(profile.passage),
            matched=profile.matched,
            field=profile.field,
            language=language_at(profile.language),
            cursor=cursor,
        )
        for node, profile, cursor in zip(nodes, profiles, cursors, strict=True)
    ]
    return TextProfileConnection(edges=edges, nodes=nodes, page_info=page.info(cursors), total_count=total)


async def competences_in_text(
    loaders: Loaders,
    number: str,
    text: PersonalText,
    languages: InLanguages = None,
    first: Annotated[
        int, strawberry.argument(description=f"The number of competences to return; at most {MAX_COMPETENCES}.")
    ] = 20,
) -> TextCompetences | None:
    """Returns competences; raises NotAvailable without vectors, BadUserInput for an unusable text or number."""
    check_text(text)
    if not 0 <= first <= MAX_COMPETENCES:
        raise BadUserInput(f"`first` is {first}; it must be between 0 and {MAX_COMPETENCES}.")
    opened, meaning = await _meaning(loaders, number)
    from graphql_api.index.semantic.text_competences import competences_in_text

    with _without_text():
        result = await loaders.ask(
            opened, competences_in_text, opened.search, meaning, text, language_positions(languages), first
        )
    skills = await concepts_as(CONCEPTS[SKILL.name], loaders, number, (item.skill for item in result.competences))
    row_ids = [row_id for item in result.competences for row_id in item.technical_competences]
    technical = await concepts_as(TechnicalCompetence, loaders, number, dict.fromkeys(row_ids))
    by_row_id = dict(zip(dict.fromkeys(row_ids), technical, strict=True))
    nodes = [
        TextCompetence(
            skill=skill,
            technical_competences=[by_row_id[row_id] for row_id in item.technical_competences],
            score=item.score,
            because=TextEvidence(item.because),
            spans=list(map(_span, item.spans)),
        )
        for skill, item in zip(skills, result.competences, strict=True)
    ]
    return TextCompetences(nodes=nodes, unresolved=list(map(_span, result.unresolved)))


async def _meaning(loaders: Loaders, number: str) -> "tuple[Index, Meaning]":
    """The index of a release and its vectors. Raises NotAvailable if it has none."""
    opened = await loaders.index(number)
    meaning = opened.meaning
    if isinstance(meaning, NoVectors):
        raise _not_available(meaning)
    return opened, meaning


def _not_available(reason: NoVectors) -> NotAvailable:
    is_temporary = reason in (NoVectors.NOT_READY, NoVectors.UNAVAILABLE)
    return NotAvailable(_REASONS[reason], reason.name, retry_after=_RETRY_AFTER if is_temporary else None)


@contextmanager
def _without_text() -> Iterator[None]:
    """Raises NotAvailable if there are no vectors now; other errors of libraries lose their message, which may quote the text."""
    try:
        yield
    except EmbeddingError:
        raise _not_available(NoVectors.UNAVAILABLE) from None
    except CompetentError:
        raise
    except Exception as error:
        name = type(error).__name__
        raise RuntimeError(f"{name} while a text was compared").with_traceback(error.__traceback__) from None


def _span(span: index.TextSpan) -> TextSpan:
    return TextSpan(start=span.start, end=span.end, text=span.text)
