"""How far a release is translated: counts by concept type and language, from its index."""

import strawberry

from graphql_api.competent.declarations import CONCEPT_TYPES
from graphql_api.index.translations import translated
from graphql_api.schema.loaders import Loaders
from graphql_api.schema.types.concept_type import ConceptType
from graphql_api.schema.types.resolver_cost import Work
from graphql_api.schema.types.text import LANGUAGES, Language

COVERAGES = len(CONCEPT_TYPES) * len(LANGUAGES)
COVERAGE_WORK = Work(base=2_600)
"""Reading each concept once; the index caches the result."""


@strawberry.type(description="How many concepts of a type have a text in a language.")
class TranslationCoverage:
    """The counts of one type and language."""

    type: ConceptType = strawberry.field(description="The type of the concepts.")
    language: Language = strawberry.field(description="The language.")
    total: int = strawberry.field(description="Number of concepts of this type.")
    translated: int = strawberry.field(description="Number of those that have their title or text in this language.")


async def translation_coverage(loaders: Loaders, number: str) -> list[TranslationCoverage]:
    """Returns the counts of all types and languages."""
    counts = await loaders.look_up_all(number, translated, CONCEPT_TYPES)
    return [
        TranslationCoverage(
            type=ConceptType(type.name), language=language, total=count.total, translated=count.by_language[code]
        )
        for type, count in zip(CONCEPT_TYPES, counts, strict=True)
        if count is not None
        for code, language in LANGUAGES.items()
    ]
