"""What belongs to an occupational profile and to nothing else: names, certificates, sectors, areas, codes elsewhere."""

from collections.abc import Callable, Mapping
from typing import Any, TypeVar
from uuid import UUID

import strawberry

from graphql_api.hal import parts
from graphql_api.types.part import Part, as_uuid
from graphql_api.types.text import Language, LocalizedText, localized

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


def _text(value: Any) -> str | None:
    return value.strip() or None if isinstance(value, str) else None


def labels(kind: Callable[..., T]) -> Callable[[Part, Any], list[T]]:
    """Converts a list of terms."""

    def convert(part: Part, value: Any) -> list[T]:
        return [
            kind(
                uuid=as_uuid(each.get("id")),
                code=_text(each.get("code")),
                title=localized(each.get("title") or each.get("description")),
            )
            for each in parts(value)
        ]

    return convert


def alternative_names(part: Part, value: Any) -> list[AlternativeName]:
    """Converts a list of names: one language each, or an object with several."""
    return [
        AlternativeName(uuid=as_uuid(each.get("id")), code=_text(each.get("code")), name=name, language=language)
        for each in parts(value)
        for name, language in _names(each)
    ]


def _names(each: Mapping[str, Any]) -> list[tuple[str, Language | None]]:
    told = each.get("name") or each.get("title")
    if isinstance(told, Mapping):
        found = [(_text(told.get(language.key)), language) for language in Language]
        return [(name, language) for name, language in found if name]
    name = _text(told)
    return [(name, _LANGUAGES.get(str(each.get("language")).lower()))] if name else []


def classifications(part: Part, value: Any) -> list[Classification]:
    """Converts a list of codes: objects of a type and a value, or bare ISCO codes."""
    found: list[Classification] = []
    for each in value if isinstance(value, list) else [value]:
        pair = (each.get("type"), each.get("value") or each.get("code")) if isinstance(each, Mapping) else ("", each)
        if isinstance(pair[1], str | int) and str(pair[1]).strip():
            found.append(Classification(scheme=_scheme(pair[0]), code=str(pair[1]).strip()))
    return found


def _scheme(told: Any) -> str:
    name = (_text(told) or "ISCO-08").upper()
    return "ISCO-08" if name.replace("-", "").replace(" ", "") in ("ISCO", "ISCO08") else name


_LANGUAGES = {language.key: language for language in Language}
