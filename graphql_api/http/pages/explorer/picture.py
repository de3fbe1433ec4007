"""The picture of an occupation: the competences that it shares, and the occupations that it shares them with, as SVG.

Three columns: the occupation, competences, neighbours. All units are those of the SVG.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean

from graphql_api.competent.hal import Document

MAX_COMPETENCES = 24
_ROW, _NODE_HEIGHT, _WIDTHS, _LEFTS = 34, 26, (170, 350, 270), (2, 222, 628)
WIDTH = _LEFTS[-1] + _WIDTHS[-1] + 2


@dataclass(frozen=True, slots=True)
class Node:
    """A box with the text of a concept. `column` is 0 for the occupation, 1 for competences and 2 for neighbours."""

    id: str
    concept: Document
    column: int
    middle: float
    near: tuple[str, ...]
    """The ids of the nodes that a line leads to."""

    @property
    def left(self) -> int:
        """The x of the left side of the box."""
        return _LEFTS[self.column]

    @property
    def width(self) -> int:
        """The width of the box."""
        return _WIDTHS[self.column]

    @property
    def top(self) -> float:
        """The y of the top of the box."""
        return self.middle - _NODE_HEIGHT / 2

    @property
    def height(self) -> int:
        """The height of the box."""
        return _NODE_HEIGHT

    @property
    def letters(self) -> int:
        """How many letters of the text fit into the box."""
        return (self.width - 16) // 8


@dataclass(frozen=True, slots=True)
class Picture:
    """The nodes by column, the lines as pairs of nodes, and the number of shared competences that do not fit."""

    columns: tuple[Sequence[Node], Sequence[Node], Sequence[Node]]
    lines: Sequence[tuple[Node, Node]]
    left_out: int
    height: int


def picture_of(profile: Document) -> Picture:
    """The picture of a profile with `similarProfiles`."""
    similar: Sequence[Document] = profile["similarProfiles"] or ()
    users: dict[str, list[str]] = {}
    competences: dict[str, Document] = {}
    for item in similar:
        for competence in item["sharedCompetences"]:
            competences[competence["uuid"]] = competence
            users.setdefault(competence["uuid"], []).append(item["profile"]["uuid"])
    shown = sorted(users, key=lambda uuid: -len(users[uuid]))[:MAX_COMPETENCES]
    shared = {uuid: [key for key in shown if uuid in users[key]] for uuid in _uuids(similar)}
    order = sorted((uuid for uuid in shared if shared[uuid]), key=lambda uuid: fmean(map(shown.index, shared[uuid])))
    profiles = {item["profile"]["uuid"]: item["profile"] for item in similar}
    height = _ROW * max(len(shown), len(order), 1)
    centre = Node(profile["uuid"], profile, 0, height / 2, tuple(shown))
    middle = _column(1, shown, competences, {key: (centre.id, *users[key]) for key in shown}, height)
    right = _column(2, order, profiles, {uuid: tuple(keys) for uuid, keys in shared.items()}, height)
    nodes = {node.id: node for node in (*middle, *right)}
    lines = [(centre, node) for node in middle]
    lines += [(nodes[key], node) for node in right for key in node.near]
    return Picture(([centre], middle, right), lines, len(users) - len(shown), height)


def _uuids(similar: Sequence[Document]) -> list[str]:
    return [item["profile"]["uuid"] for item in similar]


def _column(
    column: int,
    uuids: Sequence[str],
    concepts: Mapping[str, Document],
    near: Mapping[str, tuple[str, ...]],
    height: int,
) -> list[Node]:
    """Nodes at equal distances from top to bottom."""
    step = height / max(len(uuids), 1)
    return [
        Node(uuid, concepts[uuid], column, round((index + 0.5) * step, 1), near[uuid])
        for index, uuid in enumerate(uuids)
    ]
