"""Values of an occupational profile that are not concepts: alternative names, terms, codes in other classifications.

Each object is a row of a normalised document; the types of terms are created from their declarations.
"""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, NamedTuple, Protocol, TypeVar
from uuid import UUID

import strawberry

from graphql_api.competent.declarations import Length, Terms
from graphql_api.competent.hal import Document
from graphql_api.competent.isco import broader_of, uri_of
from graphql_api.competent.values import ISCO, scheme_name
from graphql_api.index.facets import FACETS, Facets, FacetValue, facets
from graphql_api.schema.loaders import Loaders
from graphql_api.schema.types.document_view import DocumentView, Value
from graphql_api.schema.types.relay import After, ConnectionArguments, First
from graphql_api.schema.types.resolver_cost import Work
from graphql_api.schema.types.text import LANGUAGES, Language, LocalizedText, localized

if TYPE_CHECKING:
    from graphql_api.schema.types.profile_connection import OccupationalProfileConnection

__all__ = ["scheme_name"]

_Profiles = Annotated["OccupationalProfileConnection", strawberry.lazy("graphql_api.schema.types.profile_connection")]
COUNT_WORK = Work(base=3)
CODES, GROUPS = Length(270, 450), Length(4, 10)
"""Number of codes of a classification that profiles have, and of groups of ISCO-08 in the next broader one."""

T = TypeVar("T")


class _Row(Protocol):
    row: Document


class RowField(NamedTuple):
    """How a GraphQL field reads its row; stored in the field's metadata as `row`, for every executor."""

    key: str
    convert: Callable[[Value], Value] | None


def _reader(key: str) -> Callable[[_Row], Value]:
    def read(self: _Row) -> Value:
        return self.row[key]

    return read


def _converter(key: str, convert: Callable[[Value], Value]) -> Callable[[_Row], Value]:
    def read(self: _Row) -> Value:
        return convert(self.row[key])

    return read


def _of_row(key: str, description: str, convert: Callable[[Value], Value] | None = None) -> Any:
    """Returns the field of one key of a row."""

    resolver = _reader(key) if convert is None else _converter(key, convert)
    resolver.__annotations__.clear()  # strawberry takes the type from the class
    metadata = {"row": RowField(key, convert)}
    return strawberry.field(resolver=resolver, description=description, metadata=metadata)


@strawberry.type(description="A common name of the occupation in one language. Search finds profiles by it.")
class AlternativeName:
    """A row of a profile's alternative names."""

    row: strawberry.Private[Document]
    uuid: UUID | None = _of_row("id", "Competent's own id.")
    code: str | None = _of_row("code", "Competent's code, such as `AN-12`.")
    name: str = _of_row("name", "The name.")
    language: Language | None = _of_row(
        "language", "The language of the name; null if Competent does not say.", LANGUAGES.get
    )


Scheme = Annotated[
    str,
    strawberry.argument(
        description="A classification, such as `ISCO-08`; nothing is in one that profiles do not have."
    ),
]


class _Counted(Protocol):
    """A value that profiles have, in a release."""

    loaders: Loaders
    release: str

    def members(self, facets: Facets) -> int:
        """Returns the set of its profiles."""
        ...

    @property
    def scope(self) -> str:
        """The name of the list of its profiles."""
        ...


async def facets_of(loaders: Loaders, number: str) -> Facets:
    """Returns the values of all profiles of a release, which are read once per index; raises as `Loaders.index`."""
    of_release = await loaders.look_up(number, facets, FACETS)
    assert of_release is not None, "every index has facets"
    return of_release


async def _profile_count(self: _Counted) -> int:
    return self.members(await facets_of(self.loaders, self.release)).bit_count()


async def _profiles_with(self: _Counted, first: First = None, after: After = None) -> _Profiles | None:
    from graphql_api.schema.types.profile_connection import profiles_page

    of_release = await facets_of(self.loaders, self.release)
    row_ids = of_release.rows(self.members(of_release))
    paging = ConnectionArguments(first, after)
    return await profiles_page(self.loaders, self.release, f"profiles {self.release} {self.scope}", row_ids, paging)


def _count_field() -> Any:
    return strawberry.field(
        resolver=_profile_count, description="The number of profiles with it.", metadata=COUNT_WORK.metadata
    )


def _profiles_field() -> Any:
    return strawberry.field(
        resolver=_profiles_with, description="The profiles with it, by code.", metadata=Work(base=8).metadata
    )


