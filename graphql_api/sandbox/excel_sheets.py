"""Interprets the sheets of a Competent Excel export, row by row, as one dataset.

The declarations name sheets and columns. An invalid row raises CellError and is skipped; the caller collects these errors.
A profile with an invalid row is skipped together with the rows of other sheets that belong to it.
"""

import re
from collections.abc import Callable, Sequence
from typing import NamedTuple, TypeVar

from graphql_api.competent.declarations import Concepts, Field, Plain, Terms
from graphql_api.sandbox import cells
from graphql_api.sandbox.builders import CompetenceBuilder, ProfileBuilder, blocks_of
from graphql_api.sandbox.cells import Cell, CellError, Row
from graphql_api.sandbox.columns import (
    BLOCK,
    BLOCK_TYPES,
    CLASSIFICATION,
    COMPETENCE_BLOCK,
    MAIN_FIELDS,
    MAIN_SHEET,
    NAME,
    OTHER_FIELDS,
    RELATED,
    SKILL_OF_SET,
    SPELLINGS,
    TERM,
    headings_of,
)
from graphql_api.sandbox.dataset import (
    BLOCKS,
    COMPETENCE,
    COMPETENCE_SET,
    LANGUAGES,
    PROFILE,
    AlternativeName,
    Classification,
    Concept,
    Dataset,
    Term,
    Texts,
    main_text,
    texts,
)

Related = TypeVar("Related", bound=Concept | Term | CompetenceBuilder)
Take = Callable[[Row], None]

_TEXT_OF = {name: main_text(type) for name, type in BLOCKS.items()}


class Sheet(NamedTuple):
    """A kind of sheet: prefix of its name, headings of its columns, and the function that reads its rows.

    `take` gets the columns in the order of `headings`, then those of `more`, which may be missing.
    """

    prefix: str
    headings: tuple[str, ...]
    take: Take
    more: tuple[str, ...] = ()


