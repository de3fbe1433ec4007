"""Global ids: opaque to clients, and made of the type, the number of the release and the uuid.

An id never says `current`, so a client's cache never mixes two releases.
"""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import NamedTuple
from uuid import UUID

import strawberry

from graphql_api.competent.hal import is_release
from graphql_api.errors import BadUserInput

LONGEST_SHOWN = 80
"""Characters of a bad id that its error repeats; ids of this server are shorter."""


class NodeId(NamedTuple):
    """What an id is made of; a release itself has no uuid."""

    type_name: str
    release: str
    uuid: UUID | None = None

    def __str__(self) -> str:
        text = ":".join((self.type_name, self.release, *([str(self.uuid)] if self.uuid else [])))
        return urlsafe_b64encode(text.encode()).decode().rstrip("=")

    @classmethod
    def parse(cls, text: str) -> "NodeId":
        """The id in a text, or BadUserInput; only what `str` made comes through."""
        try:
            type_name, release, *rest = urlsafe_b64decode(text[:200] + "=" * (-len(text) % 4)).decode().split(":")
            found = cls(type_name, release, UUID(rest[0]) if rest else None)
        except (ValueError, UnicodeError):
            found = cls("", "")
        if str(found) != text or not is_release(found.release) or found.release == "current":
            shown = f"{text[:LONGEST_SHOWN]}…" if len(text) > LONGEST_SHOWN else text
            raise BadUserInput(f"{shown!r} is not an id of this server; take ids from the `id` field of a node.")
        return found


@strawberry.interface(description="An object with a global id, by which it can be fetched again.")
class Node:
    """The interface of Relay's Object Identification."""

    @strawberry.field(
        description="Opaque global id, unique across types and releases, stable while the release is served."
    )
    def id(self) -> strawberry.ID:
        """The id of this node."""
        return strawberry.ID(str(self.node_id()))

    def node_id(self) -> NodeId:
        """What the id is made of."""
        raise NotImplementedError
