"""The sheets of a Competent Excel export, row by row into one dataset: which columns mean what.

A row that makes no sense raises CellError and changes nothing that matters; the caller collects these errors. A profile whose
row makes no sense is left out with all that other sheets say of it.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

from graphql_api.sandbox import cells
from graphql_api.sandbox.cells import Cell, CellError, Row
from graphql_api.sandbox.dataset import (
    LANGUAGES,
    AlternativeName,
    Block,
    Competence,
    CompetenceSet,
    Dataset,
    Profile,
    Texts,
    texts,
)

Take = Callable[[Row], None]

MAIN_SHEET = "Occupational Profiles"

_BLOCK_TYPES = ("skill", "knowledge", "behavioural indicator")
_SPELLINGS = dict.fromkeys(("behaviouralindicator", "behavioural_indicator"), "behavioural indicator")
"""How Competent's documents write it, and how the block types of competence sets are written."""
_PROFILE = (
    *("Id", "Code", "Title NL", "Title FR", "Title EN", "Title DE"),
    *("Description NL", "Description FR", "Description EN", "Description DE"),
    *("Working context NL", "Working context FR", "Working context EN", "Working context DE"),
    *("Last modified", "Last published"),
)
_OWNER = ("Id", "Code", "Title NL", "Title FR")
_LABEL = (*_OWNER, "Id", "Code", "Title NL", "Title FR")
_TITLED = (*_OWNER, "Id", "Code", "Title Id", "Title NL", "Title FR")
_BLOCK = (
    *(*_OWNER, "Competence Id", "Competence Code"),
    *("Block type", "Block Id", "Block Code", "Block NL", "Block FR"),
)
_SET = (
    *(*_OWNER, "Set Id", "Set Code", "Name NL", "Name FR", "Disambiguator NL", "Disambiguator FR"),
    *("Block type", "Block Code"),
)


@dataclass(slots=True)
class _Competence:
    """A technical competence while its blocks come in, each in a row of its own."""

    uuid: str
    code: str
    skill: Block | None = None
    knowledge: dict[str, Block] = field(default_factory=dict)
    indicators: dict[str, Block] = field(default_factory=dict)

    def add_skill(self, block: Block) -> None:
        if self.skill and self.skill.uuid != block.uuid:
            raise CellError(7, f"{self.code} has the skill {self.skill.code} already, and can have no second one")
        self.skill = block

    def finished(self) -> Competence:
        knowledge, indicators = tuple(self.knowledge.values()), tuple(self.indicators.values())
        return Competence(self.uuid, self.code, self.skill, knowledge, indicators)


@dataclass(slots=True)
class _Profile:
    """A profile while other sheets add to it: what belongs to it, by relation and then by uuid, in the rows' order."""

    fields: dict[str, Any] = field(default_factory=dict)
    related: defaultdict[str, dict[Any, Any]] = field(default_factory=lambda: defaultdict(dict))


class Sheet(NamedTuple):
    """What a sheet's name begins with, the headings of the columns that `take` reads, in its order, and what it reads of them."""

    prefix: str
    headings: tuple[str, ...]
    take: Take


