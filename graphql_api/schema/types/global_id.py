"""Global ids: opaque to clients; they encode the type, the release number and the uuid.

An id never contains `current`, so a client's cache never mixes two releases.
"""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import NamedTuple
from uuid import UUID

import strawberry

from graphql_api.competent.declarations import ConceptType, concept_type
from graphql_api.competent.hal import is_release
from graphql_api.competent.routes import CURRENT
from graphql_api.errors import BadUserInput

MAX_SHOWN_CHARS = 80
"""Maximum number of characters of an invalid id or code that its error repeats; those of this server are shorter."""


def shown(text: str) -> str:
    """Returns a text of a client as an error repeats it: quoted, and shortened if it is long."""
    return repr(f"{text[:MAX_SHOWN_CHARS]}…" if len(text) > MAX_SHOWN_CHARS else text)


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
            node_id = cls(type_name, release, UUID(rest[0]) if rest else None)
        except (ValueError, UnicodeError):
            node_id = cls("", "")
        if str(node_id) != text or not node_id._is_valid:
            raise BadUserInput(f"{shown(text)} is not an id of this server; take ids from the `id` field of a node.")
        return node_id

    @property
    def _is_valid(self) -> bool:
        has_uuid = self.uuid is not None
        return is_release(self.release) and self.release != CURRENT and has_uuid == (self.type_name != "Release")

    @property
    def concept_key(self) -> tuple[ConceptType, UUID]:
        """The type and uuid of a concept, as indexes look it up; raises KeyError if there is no such type."""
        assert self.uuid is not None, "releases are not concepts"
        return concept_type(self.type_name), self.uuid


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
