"""The sheets of a Competent Excel export, row by row into one dataset: which columns mean what.

A row that makes no sense raises ValueError with its reason and changes nothing that matters; whoever hands in the rows
collects them.
"""

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

from graphql_api.sandbox import cells
from graphql_api.sandbox.cells import Cell
from graphql_api.sandbox.dataset import (
    LANGUAGES,
    AlternativeName,
    Block,
    Competence,
    CompetenceSet,
    Dataset,
    Profile,
    texts,
)

Row = list[Cell]
Take = Callable[[Row], None]

MAIN_SHEET = "Occupational Profiles"


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
            raise ValueError(f"{self.code} has the skill {self.skill.code} already, and can have no second one")
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
    """What a sheet's name begins with, of how many columns a row has at least to be, and what takes its rows."""

    prefix: str
    columns: int
    take: Take


class Export:
    """What the rows read so far amount to. A thing that recurs is made once, from its first row."""

    def __init__(self) -> None:
        self._profiles: dict[Cell, _Profile] = {}
        self._competences: dict[str, _Competence] = {}
        self._blocks: dict[str, Block] = {}
        self._labels: dict[tuple[Cell, ...], Block] = {}
        self._of_blocks: dict[tuple[Cell, ...], _Competence] = {}
        self._sets: dict[tuple[Cell, ...], tuple[CompetenceSet, str]] = {}

    def sheets(self) -> tuple[Sheet, ...]:
        """The sheets to hand in; the profiles come first, as all others name one."""
        return (
            Sheet(MAIN_SHEET, 16, self._take_profile),
            Sheet("Occ.Prof - Alt.Names", 8, self._take_name),
            Sheet("Occ.Prof - ProofsOfLearning", 8, self._take_label("proofs", 6)),
            Sheet("Occ.Prof - Codes", 6, self._take_code),
            Sheet("Occ.Prof - Econ.Sectors", 8, self._take_label("sectors", 6)),
            Sheet("Occ.Prof - Areas of Interest", 8, self._take_label("areas", 6)),
            Sheet("Occ.Prof - Soft Skills", 9, self._take_label("soft_skills", 7)),
            Sheet("Occ.Prof - Digital Skills", 9, self._take_label("digital_skills", 7)),
            Sheet("Occ.Prof - Essential Competence", 11, self._take_competence("essential")),
            Sheet("Occ.Prof - Optional Competence", 11, self._take_competence("optional")),
            Sheet("Occ.Prof - Competentiesets", 12, self._take_set),
        )

    def dataset(self, number: str) -> Dataset:
        """The release, published on the day on which the newest of its profiles was."""
        competences = {uuid: competence.finished() for uuid, competence in self._competences.items()}
        profiles = tuple(_finished(profile, competences) for profile in self._profiles.values())
        soft_skills = {skill.uuid: skill for profile in profiles for skill in profile.soft_skills}
        published = max((profile.last_published[:10] for profile in profiles if profile.last_published), default=None)
        return Dataset(number, published, profiles, tuple(competences.values()), tuple(soft_skills.values()))

    def _take_profile(self, row: Row) -> None:
        uuid = cells.uuid(row[0], "the profile's uuid")
        if uuid in self._profiles:
            raise ValueError(f"the profile {uuid} stands here twice")
        # Known from here on, so that what is wrong below is told once and not again by each row of the other sheets.
        profile = self._profiles[uuid] = _Profile()
        profile.fields = {
            "uuid": uuid,
            "code": cells.needed(row[1], "the profile's code"),
            "title": texts(*map(cells.text, row[2:6])),
            "description": texts(*map(cells.text, row[6:10])),
            "working_context": texts(*map(cells.text, row[10:14])),
            "last_modified": cells.moment(row[14]),
            "last_published": cells.moment(row[15]),
        }

    def _owner(self, row: Row) -> _Profile:
        """The profile that a row belongs to."""
        found = self._profiles.get(row[0]) or self._profiles.get(cells.uuid(row[0], "the profile's uuid"))
        if found is None:
            raise ValueError(f"there is no profile {row[0]} on the sheet {MAIN_SHEET!r}")
        return found

    def _take_name(self, row: Row) -> None:
        owner = self._owner(row)
        uuid, code = cells.uuid(row[4], "the name's uuid"), cells.needed(row[5], "the name's code")
        language = cells.needed(row[6], "the language").lower()
        if language not in LANGUAGES:
            raise ValueError(f"unknown language {language!r} (known: {', '.join(LANGUAGES)})")
        name = cells.text(row[7])
        if name is None:
            raise ValueError("the name is missing")
        owner.related["names"][uuid] = AlternativeName(uuid, code, language, name)

    def _take_code(self, row: Row) -> None:
        owner = self._owner(row)
        pair = cells.needed(row[4], "the type of the code"), cells.needed(row[5], "the value of the code")
        owner.related["codes"][pair] = pair

    def _take_label(self, relation: str, nl: int) -> Take:
        """Takes rows with uuid, code and, from the column `nl` on, Dutch and French text."""

        def take(row: Row) -> None:
            owner = self._owner(row)
            key = (relation, *row[4:9])
            label = self._labels.get(key)
            if label is None:
                label = self._labels[key] = self._block(row[4], row[5], row[nl], row[nl + 1])
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
        uuid, code = cells.uuid(row[4], "the competence's uuid"), cells.needed(row[5], "the competence's code")
        kind = cells.needed(row[6], "the block type").lower()
        if kind not in ("skill", "knowledge", "behavioural indicator"):
            raise ValueError(f"unknown block type {kind!r} (known: skill, knowledge, behavioural indicator)")
        block = self._block(*row[7:11])
        competence = self._competences.setdefault(uuid, _Competence(uuid, code))
        match kind:
            case "skill":
                competence.add_skill(block)
            case "knowledge":
                competence.knowledge.setdefault(block.uuid, block)
            case _:
                competence.indicators.setdefault(block.uuid, block)
        return competence

    def _block(self, uuid: Cell, code: Cell, nl: Cell, fr: Cell) -> Block:
        wording = texts(cells.text(nl), cells.text(fr))
        found = Block(cells.uuid(uuid, "the uuid"), cells.needed(code, "the code"), wording)
        return self._blocks.setdefault(found.uuid, found)

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
    uuid, code = cells.uuid(row[4], "the set's uuid"), cells.needed(row[5], "the set's code")
    kind = cells.needed(row[10], "the block type")
    if kind.lower() != "skill":
        raise ValueError(f"unknown block type {kind!r} (known: SKILL)")
    name, disambiguator = texts(*map(cells.text, row[6:8])), texts(*map(cells.text, row[8:10]))
    return CompetenceSet(uuid, code, name, disambiguator), cells.needed(row[11], "the skill's code")


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