@strawberry.interface(description="A term of one of Competent's lists, with its title.")
class Label:
    """Interface of all types of terms."""

    row: strawberry.Private[Document]
    loaders: strawberry.Private[Loaders]
    release: strawberry.Private[str]
    scheme: ClassVar[str]
    """The name of the list in the index."""

    uuid: UUID | None = _of_row("id", "Competent's own id.")
    code: str | None = _of_row("code", "Competent's code.")
    title: LocalizedText | None = _of_row("title", "The title.", localized)
    profile_count: int = _count_field()
    occupational_profiles: _Profiles | None = _profiles_field()

    def members(self, facets: Facets) -> int:
        """Returns the set of profiles with this term."""
        return facets.of_term(self.scheme, self.row["id"], self.row["code"])

    @property
    def scope(self) -> str:
        """The name of the list of its profiles."""
        return f"{self.scheme} {self.row['id']} {self.row['code']}"


@strawberry.type(
    description="A code in another classification: of an occupation, or of a group of ISCO-08, to which all profiles with a code "
    "below it belong."
)
class Classification:
    """A classification scheme and a code in it. The tree of ISCO-08 follows from the digits of its codes."""

    row: strawberry.Private[Document]
    loaders: strawberry.Private[Loaders]
    release: strawberry.Private[str]

    scheme: str = _of_row(
        "scheme", "The classification, such as `ISCO-08`, the international classification of occupations."
    )
    code: str = _of_row("code", "The code in that classification, such as `2221`.")
    profile_count: int = _count_field()
    occupational_profiles: _Profiles | None = _profiles_field()

    @classmethod
    def of(cls, scheme: str, code: str, loaders: Loaders, release: str) -> "Classification":
        """Returns the code of a scheme as an object."""
        return cls(row={"scheme": scheme, "code": code}, loaders=loaders, release=release)

    @strawberry.field(description="The URI of the group in ESCO; null in classifications other than ISCO-08.")
    def uri(self) -> str | None:
        """Returns the URI."""
        return uri_of(self.row["scheme"], self.row["code"])

    @strawberry.field(description="The title, if the operator of this server has provided titles (`COMPETENT_TITLES`).")
    def title(self) -> LocalizedText | None:
        """Returns the title of a group of ISCO-08."""
        return localized(self.loaders.supplements.titles.get(self.row["code"]) if self.row["scheme"] == ISCO else None)

    @strawberry.field(
        description="The next broader group; null for the broadest, and in classifications other than ISCO-08."
    )
    def broader(self) -> "Classification | None":
        """Returns the group whose code has one digit less."""
        code = broader_of(self.row["scheme"], self.row["code"])
        return None if code is None else Classification.of(self.row["scheme"], code, self.loaders, self.release)

    @strawberry.field(
        description="The groups directly below that have profiles, by code.",
        metadata={"length": GROUPS, **Work(base=15).metadata},
    )
    async def narrower(self) -> "list[Classification]":
        """Returns the groups whose code has one digit more."""
        return await classifications(self.loaders, self.release, self.row["scheme"], self.row["code"])

    def members(self, facets: Facets) -> int:
        """Returns the set of profiles with this code, or with one below it."""
        return facets.groups(self.row["scheme"]).get(self.row["code"], 0)

    @property
    def scope(self) -> str:
        """The name of the list of its profiles."""
        return f"{self.row['scheme']} {self.row['code']}"


async def classifications(
    loaders: Loaders, number: str, scheme: Scheme = ISCO, broader: str | None = None
) -> list[Classification]:
    """Returns the codes of a scheme directly below `broader`, by code; the broadest ones if it is None."""
    name = scheme_name(scheme)
    codes = (await facets_of(loaders, number)).below(name, broader)
    return [Classification.of(name, code, loaders, number) for code in codes]


_TERM_TYPES: dict[str, type[Label]] = {}


def term_type(terms: Terms) -> type[Label]:
    """Returns the GraphQL type of declared terms, created once."""
    if terms.type_name not in _TERM_TYPES:
        members = {"__doc__": "A term of a profile.", "scheme": terms.scheme}
        term_class: type[Label] = type(terms.type_name, (Label,), members)
        _TERM_TYPES[terms.type_name] = strawberry.type(term_class, description=terms.description)
    return _TERM_TYPES[terms.type_name]


def term(terms: Terms, value: FacetValue, loaders: Loaders, release: str) -> Label:
    """Returns the object of a value of a declared list of terms."""
    row = {"id": value.uuid, "code": value.code, "title": value.title}
    return term_type(terms)(row=row, loaders=loaders, release=release)


def names_of(view: DocumentView, rows: Sequence[Document] | None) -> list[AlternativeName]:
    """Converts the rows of alternative names."""
    return [AlternativeName(row=row) for row in rows or ()]


def values_as(row_class: Callable[..., T]) -> Callable[[DocumentView, Sequence[Document] | None], list[T]]:
    """Returns a converter of a list of rows to objects of `row_class`, which know their release."""
    return lambda view, rows: [row_class(row=row, loaders=view.loaders, release=view.release) for row in rows or ()]
