"""Builders of profiles and competences from the rows of a workbook, in the order of the rows."""

from collections import defaultdict
from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass, field, replace

from graphql_api.sandbox.cells import CellError
from graphql_api.sandbox.dataset import COMPETENCE, PROFILE, Concept, Item, Profile, Texts, relations


@dataclass(slots=True)
class CompetenceBuilder:
    """Collects a technical competence from rows that each hold one of its blocks."""

    uuid: str
    code: str
    blocks: dict[str, dict[str, Concept]] = field(
        default_factory=lambda: {relation.name: {} for relation, _ in relations(COMPETENCE)}
    )

    def add(self, name: str, block: Concept, single: bool) -> None:
        blocks = self.blocks[name]
        if single and blocks and block.uuid not in blocks:
            (present,) = blocks.values()
            raise CellError(7, f"{self.code} already has the {name} {present.code} and cannot have a second one")
        blocks.setdefault(block.uuid, block)

    def build(self) -> Concept:
        return Concept(
            self.uuid, self.code, related={name: tuple(blocks.values()) for name, blocks in self.blocks.items()}
        )


Related = Concept | Item | CompetenceBuilder
"""What a row relates to a profile; a competence is complete only after the last row."""


@dataclass(slots=True)
class ProfileBuilder:
    """Collects a profile from several sheets: related items by field and then by uuid, in row order."""

    uuid: str = ""
    """Empty until the row of the profile has been read without an error."""
    code: str = ""
    texts: dict[str, Texts] = field(default_factory=dict)
    values: dict[str, str | tuple[str, ...] | None] = field(default_factory=dict)
    related: defaultdict[str, dict[Hashable, Related]] = field(default_factory=lambda: defaultdict(dict))
    sets: dict[str, tuple[Concept, dict[str, Concept]]] = field(default_factory=dict)
    """Competence sets by uuid, each with those of its skills that the profile has, by code."""

    def build(self, competences: Mapping[str, Concept]) -> Profile:
        """The finished profile; `competences` are the finished competences by uuid."""
        related = {
            name: tuple(
                competences[item.uuid] if isinstance(item, CompetenceBuilder) else item for item in items.values()
            )
            for name, items in self.related.items()
        }
        related["competenceSets"] = tuple(
            replace(head, related={"skills": tuple(skills.values())}) for head, skills in self.sets.values()
        )
        return Profile(self.uuid, self.code, self.texts, self.values, related)


def blocks_of(profiles: Iterable[Profile]) -> dict[str, tuple[Concept, ...]]:
    """The distinct blocks that profiles embed, by type."""
    by_type: dict[str, dict[str, Concept]] = {}
    for relation, value in relations(PROFILE):
        if value.type_name != COMPETENCE.name:
            of_type = by_type.setdefault(value.type_name, {})
            of_type.update((block.uuid, block) for profile in profiles for block in profile.concepts(relation.name))
    return {name: tuple(blocks.values()) for name, blocks in by_type.items()}