class Export:
    """What the rows read so far amount to. A thing that recurs is made once, from its first row."""

    def __init__(self) -> None:
        self.problems: list[CellError] = []
        """Cells of the last row that were read as empty; the row was taken without them. Emptied by the caller."""
        self._profiles: dict[Cell, _Profile] = {}
        self._competences: dict[str, _Competence] = {}
        self._blocks: dict[str, Block] = {}
        self._labels: dict[tuple[Cell, ...], Block] = {}
        self._of_blocks: dict[tuple[Cell, ...], _Competence] = {}
        self._sets: dict[tuple[Cell, ...], tuple[CompetenceSet, str]] = {}

    def sheets(self) -> tuple[Sheet, ...]:
        """The sheets to hand in; the profiles come first, as all others name one."""
        return (
            Sheet(MAIN_SHEET, _PROFILE, self._take_profile),
            Sheet(
                "Occ.Prof - Alt.Names", (*_OWNER, "Alt.Name Id", "Alt.Name Code", "Language", "Title"), self._take_name
            ),
            Sheet("Occ.Prof - ProofsOfLearning", _LABEL, self._take_label("proofs", 6)),
            Sheet("Occ.Prof - Codes", (*_OWNER, "Type", "Value"), self._take_code),
            Sheet("Occ.Prof - Econ.Sectors", _LABEL, self._take_label("sectors", 6)),
            Sheet("Occ.Prof - Areas of Interest", _LABEL, self._take_label("areas", 6)),
            Sheet("Occ.Prof - Soft Skills", _TITLED, self._take_label("soft_skills", 7)),
            Sheet("Occ.Prof - Digital Skills", _TITLED, self._take_label("digital_skills", 7)),
            Sheet("Occ.Prof - Essential Competence", _BLOCK, self._take_competence("essential")),
            Sheet("Occ.Prof - Optional Competence", _BLOCK, self._take_competence("optional")),
            Sheet("Occ.Prof - Competentiesets", _SET, self._take_set),
        )

    def dataset(self, number: str) -> Dataset:
        """The release, published on the day (in Brussels) on which the newest of its profiles was."""
        competences = {uuid: competence.finished() for uuid, competence in self._competences.items()}
        profiles = tuple(_finished(each, competences) for each in self._profiles.values() if each.fields)
        soft_skills = {skill.uuid: skill for profile in profiles for skill in profile.soft_skills}
        published = max((profile.last_published for profile in profiles if profile.last_published), default=None)
        day = cells.day_in_brussels(published) if published else None
        return Dataset(number, day, profiles, tuple(competences.values()), tuple(soft_skills.values()))

    def _take_profile(self, row: Row) -> None:
        uuid = cells.uuid(row, 0, "the profile's uuid")
        if uuid in self._profiles:
            raise CellError(0, f"the profile {uuid} stands here twice")
        # Known from here on, so that an error below is reported once and not again by each row of the other sheets.
        profile = self._profiles[uuid] = _Profile()
        profile.fields = {
            "uuid": uuid,
            "code": cells.needed(row, 1, "the profile's code"),
            "title": _texts(row, range(2, 6)),
            "description": _texts(row, range(6, 10)),
            "working_context": _texts(row, range(10, 14)),
            "last_modified": self._moment(row, 14),
            "last_published": self._moment(row, 15),
        }

    def _moment(self, row: Row, column: int) -> str | None:
        try:
            return cells.moment(row, column)
        except CellError as error:
            self.problems.append(error)
            return None

    def _owner(self, row: Row) -> _Profile:
        """The profile that a row belongs to."""
        found = self._profiles.get(row[0]) or self._profiles.get(cells.uuid(row, 0, "the profile's uuid"))
        if found is None:
            raise CellError(0, f"there is no profile {row[0]} on the sheet {MAIN_SHEET!r}")
        return found

    def _take_name(self, row: Row) -> None:
        owner = self._owner(row)
        uuid, code = cells.uuid(row, 4, "the name's uuid"), cells.needed(row, 5, "the name's code")
        language = cells.needed(row, 6, "the language").lower()
        if language not in LANGUAGES:
            raise CellError(6, f"unknown language {language!r} (known: {', '.join(LANGUAGES)})")
        name = cells.text(row, 7)
        if name is None:
            raise CellError(7, "the name is missing")
        owner.related["names"][uuid] = AlternativeName(uuid, code, language, name)

    def _take_code(self, row: Row) -> None:
        owner = self._owner(row)
        scheme, value = cells.needed(row, 4, "the type of the code"), cells.needed(row, 5, "the value of the code")
        if isinstance(row[5], int | float) and scheme.upper().startswith("ISCO"):
            value = value.zfill(4)  # 0110 as a number is 110
        owner.related["codes"][scheme, value] = scheme, value

    def _take_label(self, relation: str, nl: int) -> Take:
        """Takes rows with uuid, code and, from the column `nl` on, Dutch and French text."""

        def take(row: Row) -> None:
            owner = self._owner(row)
            key = (relation, *row[4:9])
            label = self._labels.get(key)
            if label is None:
                label = self._labels[key] = self._block(row, 4, nl)
            owner.related[relation][label.uuid] = label

        return take

    def _take_competence(self, relation: str) -> Take:
        """Takes rows with a competence and one of its blocks."""
        known = self._of_blocks

        def take(row: Row) -> None:
            owner = self._owner(row)
            key = tuple(row[4:11])
            competence = known.get(key)
            if competence is None:
                competence = known[key] = self._competence_with_block(row)
            owner.related[relation][competence.uuid] = None

        return take

    def _competence_with_block(self, row: Row) -> _Competence:
        uuid, code = cells.uuid(row, 4, "the competence's uuid"), cells.needed(row, 5, "the competence's code")
        kind = cells.needed(row, 6, "the block type").lower()
        kind = _SPELLINGS.get(kind, kind)
        if kind not in _BLOCK_TYPES:
            raise CellError(6, f"unknown block type {kind!r} (known: {', '.join(_BLOCK_TYPES)})")
        block = self._block(row, 7, 9)
        competence = self._competences.setdefault(uuid, _Competence(uuid, code))
        _require_code(5, uuid, code, competence.code)
        match kind:
            case "skill":
                competence.add_skill(block)
            case "knowledge":
                competence.knowledge.setdefault(block.uuid, block)
            case _:
                competence.indicators.setdefault(block.uuid, block)
        return competence

    def _block(self, row: Row, uuid: int, nl: int) -> Block:
        """What these columns say: uuid and code, Dutch and French text."""
        read = Block(
            cells.uuid(row, uuid, "the uuid"), cells.needed(row, uuid + 1, "the code"), _texts(row, (nl, nl + 1))
        )
        found = self._blocks.setdefault(read.uuid, read)
        _require_code(uuid + 1, read.uuid, read.code, found.code)
        return found

    def _take_set(self, row: Row) -> None:
        owner = self._owner(row)
        key = tuple(row[4:12])
        known = self._sets.get(key)
        if known is None:
            known = self._sets[key] = _competence_set(row)
        head, skill = known
        owner.related["competence_sets"].setdefault(head.uuid, (head, {}))[1][skill] = None