class Export:
    """Accumulates the rows read so far. A concept or term that occurs repeatedly is created once, from its first row."""

    def __init__(self) -> None:
        self.problems: list[CellError] = []
        """Invalid cells of the last row that were treated as empty; the caller clears the list."""
        self._profiles: dict[Cell, ProfileBuilder] = {}
        self._competences: dict[str, CompetenceBuilder] = {}
        self._blocks: dict[str, Concept] = {}
        self._terms: dict[str, Term] = {}
        # Caches of what was read, keyed by its cells: most rows repeat cells of other rows.
        self._competence_cells: dict[tuple[Cell, ...], CompetenceBuilder] = {}
        self._block_cells: dict[tuple[Cell, ...], Concept] = {}
        self._rows_of_competences: dict[tuple[Cell, ...], CompetenceBuilder] = {}
        self._sets: dict[tuple[Cell, ...], tuple[Concept, str]] = {}
        self._skills: dict[str, Concept] = {}
        self.unknown_skills: dict[str, None] = {}
        """Codes of skills of competence sets that no technical competence has, so that their uuids are unknown."""

    def sheets(self) -> tuple[Sheet, ...]:
        """The sheets to read; profiles come first, because all other sheets refer to them."""
        main = ("Id", "Code", *headings_of(MAIN_FIELDS))
        return (
            Sheet(MAIN_SHEET, main, self._take_profile, headings_of(OTHER_FIELDS)),
            *(self._sheet(field) for field in PROFILE.fields if field.sheet),
        )

    def _sheet(self, field: Field) -> Sheet:
        """The sheet of a field."""
        match field.value:
            case Plain("names"):
                return Sheet(field.sheet, NAME, self._take_name(field.name))
            case Plain("classifications"):
                return Sheet(field.sheet, CLASSIFICATION, self._take_classification(field.name))
            case Terms():
                return Sheet(field.sheet, TERM, self._take_term(field.name))
            case Concepts(COMPETENCE_SET.name):
                return Sheet(field.sheet, SKILL_OF_SET, self._take_set)
            case Concepts(COMPETENCE.name):
                return Sheet(field.sheet, COMPETENCE_BLOCK, self._take_competence(field.name))
            case Concepts(type_name):
                return Sheet(field.sheet, BLOCK, self._take_block(field.name, _TEXT_OF[type_name]))
        raise TypeError(f"{field.name} has one value a profile: declare its column, not a sheet")

    def dataset(self, number: str) -> Dataset:
        """The release; its publication date is the latest one of its profiles, in Brussels time."""
        competences = {uuid: builder.build() for uuid, builder in self._competences.items()}
        profiles = tuple(builder.build(competences) for builder in self._profiles.values() if builder.uuid)
        published = max((moment for profile in profiles if (moment := profile.moment("lastPublished"))), default=None)
        day = cells.day_in_brussels(published) if published else None
        return Dataset(number, day, profiles, tuple(competences.values()), blocks_of(profiles))

    def _take_profile(self, row: Row) -> None:
        uuid = cells.uuid(row, 0, "the profile's uuid")
        if uuid in self._profiles:
            raise CellError(0, f"the profile {uuid} is here twice")
        # Registered first, so that an error below is reported once and not for each row of the other sheets.
        profile = self._profiles[uuid] = ProfileBuilder()
        code = cells.required(row, 1, "the profile's code")
        column = 2
        for field in (*MAIN_FIELDS, *OTHER_FIELDS):
            if field.value == Plain("text"):
                profile.texts[field.name] = _texts(row, range(column, column + len(LANGUAGES)))
            else:
                profile.values[field.name] = self._value(field, row, column)
            column += len(headings_of([field]))
        profile.uuid, profile.code = uuid, code

    def _value(self, field: Field, row: Row, column: int) -> str | tuple[str, ...] | None:
        match field.value:
            case Plain("moment"):
                return self._moment(row, column)
            case Plain("strings"):
                return tuple(
                    part for text in re.split("[,;\n]", cells.text(row, column) or "") if (part := text.strip())
                )
        return cells.text(row, column)

    def _moment(self, row: Row, column: int) -> str | None:
        try:
            return cells.moment(row, column)
        except CellError as error:
            self.problems.append(error)
            return None

    def _owner(self, row: Row) -> ProfileBuilder:
        """The profile that a row belongs to. Raises CellError if there is none."""
        owner = self._profiles.get(row[0]) or self._profiles.get(cells.uuid(row, 0, "the profile's uuid"))
        if owner is None:
            raise CellError(0, f"there is no profile {row[0]} on the sheet {MAIN_SHEET!r}")
        return owner

    def _take_name(self, relation: str) -> Take:
        def take(row: Row) -> None:
            owner = self._owner(row)
            uuid, code = cells.uuid(row, 4, "the name's uuid"), cells.required(row, 5, "the name's code")
            language = cells.required(row, 6, "the language").lower()
            if language not in LANGUAGES:
                raise CellError(6, f"unknown language {language!r} (known: {', '.join(LANGUAGES)})")
            name = cells.text(row, 7)
            if name is None:
                raise CellError(7, "the name is missing")
            owner.related[relation][uuid] = AlternativeName(uuid, code, language, name)

        return take

    def _take_classification(self, relation: str) -> Take:
        def take(row: Row) -> None:
            owner = self._owner(row)
            scheme = cells.required(row, 4, "the type of the code")
            value = cells.required(row, 5, "the value of the code")
            if isinstance(row[5], int | float) and scheme.upper().startswith("ISCO"):
                value = value.zfill(4)  # 0110 as a number is 110
            owner.related[relation][scheme, value] = Classification(scheme, value)

        return take

    def _take_term(self, relation: str) -> Take:
        def read(row: Row) -> Term:
            uuid, code = _identity(row, 4)
            term = self._terms.setdefault(uuid, Term(uuid, code, _texts(row, (6, 7))))
            _require_code(5, uuid, code, term.code)
            return term

        return self._take_related(relation, read, 8)

    def _take_block(self, relation: str, text: str) -> Take:
        return self._take_related(relation, lambda row: self._block(row, 4, 7, text), 9)

    def _take_competence(self, relation: str) -> Take:
        """Reader of rows with a competence and one of its blocks."""
        return self._take_related(relation, self._competence_with_block, 11, self._rows_of_competences)

    def _take_related(
        self,
        relation: str,
        read: Callable[[Row], Related],
        end: int,
        cache: dict[tuple[Cell, ...], Related] | None = None,
    ) -> Take:
        """Reader of rows that relate an item to a profile; equal items of other profiles are not read again.

        `end` is the column after the last one that `read` uses, `cache` a map of items by their cells.
        """
        cache = {} if cache is None else cache
        owners, find_owner = self._profiles, self._owner

        def take(row: Row) -> None:
            owner = owners.get(row[0]) or find_owner(row)
            key = tuple(row[RELATED:end])
            related = cache.get(key)
            if related is None:
                related = cache[key] = read(row)
            owner.related[relation][related.uuid] = related

        return take

    def _competence_with_block(self, row: Row) -> CompetenceBuilder:
        key = row[4], row[5]
        competence = self._competence_cells.get(key) or self._competence(row)
        name, value = _relation(row)
        block = self._block(row, 7, 9, _TEXT_OF[value.type_name])
        competence.add(name, block, value.single)
        if value.single:
            self._skills[block.code] = block
        self._competence_cells[key] = self._competences[competence.uuid] = competence
        return competence

    def _competence(self, row: Row) -> CompetenceBuilder:
        """The competence of a row; a new one if its uuid is new."""
        uuid, code = cells.uuid(row, 4, "the competence's uuid"), cells.required(row, 5, "the competence's code")
        competence = self._competences.get(uuid) or CompetenceBuilder(uuid, code)
        _require_code(5, uuid, code, competence.code)
        return competence

    def _block(self, row: Row, column: int, nl: int, text: str) -> Concept:
        """The block in these columns: uuid and code from `column`, Dutch and French text from `nl`."""
        key = tuple(row[column : nl + 2])
        block = self._block_cells.get(key)
        if block is None:
            uuid, code = _identity(row, column)
            block = self._blocks.get(uuid) or Concept(uuid, code, {text: _texts(row, (nl, nl + 1))})
            _require_code(column + 1, uuid, code, block.code)
            self._block_cells[key] = self._blocks[uuid] = block
        return block

    def _take_set(self, row: Row) -> None:
        owner = self._profiles.get(row[0]) or self._owner(row)
        key = tuple(row[4:12])
        cached = self._sets.get(key)
        if cached is None:
            cached = self._sets[key] = _competence_set(row)
        competence_set, code = cached
        _, skills = owner.sets.setdefault(competence_set.uuid, (competence_set, {}))
        if skill := self._skills.get(code):
            skills[code] = skill
        else:
            self.unknown_skills[code] = None


