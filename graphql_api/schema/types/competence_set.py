"""The competence set: a named group of skills that belong together in some occupations."""

from typing import TYPE_CHECKING, Annotated

import strawberry

from graphql_api.competent.declarations import COMPETENCE_SET
from graphql_api.index.concepts import by_row_id, by_uuid
from graphql_api.index.facets import SET
from graphql_api.index.usage import members_of
from graphql_api.schema.types.concept import Concept, declared
from graphql_api.schema.types.declared import CONCEPT_CLASSES, ConceptReference
from graphql_api.schema.types.document_view import DocumentView
from graphql_api.schema.types.relay import After, ConnectionArguments, First
from graphql_api.schema.types.resolver_cost import Work
from graphql_api.schema.types.value_types import COUNT_WORK, facets_of

if TYPE_CHECKING:
    from graphql_api.schema.types.profile_connection import OccupationalProfileConnection

_Profiles = Annotated["OccupationalProfileConnection", strawberry.lazy("graphql_api.schema.types.profile_connection")]
_SKILL = ConceptReference("Skill", __name__)
_SKILLS = next(field for field in COMPETENCE_SET.fields if field.name == "skills")


async def _skills(self):  # type: ignore[no-untyped-def]  # strawberry takes the type from `graphql_type`
    loaders, release = self.view.loaders, self.view.release
    own = await loaders.look_up(release, by_uuid, (COMPETENCE_SET, self.view.uuid))
    members = [] if own is None else await loaders.look_up(release, members_of, own.row_id)
    skills = await loaders.look_up_all(release, by_row_id, members)
    return [
        CONCEPT_CLASSES["Skill"](view=DocumentView(loaders, release, skill.item, str(skill.uuid))) for skill in skills
    ]


@declared
class CompetenceSet(Concept):
    """Profiles embed it with those of its skills that they have themselves; all its skills are in the index."""

    skills = strawberry.field(
        resolver=_skills,
        graphql_type=list[_SKILL] | None,  # type: ignore[valid-type]  # strawberry reads it
        description=_SKILLS.description,
        metadata={"length": _SKILLS.length, **Work(base=20, more=60).metadata},
    )

    @strawberry.field(description="The number of profiles that have skills of this set.", metadata=COUNT_WORK.metadata)
    async def profile_count(self) -> int | None:
        """Returns the number of profiles, from the index."""
        return (await self._members()).bit_count()

    @strawberry.field(
        description="The occupational profiles that have skills of this set, by code.", metadata=Work(base=8).metadata
    )
    async def used_in_occupational_profiles(self, first: First = None, after: After = None) -> _Profiles | None:
        """Returns a page of the profiles, from the index."""
        from graphql_api.schema.types.profile_connection import profiles_page

        view, paging = self.view, ConnectionArguments(first, after)
        row_ids = (await facets_of(view.loaders, view.release)).rows(await self._members())
        return await profiles_page(view.loaders, view.release, f"profiles {view.release} {view.id}", row_ids, paging)

    async def _members(self) -> int:
        facets = await facets_of(self.view.loaders, self.view.release)
        return facets.having(SET, [self.view.id])
