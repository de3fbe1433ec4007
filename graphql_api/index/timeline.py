"""The indexed releases in their order, and what happened to each concept between them."""

import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from graphql_api.index.concepts import Key
from graphql_api.index.diff import Change
from graphql_api.index.profile_closure import array
from graphql_api.index.succession import Evidence, Successor, successions

MAX_PREDECESSORS = 20
"""Maximum concepts that one concept is reported to replace."""

_KEYS = "SELECT n, concept_type, uuid FROM concept WHERE n IN (SELECT value FROM json_each(?))"


@dataclass(frozen=True, slots=True)
class ReleaseDiff:
    """What happened to concepts between two releases. Concepts are the same if their uuids are."""

    ended: frozenset[Key]
    added: frozenset[Key]
    changed: Mapping[Key, tuple[str, ...]]
    """The fields that differ, as in `diff.Change`."""
    successors: Mapping[Key, tuple[Successor, ...]]
    """Of those that ended; those without one are left out."""
    predecessors: Mapping[Key, tuple[Successor, ...]]
    """The same the other way round."""

    def __len__(self) -> int:
        return len(self.ended) + len(self.added) + len(self.changed) + len(self.successors) + len(self.predecessors)


def release_diff(changes: Iterable[Change], before: sqlite3.Connection, after: sqlite3.Connection) -> ReleaseDiff:
    """Compare two releases, between which there are these changes, as of `diff.changes`."""
    differing = [change for change in changes if change.change != "CODE_MOVED"]
    old = _keys(before, [change.before for change in differing if change.before is not None])
    new = _keys(after, [change.after for change in differing if change.after is not None])
    pairs = [(change, old.get(change.before or 0), new.get(change.after or 0)) for change in differing]
    ended = [was for _, was, now in pairs if was and was != now]
    successors = successions(before, after, ended)
    return ReleaseDiff(
        frozenset(ended),
        frozenset(now for _, was, now in pairs if now and was != now),
        {now: change.fields for change, was, now in pairs if now and was == now},
        successors,
        _inverted(successors),
    )


def _keys(connection: sqlite3.Connection, row_ids: list[int]) -> dict[int, Key]:
    return {n: (type, uuid) for n, type, uuid in connection.execute(_KEYS, (array(row_ids),))}


def _inverted(successors: Mapping[Key, tuple[Successor, ...]]) -> dict[Key, tuple[Successor, ...]]:
    inverted: dict[Key, list[Successor]] = {}
    for key, of_key in successors.items():
        for successor in of_key:
            inverted.setdefault(successor.key, []).append(successor._replace(key=key))
    return {key: tuple(of_key) for key, of_key in inverted.items()}


class Presence(NamedTuple):
    """Whether a concept is in a release, and which of its fields differ from the release before."""

    release: str
    exists: bool
    changed_fields: tuple[str, ...]


class Predecessor(NamedTuple):
    """A concept that ended and became another, and the last release that has it."""

    release: str
    successor: Successor


@dataclass(frozen=True, slots=True)
class Timeline:
    """Releases, the oldest first, and the difference of each from the one before: one fewer than releases."""

    releases: tuple[str, ...]
    diffs: tuple[ReleaseDiff, ...]

    @property
    def newest(self) -> str:
        """The newest release."""
        return self.releases[-1]

    def last_before(self, release: str, key: Key) -> str | None:
        """The last release before this one that has a concept which this one does not have; None if there is none."""
        for position in reversed(range(self.releases.index(release))):
            if key in self.diffs[position].ended:
                return self.releases[position]
        return None

    def presence(self, release: str, key: Key) -> list[Presence]:
        """In which releases a concept is that is in this one, the oldest first."""
        at = self.releases.index(release)
        exists = [position == at for position in range(len(self.releases))]
        for position in range(at + 1, len(exists)):
            diff = self.diffs[position - 1]
            exists[position] = key not in diff.ended if exists[position - 1] else key in diff.added
        for position in reversed(range(at)):
            diff = self.diffs[position]
            exists[position] = key not in diff.added if exists[position + 1] else key in diff.ended
        return [
            Presence(number, is_there, self._changed(position, key) if is_there else ())
            for position, (number, is_there) in enumerate(zip(self.releases, exists, strict=True))
        ]

    def _changed(self, position: int, key: Key) -> tuple[str, ...]:
        return self.diffs[position - 1].changed.get(key, ()) if position else ()

    def successors(self, release: str, key: Key) -> list[Successor] | None:
        """What a concept of this release is in the newest one, the most certain first; None if this is the newest.

        If it is still there, that is itself. Otherwise its successors, and theirs, from release to release: a chain has its
        weakest evidence, and its scores are multiplied.
        """
        if release == self.newest:
            return None
        if self.presence(release, key)[-1].exists:
            return [Successor(key, Evidence.UUID, 1.0)]
        current = {key: Successor(key, Evidence.UUID, 1.0)}
        for diff in self.diffs[self.releases.index(release) :]:
            current = _best(chained for one in current.values() for chained in _next(diff, one))
        return sorted(current.values(), key=_by_score)

    def predecessors(self, release: str, key: Key) -> list[Predecessor] | None:
        """The concepts of earlier releases that ended and became this one, directly or through others; the most certain first.

        At most MAX_PREDECESSORS. None if there is no earlier release.
        """
        at = self.releases.index(release)
        if not at:
            return None
        current = {key: Successor(key, Evidence.UUID, 1.0)}
        predecessors: dict[Key, Predecessor] = {}
        for position in reversed(range(at)):
            diff = self.diffs[position]
            pairs = ((one, two) for one in current.values() for two in diff.predecessors.get(one.key, ()))
            ended = _best(_chained(one, two) for one, two in pairs)
            predecessors |= {
                one: Predecessor(self.releases[position], two) for one, two in ended.items() if one not in predecessors
            }
            current = ended | {one: two for one, two in current.items() if one not in diff.added}
        ranked = sorted(predecessors.values(), key=lambda predecessor: _by_score(predecessor.successor))
        return ranked[:MAX_PREDECESSORS]


def _next(diff: ReleaseDiff, one: Successor) -> Iterator[Successor]:
    if one.key not in diff.ended:
        yield one
    for successor in diff.successors.get(one.key, ()):
        yield _chained(one, successor)


def _chained(one: Successor, two: Successor) -> Successor:
    return Successor(two.key, max(one.evidence, two.evidence), round(one.score * two.score, 3))


def _best(successors: Iterator[Successor]) -> dict[Key, Successor]:
    """Each concept once, by its best score."""
    best: dict[Key, Successor] = {}
    for successor in successors:
        if successor.key not in best or successor.score > best[successor.key].score:
            best[successor.key] = successor
    return best


def _by_score(successor: Successor) -> tuple[float, Key]:
    return -successor.score, successor.key
