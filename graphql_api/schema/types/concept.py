"""Interfaces of concept types: identity, release, and the fields that lead to other concepts."""

from typing import TYPE_CHECKING, Annotated, ClassVar, TypeVar
from uuid import UUID

import strawberry

from graphql_api.competent.declarations import BLOCK_FIELDS, COMMON_FIELDS, ConceptType, Length, concept_type
from graphql_api.competent.routes import Route
from graphql_api.index.registry import MAX_COMPARED
from graphql_api.index.succession import MAX_SUCCESSORS
from graphql_api.index.timeline import MAX_PREDECESSORS
from graphql_api.schema.types.declared import CONCEPT_CLASSES, fields_of
from graphql_api.schema.types.document_view import DocumentView
from graphql_api.schema.types.global_id import Node, NodeId
from graphql_api.schema.types.mapping import MAPPINGS_LENGTH, MAPPINGS_WORK, InScheme, Mapping, mappings_of
from graphql_api.schema.types.relay import After, Connection, ConnectionArguments, First
from graphql_api.schema.types.resolver_cost import Work

if TYPE_CHECKING:
    from graphql_api.schema.types.history import ReleasePresence, Succession
    from graphql_api.schema.types.release import Release
    from graphql_api.schema.types.technical_competence import TechnicalCompetence
    from graphql_api.schema.types.usage import UsedInOccupationalProfilesConnection

_Competences = Connection[
    Annotated["TechnicalCompetence", strawberry.lazy("graphql_api.schema.types.technical_competence")]
]
_Profiles = Annotated["UsedInOccupationalProfilesConnection", strawberry.lazy("graphql_api.schema.types.usage")]

_Presence = Annotated["ReleasePresence", strawberry.lazy("graphql_api.schema.types.history")]
_Succession = Annotated["Succession", strawberry.lazy("graphql_api.schema.types.history")]

HISTORY = {**Work(base=5).metadata, "length": Length(3, MAX_COMPARED)}
REPLACED_BY = {**Work(base=10).metadata, "length": Length(1, MAX_SUCCESSORS)}
REPLACES = {**Work(base=10).metadata, "length": Length(0.1, MAX_PREDECESSORS)}
"""Work and length; releases are compared once for all clients, which does not count."""

C = TypeVar("C", bound="Concept")


def declared(cls: type[C]) -> type[C]:
    """Class decorator: creates the GraphQL type of the concept type with this name.

    Its declared fields come before those of the class.
    """
    declaration = concept_type(cls.__name__)
    cls.declaration, cls.route = declaration, declaration.route
    made = strawberry.type(fields_of(declaration.fields)(cls), description=declaration.description)
    CONCEPT_CLASSES[declaration.name] = made
    return made


@strawberry.interface(
    description="Anything with a uuid in a release of Competent: a profile, a competence, a skill and so on."
)
@fields_of(COMMON_FIELDS)
class Concept(Node):
    """A node read from a document."""

    view: strawberry.Private[DocumentView]
    declaration: ClassVar[ConceptType]
    route: ClassVar[Route | None]
    """The route of the complete document; None if concepts of this type only occur embedded in others."""

    def node_id(self) -> NodeId:
        """Returns the global id: type, release and uuid."""
        return NodeId(type(self).__name__, self.view.release, self.view.uuid)

    @strawberry.field(description="Competent's own id. A concept has the same uuid in every release.")
    def uuid(self) -> UUID:
        """Returns the uuid."""
        return self.view.uuid

    @strawberry.field(description="The release that this concept belongs to.")
    def release(self) -> Annotated["Release", strawberry.lazy("graphql_api.schema.types.release")]:
        """Returns the release."""
        from graphql_api.schema.types.release import Release

        return Release(loaders=self.view.loaders, number=self.view.release)

    @strawberry.field(
        description="Concepts of other classifications that this one is mapped to, in files of the operator of this server. "
        "Empty without such a file; mappings are never inferred.",
        metadata={**MAPPINGS_WORK.metadata, "length": MAPPINGS_LENGTH},
    )
    async def mappings(self, scheme: InScheme = None) -> list[Mapping] | None:
        """Returns the mappings by the uuid and by the code of the concept."""
        return await mappings_of(self.view, scheme)

    @strawberry.field(
        description="The indexed releases, the oldest first, and whether this concept is in each. Only releases that this server "
        "has indexed count (at most the newest 20), whether Competent still serves them or not; none is indexed for this.",
        metadata=HISTORY,
    )
    async def history(self) -> list[_Presence] | None:
        """Returns the presence of the concept in each indexed release."""
        from graphql_api.schema.types.history import history_of

        return await history_of(self)

    @strawberry.field(
        description="What this concept is in the newest indexed release: itself if it is still there (evidence `UUID`), "
        "otherwise the concepts that took its place, the most certain first; empty if there are none. Null if no later release "
        "is indexed.",
        metadata=REPLACED_BY,
    )
    async def replaced_by(self) -> list[_Succession] | None:
        """Returns the successors, inferred."""
        from graphql_api.schema.types.history import replaced_by

        return await replaced_by(self)

    @strawberry.field(
        description="Concepts that ended and whose place this one took, each in the last indexed release that has it, the most "
        "certain first, at most 20. Null if no earlier release is indexed.",
        metadata=REPLACES,
    )
    async def replaces(self) -> list[_Succession] | None:
        """Returns the predecessors, inferred."""
        from graphql_api.schema.types.history import replaces

        return await replaces(self)


@strawberry.interface(description="A skill, knowledge, behaviour or trait of a person.")
@fields_of(BLOCK_FIELDS)
class Competence(Concept):
    """The building blocks of technical competences, and the skills that profiles reference directly."""

    @strawberry.field(
        description="The technical competences that contain it. Empty for those that only profiles contain, such as soft skills.",
        metadata=Work(base=3, more=20).metadata,
    )
    async def used_in_technical_competences(self, first: First = None, after: After = None) -> _Competences | None:
        """Returns a page of the competences, from the index."""
        from graphql_api.schema.types.usage import competences_with

        return await competences_with(self, ConnectionArguments(first, after))

    @strawberry.field(
        description="The occupational profiles that use it, directly or in their technical competences.",
        metadata=Work(base=15, more=25).metadata,
    )
    async def used_in_occupational_profiles(self, first: First = None, after: After = None) -> _Profiles | None:
        """Returns a page of the profiles, from the index."""
        from graphql_api.schema.types.usage import profiles_with

        return await profiles_with(self, ConnectionArguments(first, after))
