"""What the linked types share: identity, the release, and the fields that other concepts are reached by."""

from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Self
from uuid import UUID

import strawberry

from graphql_api.competent import fields
from graphql_api.competent.routes import Route
from graphql_api.schema.types.document_view import Convert, Part, reads
from graphql_api.schema.types.global_id import Node, NodeId
from graphql_api.schema.types.relay import After, Connection, First, Paging
from graphql_api.schema.types.resolver_cost import Work
from graphql_api.schema.types.text import LocalizedText, localized

if TYPE_CHECKING:
    from graphql_api.schema.types.release import Release
    from graphql_api.schema.types.technical_competence import TechnicalCompetence
    from graphql_api.schema.types.usage import UsedInOccupationalProfilesConnection

_Competences = Connection[
    Annotated["TechnicalCompetence", strawberry.lazy("graphql_api.schema.types.technical_competence")]
]
_Profiles = Annotated["UsedInOccupationalProfilesConnection", strawberry.lazy("graphql_api.schema.types.usage")]


def code(part: Part, value: Any) -> str | None:
    """A code, white space trimmed, also where it is a bare number."""
    return fields.as_code(value)


def text(part: Part, value: Any) -> LocalizedText | None:
    """A text in up to four languages."""
    return localized(value)


def texts(part: Part, value: Any) -> list[str]:
    """The texts of a list."""
    return fields.bare_texts(value)


@strawberry.interface(description="A thing of Competent in one release.")
class Concept(Node):
    """A node that is made of a document; `route` is where its whole can be loaded, None where no route is known."""

    part: strawberry.Private[Part]
    route: ClassVar[Route | None] = None

    def node_id(self) -> NodeId:
        """The type, the release and the uuid."""
        return NodeId(type(self).__name__, self.part.release, self.part.uuid)

    @strawberry.field(description="Competent's own id. The same thing has the same uuid in every release that has it.")
    def uuid(self) -> UUID:
        """The uuid."""
        return self.part.uuid

    code: str | None = reads(
        "code", convert=code, description="Competent's code, such as `OP-101`. Codes can move to another thing."
    )

    @strawberry.field(description="The release that this was read in.")
    def release(self) -> Annotated["Release", strawberry.lazy("graphql_api.schema.types.release")]:
        """The release."""
        from graphql_api.schema.types.release import Release

        return Release(loaders=self.part.loaders, number=self.part.release)

    @classmethod
    def embedded(cls, part: Part, document: object) -> Self | None:
        """This type made of what is embedded in another document; None for what is no such thing."""
        found = part.embedded(document, cls.route)
        return None if found is None else cls(part=found)


@strawberry.interface(description="Something that a person can, knows, shows or is.")
class Competence(Concept):
    """The blocks that technical competences are made of, and the skills that profiles name directly."""

    description: LocalizedText | None = reads("description", convert=text, description="What it is.")
    regions: list[str] = reads(
        "regions",
        convert=texts,
        description="Regions that it is limited to; empty where it holds everywhere.",
        never_null=True,
    )

    @strawberry.field(
        description="The technical competences that have it; none for soft and digital skills.",
        metadata=Work(base=3, more=20).metadata,
    )
    async def used_in_technical_competences(self, first: First = None, after: After = None) -> _Competences | None:
        """A page of the competences, from the index."""
        from graphql_api.schema.types.usage import competences_with

        return await competences_with(self, Paging(first, after))

    @strawberry.field(
        description="The occupational profiles that use it, directly or in their technical competences.",
        metadata=Work(base=15, more=25).metadata,
    )
    async def used_in_occupational_profiles(self, first: First = None, after: After = None) -> _Profiles | None:
        """A page of the profiles, from the index."""
        from graphql_api.schema.types.usage import profiles_with

        return await profiles_with(self, Paging(first, after))


def one(kind: type[Concept]) -> Convert:
    """Converts an embedded object, or the first of a list."""
    return lambda part, value: next(iter(many(kind)(part, value)), None)


def many(kind: type[Concept]) -> Convert:
    """Converts an embedded list, without what has no id."""

    def convert(part: Part, value: Any) -> list[Concept]:
        made = (kind.embedded(part, each) for each in fields.things(value))
        return [each for each in made if each is not None]

    return convert
