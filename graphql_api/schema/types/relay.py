"""Relay connections: slices of lists, with verified cursors.

A cursor is a position in one list of one release, which does not change; it is rejected in any other list.
"""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from hashlib import blake2s
from typing import Annotated, Generic, TypeVar

import strawberry

from graphql_api.errors import BadUserInput

DEFAULT_ITEMS = 20
MAX_ITEMS = 500

T = TypeVar("T")

First = Annotated[
    int | None,
    strawberry.argument(
        description=f"The number of items to return from the start, or after `after`: {DEFAULT_ITEMS} if omitted, "
        f"at most {MAX_ITEMS}."
    ),
]
After = Annotated[str | None, strawberry.argument(description="Return the items after this cursor.")]
Last = Annotated[
    int | None,
    strawberry.argument(
        description=f"The number of items to return from the end, or before `before`; at most {MAX_ITEMS}. Not with `first`."
    ),
]
Before = Annotated[str | None, strawberry.argument(description="Return the items before this cursor.")]


@strawberry.type(description="The position of a page in its connection.")
class PageInfo:
    """PageInfo as in Relay's Cursor Connections."""

    has_next_page: bool = strawberry.field(description="Whether there are items after this page.")
    has_previous_page: bool = strawberry.field(description="Whether there are items before this page.")
    start_cursor: str | None = strawberry.field(description="The cursor of the first edge.")
    end_cursor: str | None = strawberry.field(description="The cursor of the last edge.")


@strawberry.type(description="An item of a connection, with its cursor.")
class Edge(Generic[T]):
    """An edge as in Relay's Cursor Connections."""

    node: T = strawberry.field(description="The item.")
    cursor: str = strawberry.field(description="Opaque position of the item, for `after` and `before`.")


@strawberry.type(description="A page of a list.")
class Connection(Generic[T]):
    """A connection as in Relay's Cursor Connections, with `nodes` and `totalCount`."""

    window: strawberry.Private["Slice"]
    items: strawberry.Private[Sequence[T]]

    @cached_property
    def _cursors(self) -> list[str]:
        return self.window.cursors(len(self.items))

    @strawberry.field(description="The items of this page with their cursors.")
    def edges(self) -> list[Edge[T]]:
        """Returns each item with its cursor."""
        return [Edge(node=node, cursor=cursor) for node, cursor in zip(self.items, self._cursors, strict=True)]

    @strawberry.field(description="The items of this page.")
    def nodes(self) -> Sequence[T]:
        """Returns the items."""
        return self.items

    @strawberry.field(description="Information about this page.")
    def page_info(self) -> PageInfo:
        """Returns the page info of the slice."""
        return self.window.info(self._cursors)

    @strawberry.field(description="The number of items in the whole list.")
    def total_count(self) -> int:
        """Returns the length of the whole list."""
        return self.window.total


@dataclass(slots=True)  # not frozen, which takes three times as long to make
class ConnectionArguments:
    """The arguments of a connection; raises BadUserInput if they are invalid, before anything is loaded."""

    first: int | None = None
    after: str | None = None
    last: int | None = None
    before: str | None = None

    def __post_init__(self) -> None:
        if self.first is not None and self.last is not None:
            raise BadUserInput("Pass either `first` or `last`, not both.")
        for name, count in (("first", self.first), ("last", self.last)):
            if count is not None and not 0 <= count <= MAX_ITEMS:
                raise BadUserInput(f"`{name}` is {count}; it must be between 0 and {MAX_ITEMS}.")

    def window(self, scope: str, total: int) -> "Slice":
        """Returns the requested slice of a list named `scope` with `total` items; raises BadUserInput for an invalid cursor."""
        start = 0 if self.after is None else _position(scope, self.after, total) + 1
        stop = total if self.before is None else _position(scope, self.before, total)
        if self.last is not None:
            start = max(start, stop - self.last)
        else:
            stop = min(stop, start + (DEFAULT_ITEMS if self.first is None else self.first))
        return Slice(scope, total, start, max(start, stop))

    def continues(self, scope: str) -> bool:
        """Whether `after` is a cursor of the list named `scope`."""
        return self.after is not None and self.after == _cursor(scope, _decoded(self.after))


@dataclass(slots=True)
class Slice:
    """The positions from `start` up to, not including, `stop` in a list of `total` items."""

    scope: str
    total: int
    start: int
    stop: int

    @property
    def bounds(self) -> tuple[int, int]:
        """Start and stop."""
        return self.start, self.stop

    def cursors(self, count: int) -> list[str]:
        """Returns the cursors of the first `count` positions of this slice."""
        return [_cursor(self.scope, position) for position in range(self.start, self.start + count)]

    def info(self, cursors: list[str]) -> PageInfo:
        """Returns the page info of this slice."""
        return PageInfo(
            has_next_page=self.stop < self.total,
            has_previous_page=self.start > 0,
            start_cursor=cursors[0] if cursors else None,
            end_cursor=cursors[-1] if cursors else None,
        )


def _cursor(scope: str, position: int) -> str:
    check = blake2s(f"{scope} {position}".encode(), digest_size=6).digest()
    return urlsafe_b64encode(check + str(position).encode()).decode().rstrip("=")


def _decoded(cursor: str) -> int:
    """The position that a cursor states; -1 for any other text."""
    try:
        return int(urlsafe_b64decode(cursor[:40] + "=" * (-len(cursor) % 4))[6:])
    except ValueError:
        return -1


def _position(scope: str, cursor: str, total: int) -> int:
    position = _decoded(cursor)
    if not 0 <= position < total or _cursor(scope, position) != cursor:
        raise BadUserInput("Invalid cursor: take it from `pageInfo` or an edge of the same list.")
    return position
