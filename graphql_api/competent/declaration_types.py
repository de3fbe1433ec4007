"""What a declaration of a field or a concept type can say; the declarations themselves are in `declarations.py`."""

from dataclasses import dataclass
from typing import Literal, NamedTuple

from graphql_api.competent.routes import Route


@dataclass(frozen=True, slots=True)
class Plain:
    """A value that holds no concept; `kind` names a function in `values.py`, which says the shape."""

    kind: Literal["code", "text", "strings", "moment", "names", "classifications"]


@dataclass(frozen=True, slots=True)
class Terms:
    """A list of terms `{id, code, title}`; `type_name` is their GraphQL type, `scheme` their name in the index.

    `code_prefix` begins their codes, as in `PL-1`.
    """

    type_name: str
    scheme: str
    description: str
    code_prefix: str = ""


@dataclass(frozen=True, slots=True)
class Concepts:
    """Embedded concepts of a type, or one if `single`. `role` is the number of this relation in the index; never reuse one.

    `is_essential`: whether what embeds them needs them in every context (True) or only in some (False); None if Competent
    does not say. If a document embeds a concept in two fields, the first counts.
    """

    type_name: str
    role: int
    single: bool = False
    is_essential: bool | None = None


Value = Plain | Terms | Concepts

CODE, TEXT, STRINGS, MOMENT = Plain("code"), Plain("text"), Plain("strings"), Plain("moment")
NAMES, CLASSIFICATIONS = Plain("names"), Plain("classifications")


@dataclass(frozen=True, slots=True)
class Search:
    """How a searched text counts. `rank` orders fields, the most telling first, and is the field's number in the index.

    A text that is exactly the searched words scores `exact`, any other at most `weight`; long texts have no `exact`.
    `is_name` if people type the beginning of it, as titles: then it is suggested.
    """

    rank: int
    weight: float
    exact: float | None = None
    is_name: bool = False


class Length(NamedTuple):
    """Items of a list: the mean over all concepts, rounded up, and the most that one has. Costs are estimated by it.

    The figures are those of a release of 650 profiles and 5,800 technical competences.
    """

    mean: float
    most: float


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a concept type.

    `name` is the key of a normalised document and the GraphQL field. `keys` are those of a HAL document, the preferred first;
    none means `name`. `column` is the heading in the Excel sheet of profiles (texts: without the language), `sheet` the
    beginning of the name of a sheet of its own. If the whole document cannot be loaded, a field with `empty_on_error` is
    empty instead of an error. `length` is that of a list. Profiles are filtered by the moment `is_filter` (`changedSince`).
    """

    name: str
    value: Value
    description: str
    keys: tuple[str, ...] = ()
    search: Search | None = None
    column: str = ""
    sheet: str = ""
    empty_on_error: bool = False
    length: Length | None = None
    is_filter: bool = False

    @property
    def hal_keys(self) -> tuple[str, ...]:
        """The keys of a HAL document that hold this field, the preferred first."""
        return self.keys or (self.name,)


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class ConceptType:
    """One type of concept; each is one object, so that it is a cheap key.

    `name` is the GraphQL type, `number` stands for it in the index (from 1 to 14; never reuse one), `code_prefix` begins its
    codes, as in `OP-101`. `noun` and `plural` stand in descriptions. `single` and `listing` are the fields of Query and Release.
    `route` is the path of a whole document, `collection` that of the list; without them concepts are only met embedded in
    others. `is_block`: it is a Competence (a skill, knowledge, behaviour or trait), with a description and regions.
    `can_be_had`: a person can have it, so that profiles are found for it. `group_length`: it has a list, of this length, in
    what is compared between profiles. `esco` is its class in the European classification ESCO.
    """

    name: str
    number: int
    code_prefix: str
    noun: str
    plural: str
    single: str
    listing: str
    description: str
    summary: str
    """The description in the enum ConceptType."""
    fields: tuple[Field, ...]
    route: Route | None = None
    collection: Route | None = None
    is_block: bool = False
    can_be_had: bool = False
    group_length: Length | None = None
    esco: str = ""

    def __repr__(self) -> str:
        return self.name
