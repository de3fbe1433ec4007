"""Suggestions for typeahead: texts of concepts that match what is typed so far."""

from hashlib import blake2s
from typing import Annotated, cast

import strawberry

from graphql_api.errors import BadUserInput
from graphql_api.index import search as index
from graphql_api.schema.loaders import Loaders
from graphql_api.schema.types.concept import Concept
from graphql_api.schema.types.concept_factory import concepts
from graphql_api.schema.types.concept_type import ConceptType, declared
from graphql_api.schema.types.occupational_profile import OccupationalProfile
from graphql_api.schema.types.resolver_cost import Work
from graphql_api.schema.types.search import InLanguages
from graphql_api.schema.types.text import Language, language_at, language_positions

MAX_SUGGESTIONS = 50

SUGGEST_WORK = Work(base=100, item=2)
"""Measured on the most expensive texts, such as single letters."""

SuggestedTypes = Annotated[list[ConceptType] | None, strawberry.argument(description="Types to suggest; all if null.")]
_ONLY_PROFILES = cast("list[ConceptType]", (ConceptType["OCCUPATIONAL_PROFILE"],))  # inspect hashes defaults


@strawberry.type(description="A title, alternative name or text that matches what is typed.")
class Suggestion:
    """A suggestion; at most one per concept."""

    id: strawberry.ID = strawberry.field(
        description="Identifies the text and its concept in a list of suggestions, whatever is typed. Not a global id."
    )
    text: str = strawberry.field(description="The title, the alternative name, or the text of the concept.")
    marked: str = strawberry.field(
        description="The text as HTML, with `<mark>` around what matches the input and everything else escaped."
    )
    language: Language = strawberry.field(description="The language of the text.")
    is_alternative_name: bool = strawberry.field(description="Whether the text is an alternative name of a profile.")
    concept: Concept = strawberry.field(description="The concept with this text.")

    @strawberry.field(
        description="The profile with this name; null for other concepts.", deprecation_reason="Use `concept`."
    )
    def occupational_profile(self) -> OccupationalProfile | None:
        """Returns the concept if it is a profile."""
        return self.concept if isinstance(self.concept, OccupationalProfile) else None


async def suggest(
    loaders: Loaders,
    number: str,
    prefix: Annotated[str, strawberry.argument(description="The text typed so far.")],
    types: SuggestedTypes = _ONLY_PROFILES,
    languages: InLanguages = None,
    first: Annotated[
        int, strawberry.argument(description=f"The number of suggestions to return; at most {MAX_SUGGESTIONS}.")
    ] = 10,
) -> list[Suggestion] | None:
    """Returns texts of concepts that match the prefix; raises BadUserInput if `first` is out of range."""
    if not 0 <= first <= MAX_SUGGESTIONS:
        raise BadUserInput(f"`first` is {first}; it must be between 0 and {MAX_SUGGESTIONS}.")
    opened = await loaders.index(number)
    suggestions = await loaders.ask(
        opened, opened.search.suggest, prefix, declared(types), language_positions(languages), first
    )
    nodes = await concepts(loaders, number, (suggestion.row_id for suggestion in suggestions))
    return [_suggestion(suggestion, node) for suggestion, node in zip(suggestions, nodes, strict=True)]


def _suggestion(suggestion: index.Suggestion, concept: Concept) -> Suggestion:
    language = language_at(suggestion.language)
    key = f"{concept.view.release} {concept.view.uuid} {suggestion.field} {language.key} {suggestion.text}"
    return Suggestion(
        id=strawberry.ID(blake2s(key.encode(), digest_size=12).hexdigest()),
        text=suggestion.text,
        marked=suggestion.marked,
        language=language,
        is_alternative_name=suggestion.field == "alternativeNames",
        concept=concept,
    )
