"""Measures how many successors of ended concepts are found, and how many of those found are right: precision and recall.

It compares the two workbooks of `../shared/data`. Their table of changes says which concepts ended, not what replaced them, so
there are two references:

- **Renumbered concepts**: a part of the concepts that are in both releases get another uuid in the later one, and another code or
  the same. The successor of each is known.
- **Ended concepts**: what replaced them is read from what the workbooks do not have, the English texts of the same data, and from
  the places in profiles and technical competences that changed hands.

Concepts are in two halves, by a hash of their uuid: one to choose weights and thresholds with (`--tune`), one to report.
"""

import argparse
import lzma
import random
import sqlite3
import time
import zlib
from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple
from uuid import UUID

from rapidfuzz import fuzz, process

from benchmarks.index import AFTER, BEFORE, DATA, SOURCE, WORKBOOKS, index_workbook, machine
from graphql_api.competent.declarations import (
    BEHAVIOURAL_INDICATOR,
    KNOWLEDGE,
    OCCUPATIONAL_PROFILE,
    SKILL,
    TECHNICAL_COMPETENCE,
    ConceptType,
)
from graphql_api.index.concepts import Key
from graphql_api.index.diff import changes
from graphql_api.index.index_file import IndexFile, read_only
from graphql_api.index.succession import Evidence, Successor
from graphql_api.index.timeline import release_diff

TABLES = DATA / "competent-like-650.sqlite.xz"
SHARE = 0.05
"""Share of the concepts of a half that are renumbered, beside all that changed their label."""
SAME_TEXT = 66
"""Similarity in percent from which two English texts are the same sentence, in another version; checked by hand."""
TYPES = (OCCUPATIONAL_PROFILE, TECHNICAL_COMPETENCE, SKILL, KNOWLEDGE, BEHAVIOURAL_INDICATOR)

Reference = Mapping[Key, set[Key]]
"""The right successors of each ended concept; empty if it has none."""
Successors = Mapping[Key, tuple[Successor, ...]]


class Counts(NamedTuple):
    """`right` of the `found` concepts with a successor have the right one first; `expected` have one."""

    right: int
    found_count: int
    expected: int

    @classmethod
    def of(cls, reference: Reference, successors: Successors) -> "Counts":
        first = {key: successors[key][0].key for key in reference if key in successors}
        right = sum(key in reference[concept] for concept, key in first.items())
        return cls(right, len(first), sum(map(bool, reference.values())))

    def row(self, name: str, ended: int) -> str:
        precision = f"{self.right / self.found_count:.3f}" if self.found_count else ""
        recall = f"{self.right / self.expected:.3f}" if self.expected else ""
        return f"| {name} | {ended} | {self.expected} | {self.found_count} | {self.right} | {precision} | {recall} |"


def half(uuid: str) -> int:
    """The half of a concept: 0 to tune, 1 to report."""
    return zlib.crc32(uuid.encode()) % 2


class Workbooks:
    """The indexes of both workbooks, and the tables with the same data in four languages."""

    def __init__(self, folder: Path) -> None:
        indexes = [IndexFile(folder, SOURCE, number) for number in (BEFORE, AFTER)]
        if not all(index.is_there() for index in indexes):
            for number in (BEFORE, AFTER):
                index_workbook(folder, 1, number)
        self.before, self.after = (read_only(index.path) for index in indexes)
        tables = folder / "tables.sqlite"
        tables.write_bytes(lzma.decompress(TABLES.read_bytes()))
        self.tables = sqlite3.connect(tables)

    def renumbered(self, of_half: int, new_codes: bool) -> tuple[sqlite3.Connection, Reference]:
        """The later release with other uuids for some concepts, and the successors of these."""
        after = sqlite3.connect(":memory:")
        self.after.backup(after)
        sql = "SELECT n, concept_type, uuid FROM concept ORDER BY n"
        earlier = {(type, uuid) for _, type, uuid in self.before.execute(sql)}
        changed = self._relabelled()
        choose = random.Random(of_half)  # noqa: S311  # a sample
        reference: dict[Key, set[Key]] = {}
        for n, type, uuid in after.execute(sql).fetchall():
            is_renumbered = uuid in changed or choose.random() < SHARE
            if (type, uuid) in earlier and half(uuid) == of_half and is_renumbered:
                other = str(UUID(int=choose.getrandbits(128), version=4))
                reference[type, uuid] = {(type, other)}
                code = ", code = 'X-' || n" if new_codes else ""
                after.execute(f"UPDATE concept SET uuid = ?{code} WHERE n = ?", (other, n))  # noqa: S608  # constants
        return after, reference

    def _relabelled(self) -> set[str]:
        sql = """
            SELECT id FROM change
            WHERE fields LIKE '%"title.%' OR kind <> 'occupational_profile' AND fields LIKE '%"description.%'
        """
        return {id for (id,) in self.tables.execute(sql)}

    def ended(self, of_half: int) -> Reference:
        """The right successors of the concepts that ended between the workbooks."""
        references: list[Reference] = [self._sentences(), self._skills(), self._competences(), self._without(KNOWLEDGE)]
        return {key: right for one in references for key, right in one.items() if half(key[1]) == of_half}

    def _removed(self, table: str) -> list[str]:
        sql = "SELECT id FROM change WHERE kind = ? AND change = 'REMOVED' ORDER BY id"
        return [id for (id,) in self.tables.execute(sql, (table,))]

    def _without(self, type: ConceptType) -> Reference:
        return {(type.number, id): set() for id in self._removed("knowledge")}

    def _sentences(self) -> Reference:
        """Of an indicator: the new one with the same English sentence."""
        sql = f"SELECT en FROM behavioural_indicator WHERE release = '{BEFORE}' AND id = ?"  # noqa: S608  # a constant
        added = dict(
            self.tables.execute(
                "SELECT id, coalesce(en, '') FROM behavioural_indicator JOIN change USING (id) "
                "WHERE release = ? AND kind = 'behavioural_indicator' AND change = 'ADDED'",
                (AFTER,),
            )
        )
        reference: dict[Key, set[Key]] = {}
        for id in self._removed("behavioural_indicator"):
            (text,) = self.tables.execute(sql, (id,)).fetchone()
            hits = process.extract(text or "", added, scorer=fuzz.ratio, score_cutoff=SAME_TEXT)
            number = BEHAVIOURAL_INDICATOR.number
            reference[number, id] = {(number, hits[0][2])} if hits else set()
        return reference

    def _skills(self) -> Reference:
        """Of a skill: those that technical competences which had it have now."""
        sql = """
            SELECT new.skill_id FROM technical_competence AS old JOIN technical_competence AS new USING (id)
            WHERE old.release = ? AND new.release = ? AND old.skill_id = ?
        """
        return {
            (SKILL.number, id): {(SKILL.number, new) for (new,) in self.tables.execute(sql, (BEFORE, AFTER, id))}
            for id in self._removed("skill")
        }

    def _competences(self) -> Reference:
        """Of a technical competence: those with the same skill that profiles which had it have gained."""
        number = TECHNICAL_COMPETENCE.number
        skills = {
            (release, id): skill
            for release, id, skill in self.tables.execute("SELECT release, id, skill_id FROM technical_competence")
        }
        held: defaultdict[tuple[str, str], set[str]] = defaultdict(set)
        for release, profile, competence in self.tables.execute(
            "SELECT release, profile_id, competence_id FROM profile_competence"
        ):
            held[release, profile].add(competence)
        reference: dict[Key, set[Key]] = {(number, id): set() for id in self._removed("technical_competence")}
        for (release, profile), competences in held.items():
            if release == BEFORE:
                gained = held[AFTER, profile] - competences
                for id in competences:
                    if (number, id) in reference:
                        skill = skills[BEFORE, id]
                        reference[number, id] |= {(number, new) for new in gained if skills[AFTER, new] == skill}
        return reference


