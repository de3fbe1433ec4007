"""The sources that a result was computed from, so that callers can cache it as long as all of them are current."""

from collections.abc import Mapping
from typing import NamedTuple

from graphql_api.competent import routes
from graphql_api.competent.releases import CURRENT
from graphql_api.index.registry import ALL

INDEX = "index "
"""Prefix of the names of indexes, which tells them from the paths of documents."""

_CURRENT = routes.RELEASE.path(CURRENT)
_BELOW_CURRENT = f"{_CURRENT}/"
_CHANGED_BY_RELEASE = (_CURRENT, routes.RELEASES.path())


class Dependencies(NamedTuple):
    """The sources of a result: documents by path and indexes by name.

    `until` is when the first of them becomes stale, in seconds since 1970; -inf if one of them was replaced. `moving` is whether
    one of them changes when a release is published.
    """

    by_name: Mapping[str, object]
    indexes: tuple[str, ...]
    until: float
    moving: bool

    @property
    def documents(self) -> int:
        """Number of documents."""
        return len(self.by_name) - len(self.indexes)


def index_name(number: str) -> str:
    """Returns the name of the index of a release."""
    return f"{INDEX}{number}"


ALL_INDEXES = index_name(ALL)
"""The name of all indexes together, from which other results follow when one is added."""


def changes_with_release(path: str) -> bool:
    """Whether a new release changes what is at this path, or what follows from all indexes."""
    if path == ALL_INDEXES:
        return True
    if path.startswith("/releases/") and not path.startswith(_CURRENT):
        return False  # the usual case
    return path.startswith(_BELOW_CURRENT) or path.partition("?")[0] in _CHANGED_BY_RELEASE
