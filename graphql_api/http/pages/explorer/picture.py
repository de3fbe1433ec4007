"""The picture of an occupation: the competences that it shares, and the occupations that it shares them with, as SVG.

Three columns: the occupation, competences, neighbours. On a narrow screen the occupation is above the other two.
All units are those of the SVG.
"""

import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean

from graphql_api.competent.hal import Document
from graphql_api.http.pages.rendering import plain
from graphql_api.index.labels import text_of

MAX_COMPETENCES = 24
LINE_HEIGHT = 16
_LETTER_WIDTH, _PADDING = 8, 8


@dataclass(frozen=True, slots=True)
class Layout:
    """Where the columns are. `top` is the y at which competences and neighbours begin."""

    name: str
    width: int
    lefts: tuple[int, int, int]
    widths: tuple[int, int, int]
    lines: int
    """Maximum number of lines of text in a box."""
    row: int
    top: int = 0

    @property
    def node_height(self) -> int:
        """The height of a box."""
        return self.lines * LINE_HEIGHT + 10


LAYOUTS = (
    Layout("wide", 900, (2, 222, 628), (170, 350, 270), lines=1, row=34),
    Layout("narrow", 350, (2, 14, 204), (346, 160, 144), lines=3, row=66, top=74),
)


@dataclass(frozen=True, slots=True)
class Box:
    """A box with the text of a concept. `column` is 0 for the occupation, 1 for competences and 2 for neighbours."""

    layout: Layout
    id: str
    concept: Document
    column: int
    middle: float
    near: tuple[str, ...]
    """The ids of the nodes that a line leads to."""

    @property
    def left(self) -> int:
        """The x of the left side of the box."""
        return self.layout.lefts[self.column]

    @property
    def width(self) -> int:
        """The width of the box."""
        return self.layout.widths[self.column]

    @property
    def top(self) -> float:
        """The y of the top of the box."""
        return self.middle - self.layout.node_height / 2

    @property
    def lines(self) -> list[tuple[float, str]]:
        """The text in lines that fit into the box, each with its y."""
        words = plain(text_of(self.concept), self.concept)
        letters = (self.width - 2 * _PADDING) // _LETTER_WIDTH
        lines = textwrap.wrap(words, letters, max_lines=self.layout.lines, placeholder="…")
        first = self.middle + 5 - (len(lines) - 1) * LINE_HEIGHT / 2
        return [(first + index * LINE_HEIGHT, line) for index, line in enumerate(lines)]


@dataclass(frozen=True, slots=True)
class Line:
    """A line between two nodes, as the data of an SVG path."""

    start: Box
    end: Box

    @property
    def path(self) -> str:
        """From the right side of one to the left side of the other; from above, along the left side of the column."""
        x, y, to_x, to_y = self.start.left + self.start.width, self.start.middle, self.end.left, self.end.middle
        if to_x < x:
            return f"M6 {self.start.top + self.start.layout.node_height}V{to_y}H{to_x}"
        return f"M{x} {y}C{to_x - 20} {y} {x + 20} {to_y} {to_x} {to_y}"


@dataclass(frozen=True, slots=True)
class Picture:
    """The nodes by column, the lines, and the number of shared competences that do not fit."""

    layout: Layout
    columns: tuple[Sequence[Box], Sequence[Box], Sequence[Box]]
    lines: Sequence[Line]
    left_out: int
    height: int


def pictures_of(profile: Document) -> list[Picture]:
    """The picture of a profile with `similarProfiles`, in each layout."""
    return [_picture(layout, profile) for layout in LAYOUTS]


def _picture(layout: Layout, profile: Document) -> Picture:
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
    height = layout.row * max(len(shown), len(order), 1)
    top = layout.top / 2 if layout.top else height / 2
    centre = Box(layout, profile["uuid"], profile, 0, top, tuple(shown))
    middle = _column(layout, 1, shown, competences, {key: (centre.id, *users[key]) for key in shown}, height)
    right = _column(layout, 2, order, profiles, {uuid: tuple(keys) for uuid, keys in shared.items()}, height)
    nodes = {node.id: node for node in (*middle, *right)}
    lines = [Line(centre, node) for node in middle]
    lines += [Line(nodes[key], node) for node in right for key in node.near]
    return Picture(layout, ([centre], middle, right), lines, len(users) - len(shown), layout.top + height)


def _uuids(similar: Sequence[Document]) -> list[str]:
    return [item["profile"]["uuid"] for item in similar]


def _column(
    layout: Layout,
    column: int,
    uuids: Sequence[str],
    concepts: Mapping[str, Document],
    near: Mapping[str, tuple[str, ...]],
    height: int,
) -> list[Box]:
    """Nodes at equal distances from top to bottom."""
    step = height / max(len(uuids), 1)
    return [
        Box(layout, uuid, concepts[uuid], column, round(layout.top + (index + 0.5) * step, 1), near[uuid])
        for index, uuid in enumerate(uuids)
    ]