def _relation(row: Row) -> tuple[str, Concepts]:
    """The field of a competence, and its declared value, for the block type of a row."""
    block_type = cells.required(row, 6, "the block type").lower()
    relation = BLOCK_TYPES.get(SPELLINGS.get(block_type, block_type))
    if relation is None:
        raise CellError(6, f"unknown block type {block_type!r} (known: {', '.join(BLOCK_TYPES)})")
    return relation


def _identity(row: Row, column: int) -> tuple[str, str]:
    return cells.uuid(row, column, "the uuid"), cells.required(row, column + 1, "the code")


def _competence_set(row: Row) -> tuple[Concept, str]:
    """The competence set of a row, without skills, and the code of the skill that the row adds to it."""
    uuid, code = cells.uuid(row, 4, "the set's uuid"), cells.required(row, 5, "the set's code")
    block_type = cells.required(row, 10, "the block type")
    if block_type.lower() != "skill":
        raise CellError(10, f"unknown block type {block_type!r} (known: SKILL)")
    named = {"title": _texts(row, (6, 7)), "disambiguator": _texts(row, (8, 9))}
    return Concept(uuid, code, named), cells.required(row, 11, "the skill's code")


def _texts(row: Row, columns: Sequence[int] | range) -> Texts:
    return texts(*(cells.text(row, column) for column in columns))


def _require_code(column: int, uuid: str, code: str, first_code: str) -> None:
    if code != first_code:
        raise CellError(column, f"{uuid} already has the code {first_code} and cannot also have {code}")