def successors_of(before: sqlite3.Connection, after: sqlite3.Connection) -> Mapping[Key, tuple[Successor, ...]]:
    """The successors of all that has ended between two releases."""
    return release_diff(changes(before, after), before, after).successors


def tables(workbooks: Workbooks, of_half: int) -> Iterator[str]:
    """Markdown."""
    for new_codes in (False, True):
        after, reference = workbooks.renumbered(of_half, new_codes)
        with closing(after):
            successors = successors_of(workbooks.before, after)
        yield f"\n{'New uuids and codes' if new_codes else 'New uuids'}\n"
        yield from rows(reference, successors)
    start = time.process_time()
    successors = successors_of(workbooks.before, workbooks.after)
    yield f"\nEnded concepts (compared in {time.process_time() - start:.2f} s of CPU)\n"
    reference = workbooks.ended(of_half)
    yield from rows(reference, successors)
    yield "\nThe same by evidence\n"
    yield from by_evidence(reference, successors)


HEAD = "| {} | ended | have a successor | found | right | precision | recall |\n|---|---:|---:|---:|---:|---:|---:|"


def rows(reference: Reference, successors: Successors) -> Iterator[str]:
    yield HEAD.format("concept type")
    for type in TYPES:
        part = {key: right for key, right in reference.items() if key[0] == type.number}
        if part:
            yield Counts.of(part, successors).row(type.plural, len(part))
    yield Counts.of(reference, successors).row("all", len(reference))


def by_evidence(reference: Reference, successors: Successors) -> Iterator[str]:
    yield "| evidence | score | found | right | precision |\n|---|---|---:|---:|---:|"
    for evidence in Evidence:
        for least, below in ((0.5, 0.65), (0.65, 0.8), (0.8, 1.01)):
            part = {
                key: right
                for key, right in reference.items()
                if key in successors
                and successors[key][0].evidence is evidence
                and least <= successors[key][0].score < below
            }
            counts = Counts.of(part, successors)
            if counts.found_count:
                yield (
                    f"| `{evidence.name}` | from {least} | {counts.found_count} | {counts.right} | "
                    f"{counts.right / counts.found_count:.2f} |"
                )


def main() -> None:
    parser = argparse.ArgumentParser(description="Measures how well successors are inferred, and prints Markdown.")
    parser.add_argument("--tune", action="store_true", help="the half that weights were chosen with")
    parser.add_argument("--folder", type=Path, help="keep the indexes of the workbooks here")
    options = parser.parse_args()
    if missing := [file.name for file in (*WORKBOOKS.values(), TABLES) if not file.is_file()]:
        print(f"Skipped: it measures {' and '.join(missing)}, and ../shared/data has no such file.")
        return
    print(machine())
    with TemporaryDirectory(prefix="competent-benchmark-") as temporary:
        print(*tables(Workbooks(options.folder or Path(temporary)), 0 if options.tune else 1), sep="\n")


if __name__ == "__main__":
    main()
