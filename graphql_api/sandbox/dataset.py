"""One release of Competent as rows: what the bundled data and a workbook have in common before they become documents.

Nothing here reads or writes, and no row changes once it is made: one row may be shared by many.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

LANGUAGES = ("nl", "fr", "en", "de")

Texts = Mapping[str, str | None]
"""A text in each of `LANGUAGES`, in that order; None where Competent has none."""


def texts(nl: str | None = None, fr: str | None = None, en: str | None = None, de: str | None = None) -> Texts:
    """A text with all four languages, as documents always name them."""
    return {"nl": nl, "fr": fr, "en": en, "de": de}


def release_order(number: str) -> tuple[int, ...]:
    """What releases sort by: 3.9 stands before 3.10, and 3.10 before 3.27."""
    return tuple(int(part) for part in number.split("."))


@dataclass(frozen=True, slots=True)
class Label:
    """A thing with a name: a digital skill, a proof of learning, a sector, an area of interest."""

    uuid: str
    code: str
    texts: Texts


@dataclass(frozen=True, slots=True)
class Block(Label):
    """A label that may belong to some regions only: a skill, what one knows, how it shows, a soft skill."""

    regions: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Competence:
    """A technical competence: one skill, what one knows for it, and how it shows."""

    uuid: str
    code: str
    skill: Block | None
    knowledge: tuple[Block, ...] = ()
    indicators: tuple[Block, ...] = ()


@dataclass(frozen=True, slots=True)
class AlternativeName:
    """A common name of an occupation, in one language."""

    uuid: str
    code: str
    language: str
    name: str


@dataclass(frozen=True, slots=True)
class CompetenceSet:
    """A named group of a profile's skills, told by their codes."""

    uuid: str
    code: str
    name: Texts
    disambiguator: Texts
    skills: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Profile:
    """An occupational profile; moments are ISO 8601 in UTC, codes are pairs of classification and value."""

    uuid: str
    code: str
    title: Texts
    description: Texts = field(default_factory=texts)
    working_context: Texts = field(default_factory=texts)
    names: tuple[AlternativeName, ...] = ()
    essential: tuple[Competence, ...] = ()
    optional: tuple[Competence, ...] = ()
    soft_skills: tuple[Block, ...] = ()
    digital_skills: tuple[Label, ...] = ()
    proofs: tuple[Label, ...] = ()
    sectors: tuple[Label, ...] = ()
    areas: tuple[Label, ...] = ()
    codes: tuple[tuple[str, str], ...] = ()
    competence_sets: tuple[CompetenceSet, ...] = ()
    last_modified: str | None = None
    last_published: str | None = None


@dataclass(frozen=True, slots=True)
class Dataset:
    """A whole release: its number, its day of publication (ISO 8601, None: unknown), what has its own documents.

    `notes` are sentences about what of its source is not in it, and `left_out` counts the rows that are not.
    """

    number: str
    published_on: str | None
    profiles: tuple[Profile, ...]
    competences: tuple[Competence, ...]
    soft_skills: tuple[Block, ...]
    notes: tuple[str, ...] = ()
    left_out: int = 0
