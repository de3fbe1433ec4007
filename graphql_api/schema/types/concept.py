"""Interfaces of concept types: identity, release, and the fields that lead to other concepts."""

from typing import TYPE_CHECKING, Annotated, ClassVar, TypeVar
from uuid import UUID

import strawberry

from graphql_api.competent.declarations import BLOCK_FIELDS, COMMON_FIELDS, ConceptType, concept_type
from graphql_api.competent.routes import Route
from graphql_api.schema.types.declared import CONCEPT_CLASSES, fields_of
from graphql_api.schema.types.document_view import DocumentView
from graphql_api.schema.types.global_id import Node, NodeId
from graphql_api.schema.types.mapping import MAPPINGS_LENGTH, MAPPINGS_WORK, InScheme, Mapping, mappings_of
from graphql_api.schema.types.relay import After, Connection, ConnectionArguments, First
from graphql_api.schema.types.resolver_cost import Work

if TYPE_CHECKING:
    from graphql_api.schema.types.release import Release
    from graphql_api.schema.types.technical_competence import TechnicalCompetence
    from graphql_api.schema.types.usage import UsedInOccupationalProfilesConnection

_Competences = Connection[
    Annotated["TechnicalCompetence", strawberry.lazy("graphql_api.schema.types.technical_competence")]
]
_Profiles = Annotated["UsedInOccupationalProfilesConnection", strawberry.lazy("graphql_api.schema.types.usage")]

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
