"""Global ids: opaque to clients; they encode the type, the release number and the uuid.

An id never contains `current`, so a client's cache never mixes two releases.
"""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import NamedTuple
from uuid import UUID

import strawberry

from graphql_api.competent.hal import is_release
from graphql_api.errors import BadUserInput

LONGEST_SHOWN = 80
"""Maximum number of characters of an invalid id that its error repeats; ids of this server are shorter."""


class NodeId(NamedTuple):
    """The parts of a global id; the id of a release has no uuid."""

    type_name: str
    release: str
    uuid: UUID | None = None

    def __str__(self) -> str:
        text = ":".join((self.type_name, self.release, *([str(self.uuid)] if self.uuid else [])))
        return urlsafe_b64encode(text.encode()).decode().rstrip("=")

    @classmethod
    def parse(cls, text: str) -> "NodeId":
        """Decode an id; raises BadUserInput for anything that `str` of a NodeId did not create."""
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
    """The Node interface of Relay's Object Identification."""

    @strawberry.field(
        description="Opaque global id, unique across types and releases, stable while the release is served."
    )
    def id(self) -> strawberry.ID:
        """Returns the global id of this node."""
        return strawberry.ID(str(self.node_id()))

    def node_id(self) -> NodeId:
        """Returns the parts of the global id."""
        raise NotImplementedError
