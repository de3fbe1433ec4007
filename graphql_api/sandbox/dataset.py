"""One release of Competent as rows: the common form of bundled data and workbooks before they become documents.

A row has the fields that `competent.declarations` declares for its type, under their declared names. Rows are immutable, so
other rows may share them.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple, cast

from graphql_api.competent import declarations
from graphql_api.competent.declarations import LANGUAGES, Concepts, ConceptType, Field

__all__ = ["LANGUAGES"]

Texts = Mapping[str, str | None]
"""A text by language, in the order of `LANGUAGES`; None if Competent has no text in it."""

PROFILE = declarations.concept_type("OccupationalProfile")
COMPETENCE = declarations.concept_type("TechnicalCompetence")
COMPETENCE_SET = declarations.concept_type("CompetenceSet")
BLOCKS = {type.name: type for type in declarations.CONCEPT_TYPES if type.is_block}
"""The block types (skills, knowledge, behaviour, traits) by name."""


def texts(*values: str | None) -> Texts:
    """A text with all languages, as in documents, from values in the order of `LANGUAGES`."""
    return {**_NO_TEXT, **dict(zip(LANGUAGES, values, strict=False))}


_NO_TEXT: Texts = dict.fromkeys(LANGUAGES)


def release_order(number: str) -> tuple[int, ...]:
    """Sort key of release numbers: 3.9 comes before 3.10, and 3.10 before 3.27."""
    return tuple(int(part) for part in number.split("."))


def main_text(type: ConceptType) -> str:
    """The name of the main text field of a block type: the first text field that it declares."""
    return next(declared.name for declared in type.fields if declared.value == declarations.TEXT)


def relations(type: ConceptType, target: str | None = None) -> tuple[tuple[Field, Concepts], ...]:
    """The fields of a type that embed concepts (only of the type `target`, if set), each with its declared value."""
    fields = ((declared, declared.value) for declared in type.fields)
    return tuple((declared, v) for declared, v in fields if isinstance(v, Concepts) and target in (None, v.type_name))


@dataclass(frozen=True, slots=True)
class Term:
    """An entry of a list of Competent, such as a proof of learning, a sector or an area of interest."""

    uuid: str
    code: str
    title: Texts


@dataclass(frozen=True, slots=True)
class AlternativeName:
    """A common name of an occupation, in one language."""

    uuid: str
    code: str
    language: str
    name: str


class Classification(NamedTuple):
    """A code in another classification, such as ISCO-08."""

    scheme: str
    code: str


@dataclass(frozen=True, slots=True)
class Concept:
    """A profile, a competence or a block. Its maps are keyed by the declared field names; missing fields are empty."""

    uuid: str
    code: str
    texts: Mapping[str, Texts] = field(default_factory=dict)
    values: Mapping[str, str | tuple[str, ...] | None] = field(default_factory=dict)
    """Timestamps (ISO 8601 in UTC), codes and lists of strings."""
    related: "Mapping[str, tuple[Concept | Item, ...]]" = field(default_factory=dict)
    """Items by field; those of one field have one class, which follows from its declaration."""

    def concepts(self, name: str) -> "tuple[Concept, ...]":
        """The concepts that a field embeds."""
        return cast("tuple[Concept, ...]", self.related.get(name, ()))

    def embedded(self) -> "tuple[Concept, ...]":
        """The concepts that all fields embed."""
        return tuple(item for items in self.related.values() for item in items if isinstance(item, Concept))

    def terms(self, name: str) -> tuple[Term, ...]:
        """The terms that a field lists."""
        return cast("tuple[Term, ...]", self.related.get(name, ()))

    def names(self, name: str = "alternativeNames") -> tuple[AlternativeName, ...]:
        """The alternative names that a field lists."""
        return cast("tuple[AlternativeName, ...]", self.related.get(name, ()))

    def moment(self, name: str) -> str | None:
        """The timestamp (ISO 8601 in UTC) of a field, or None."""
        moment = self.values.get(name)
        return moment if isinstance(moment, str) else None


Item = Term | AlternativeName | Classification


@dataclass(frozen=True, slots=True)
class Profile(Concept):
    """An occupational profile."""

    @property
    def competences(self) -> tuple[Concept, ...]:
        """Its technical competences, essential before optional."""
        return tuple(
            competence
            for relation, _ in relations(PROFILE, COMPETENCE.name)
            for competence in self.concepts(relation.name)
        )


@dataclass(frozen=True, slots=True)
class Dataset:
    """A whole release: number, date of publication (ISO 8601; None if unknown) and concepts.

    `blocks` has the blocks that profiles embed, by type name. `source` says where the data is from, if that is known.
    `notes` are sentences about skipped rows and missing sheets of a workbook, and `left_out` is the number of skipped rows.
    """

    number: str
    published_on: str | None
    profiles: tuple[Profile, ...]
    competences: tuple[Concept, ...]
    blocks: Mapping[str, tuple[Concept, ...]] = field(default_factory=dict)
    source: str | None = None
    notes: tuple[str, ...] = ()
    left_out: int = 0

    def of_type(self, name: str) -> tuple[Concept, ...]:
        """All concepts of a type, by its name."""
        match name:
            case PROFILE.name:
                return self.profiles
            case COMPETENCE.name:
                return self.competences
        return self.blocks.get(name, ())
