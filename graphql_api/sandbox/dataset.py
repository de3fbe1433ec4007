"""One release of Competent as rows: what the bundled data and a workbook have in common before they become documents.

A row has the fields that `competent.declarations` declares for its type, under their declared names. Nothing here reads or
writes, and no row changes once it is made: one row may be shared by many.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple, cast

from graphql_api.competent import declarations
from graphql_api.competent.declarations import LANGUAGES, Concepts, ConceptType, Field

__all__ = ["LANGUAGES"]

Texts = Mapping[str, str | None]
"""A text in each of `LANGUAGES`, in that order; None if Competent has none."""

PROFILE = declarations.concept_type("OccupationalProfile")
COMPETENCE = declarations.concept_type("TechnicalCompetence")
BLOCKS = {type.name: type for type in declarations.CONCEPT_TYPES if type.is_block}
"""The types of skills, knowledge, behaviour and traits, by name."""


def texts(*values: str | None) -> Texts:
    """A text with all languages, as documents always name them, from texts in the order of `LANGUAGES`."""
    return {**_NO_TEXT, **dict(zip(LANGUAGES, values, strict=False))}


_NO_TEXT: Texts = dict.fromkeys(LANGUAGES)


def release_order(number: str) -> tuple[int, ...]:
    """Sort key of releases: 3.9 stands before 3.10, and 3.10 before 3.27."""
    return tuple(int(part) for part in number.split("."))


def main_text(type: ConceptType) -> str:
    """The name of the text of a block: the first text that its type declares."""
    return next(declared.name for declared in type.fields if declared.value == declarations.TEXT)


def relations(type: ConceptType, target: str | None = None) -> tuple[tuple[Field, Concepts], ...]:
    """The fields of a type that embed concepts (of the type `target`), each with its value."""
    fields = ((declared, declared.value) for declared in type.fields)
    return tuple((declared, v) for declared, v in fields if isinstance(v, Concepts) and target in (None, v.type_name))


@dataclass(frozen=True, slots=True)
class Term:
    """An entry of one of Competent's lists: a proof of learning, a sector, an area of interest."""

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
    """A profile, a competence or a block. Its maps have the declared names of fields; what is missing is empty."""

    uuid: str
    code: str
    texts: Mapping[str, Texts] = field(default_factory=dict)
    values: Mapping[str, str | tuple[str, ...] | None] = field(default_factory=dict)
    """Moments (ISO 8601 in UTC), codes and lists of strings."""
    related: "Mapping[str, tuple[Concept | Item, ...]]" = field(default_factory=dict)
    """The items of one field are of one class, which its declaration says."""

    def concepts(self, name: str) -> "tuple[Concept, ...]":
        """The concepts that a field embeds."""
        return cast("tuple[Concept, ...]", self.related.get(name, ()))

    def embedded(self) -> "tuple[Concept, ...]":
        """The concepts that all of its fields embed."""
        return tuple(item for items in self.related.values() for item in items if isinstance(item, Concept))

    def terms(self, name: str) -> tuple[Term, ...]:
        """The terms that a field lists."""
        return cast("tuple[Term, ...]", self.related.get(name, ()))

    def names(self, name: str = "alternativeNames") -> tuple[AlternativeName, ...]:
        """The alternative names that a field lists."""
        return cast("tuple[AlternativeName, ...]", self.related.get(name, ()))

    def moment(self, name: str) -> str | None:
        """The moment (ISO 8601 in UTC) of a field."""
        moment = self.values.get(name)
        return moment if isinstance(moment, str) else None


Item = Term | AlternativeName | Classification


@dataclass(frozen=True, slots=True)
class CompetenceSet:
    """A named group of a profile's skills, by their codes. Clients read none, so no declaration has it."""

    uuid: str
    code: str
    name: Texts
    disambiguator: Texts
    skills: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Profile(Concept):
    """An occupational profile."""

    competence_sets: tuple[CompetenceSet, ...] = ()

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
    """A whole release: its number, its day of publication (ISO 8601, None: unknown), its concepts.

    `blocks` are the block types that profiles embed, by name of the type. `notes` are sentences about what of its source is not
    in it, and `left_out` counts the rows that are not.
    """

    number: str
    published_on: str | None
    profiles: tuple[Profile, ...]
    competences: tuple[Concept, ...]
    blocks: Mapping[str, tuple[Concept, ...]] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    left_out: int = 0

    def of_type(self, name: str) -> tuple[Concept, ...]:
        """The concepts of a type that have documents of their own."""
        match name:
            case PROFILE.name:
                return self.profiles
            case COMPETENCE.name:
                return self.competences
        return self.blocks.get(name, ())
