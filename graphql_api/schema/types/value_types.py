"""What belongs to an occupational profile and to nothing else: names, certificates, sectors, areas, codes elsewhere."""

from collections.abc import Callable
from typing import Any, TypeVar
from uuid import UUID

import strawberry

from graphql_api.competent import fields
from graphql_api.schema.types.document_view import Part
from graphql_api.schema.types.text import LANGUAGES, Language, LocalizedText, localized

T = TypeVar("T")


@strawberry.type(description="A common name of the occupation in one language; people search by it.")
class AlternativeName:
    """One row of a profile's names."""

    uuid: UUID | None = strawberry.field(description="Competent's own id.")
    code: str | None = strawberry.field(description="Competent's code, such as `AN-12`.")
    name: str = strawberry.field(description="The name.")
    language: Language | None = strawberry.field(description="The language of the name, where Competent tells it.")


@strawberry.interface(description="A term of one of Competent's lists, with its title.")
class Label:
    """What the three below share."""

    uuid: UUID | None = strawberry.field(description="Competent's own id.")
    code: str | None = strawberry.field(description="Competent's code.")
    title: LocalizedText | None = strawberry.field(description="What it is called.")


@strawberry.type(description="A certificate that is required or usual for the occupation (Dutch: leerbewijs).")
class ProofOfLearning(Label):
    """A term of a profile."""


@strawberry.type(description="A branch in which the occupation stands (Dutch: sector).")
class EconomicSector(Label):
    """A term of a profile."""


@strawberry.type(description="A field of interest that the occupation belongs to (Dutch: interessegebied).")
class AreaOfInterest(Label):
    """A term of a profile."""


@strawberry.type(description="The code of the occupation in another classification.")
class Classification:
    """A scheme and a code in it."""

    scheme: str = strawberry.field(description="The classification; `ISCO-08` is the international one of occupations.")
    code: str = strawberry.field(description="The code in that classification, such as `2221`.")


def labels(kind: Callable[..., T]) -> Callable[[Part, Any], list[T]]:
    """Converts a list of terms."""

    def convert(part: Part, value: Any) -> list[T]:
        return [kind(uuid=each.uuid, code=each.code, title=localized(each.title)) for each in fields.labels(value)]

    return convert


def alternative_names(part: Part, value: Any) -> list[AlternativeName]:
    """Converts a list of names."""
    return [
        AlternativeName(
            uuid=each.uuid, code=each.code, name=each.name, language=LANGUAGES[each.language] if each.language else None
        )
        for each in fields.names(value)
    ]


def classifications(part: Part, value: Any) -> list[Classification]:
    """Converts a list of codes."""
    return [Classification(scheme=scheme, code=code) for scheme, code in fields.codes(value)]