def _competence_set(row: Row) -> tuple[CompetenceSet, str]:
    """A set without its skills, and the code of the one that this row adds."""
    uuid, code = cells.uuid(row, 4, "the set's uuid"), cells.needed(row, 5, "the set's code")
    kind = cells.needed(row, 10, "the block type")
    if kind.lower() != "skill":
        raise CellError(10, f"unknown block type {kind!r} (known: SKILL)")
    name, disambiguator = _texts(row, (6, 7)), _texts(row, (8, 9))
    return CompetenceSet(uuid, code, name, disambiguator), cells.needed(row, 11, "the skill's code")


def _texts(row: Row, columns: Iterable[int]) -> Texts:
    return texts(*(cells.text(row, column) for column in columns))


def _require_code(column: int, uuid: str, code: str, known: str) -> None:
    if code != known:
        raise CellError(column, f"{uuid} has the code {known} already, and can have no second one, {code}")


def _finished(profile: _Profile, competences: dict[str, Competence]) -> Profile:
    def all_of(relation: str) -> tuple[Any, ...]:
        return tuple(profile.related[relation].values())

    return Profile(
        **profile.fields,
        names=all_of("names"),
        essential=tuple(competences[uuid] for uuid in profile.related["essential"]),
        optional=tuple(competences[uuid] for uuid in profile.related["optional"]),
        soft_skills=all_of("soft_skills"),
        digital_skills=all_of("digital_skills"),
        proofs=all_of("proofs"),
        sectors=all_of("sectors"),
        areas=all_of("areas"),
        codes=all_of("codes"),
        competence_sets=tuple(replace(head, skills=tuple(skills)) for head, skills in all_of("competence_sets")),
    )
