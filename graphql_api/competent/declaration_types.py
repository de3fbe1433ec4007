"""The classes for declarations of fields and concept types; the declarations are in `declarations.py`."""

from dataclasses import dataclass
from typing import Literal, NamedTuple

from graphql_api.competent.routes import Route, Sure


@dataclass(frozen=True, slots=True)
class Plain:
    """A value without concepts; `conversion` names the function in `values.py` that converts it and documents its shape."""

    conversion: Literal["code", "text", "strings", "moment", "names", "classifications"]


@dataclass(frozen=True, slots=True)
class Terms:
    """A list of terms `{id, code, title}`; `type_name` is their GraphQL type, `scheme` their name in the index.

    `code_prefix` is the prefix of their codes, as in `PL-1`, and `listed` the number of terms of a release.
    """

    type_name: str
    scheme: str
    description: str
    code_prefix: str = ""
    listed: "Length | None" = None


@dataclass(frozen=True, slots=True)
class Concepts:
    """Embedded concepts of a type, or one if `single`. `role` is the number of this relation in the index; never reuse one.

    `is_essential`: whether the embedding concept needs them in every context (True) or only in some (False); None if Competent
    does not say. If a document embeds a concept in two fields, the first counts. `flat_key`: the key of the text of a flat
    document, which has the text of its single concept instead of the concept.
    """

    type_name: str
    role: int
    single: bool = False
    is_essential: bool | None = None
    flat_key: str = ""


Value = Plain | Terms | Concepts

CODE, TEXT, STRINGS, MOMENT = Plain("code"), Plain("text"), Plain("strings"), Plain("moment")
NAMES, CLASSIFICATIONS = Plain("names"), Plain("classifications")


@dataclass(frozen=True, slots=True)
class SearchRule:
    """How a text field is searched. `rank` orders fields, the most significant first, and determines their numbers in the index.

    A text that equals the query scores `exact`, any other at most `weight`; long texts have no `exact`. Fields with `is_name`,
    such as titles, are also found by a query that misspells them. `word_weight`: how much a word of the text counts among the
    words of all texts of a profile.
    """

    rank: int
    weight: float
    exact: float | None = None
    is_name: bool = False
    word_weight: float = 1.0


class Length(NamedTuple):
    """The number of items in a list: the mean over all concepts, rounded up, and the maximum. Used to estimate query cost.

    Measured on a release of 650 profiles and 5,800 technical competences.
    """

    mean: float
    most: float


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a concept type.

    `name` is its key in normalised documents and its GraphQL name. `keys` are its keys in HAL documents, the preferred first;
    empty means `name`. `column` is its heading in the Excel sheet of profiles (texts: without the language), `sheet` the
    prefix of the name of its own sheet. If the whole document cannot be loaded, a field with `empty_on_error` is empty instead
    of an error. `length` is the number of items of a list. `is_filter` marks the moment by which profiles are filtered
    (`changedSince`). `sure`: whether the key was seen in documents of Competent, or is assumed.
    """

    name: str
    value: Value
    description: str
    keys: tuple[str, ...] = ()
    search: SearchRule | None = None
    column: str = ""
    sheet: str = ""
    empty_on_error: bool = False
    length: Length | None = None
    is_filter: bool = False
    sure: Sure = "assumed"

    @property
    def hal_keys(self) -> tuple[str, ...]:
        """The keys of this field in HAL documents, the preferred first."""
        return self.keys or (self.name,)


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class ConceptType:
    """One type of concept. Types compare and hash by identity, so that they are cheap keys.

    `name` is the GraphQL type, `number` its number in the index (1 to 14; never reuse one), and `code_prefix` the prefix of its
    codes, as in `OP-101`. Descriptions use `noun` and `plural`. `single` and `listing` are its fields on Query and Release.
    `route` is the path of a whole document, `collection` that of the list; without them, concepts of the type only appear
    embedded in others. `is_block`: it is a Competence (a skill, knowledge, behaviour or trait), with a description and regions.
    `can_be_had`: a person can have it, and profiles can be matched by it. `group_length`: comparisons of profiles list it, with
    lists of this length. `listed`: it is listed without pages, and a release has this number of it. `esco` is its class in the
    European classification ESCO.

    If a type without a route embeds concepts, each document may embed others of them; all together are those of the concept.
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
    """Its description in the GraphQL enum ConceptType."""
    fields: tuple[Field, ...]
    route: Route | None = None
    collection: Route | None = None
    is_block: bool = False
    can_be_had: bool = False
    group_length: Length | None = None
    listed: Length | None = None
    esco: str = ""

    def __repr__(self) -> str:
        return self.name
