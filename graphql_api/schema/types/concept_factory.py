"""Things found in the index of a release, as the types that clients see.

What the index knows of a thing costs no document; what it lacks is loaded as from any other part.
"""

from collections.abc import Iterable
from uuid import UUID

from graphql_api.asyncio_tools import all_of
from graphql_api.index import UNKNOWN
from graphql_api.index.concepts import Thing, by_code, by_uuid, count, listed, things
from graphql_api.index.tables import Kind
from graphql_api.schema.loaders import Loaders
from graphql_api.schema.types.behavioural_indicator import BehaviouralIndicator
from graphql_api.schema.types.concept import Concept
from graphql_api.schema.types.digital_skill import DigitalSkill
from graphql_api.schema.types.document_view import Part
from graphql_api.schema.types.knowledge import Knowledge
from graphql_api.schema.types.occupational_profile import OccupationalProfile
from graphql_api.schema.types.relay import Connection, Paging, connection
from graphql_api.schema.types.skill import Skill
from graphql_api.schema.types.soft_skill import SoftSkill
from graphql_api.schema.types.technical_competence import TechnicalCompetence

TYPES: dict[Kind, type[Concept]] = {
    Kind[each.__name__]: each
    for each in (
        OccupationalProfile,
        TechnicalCompetence,
        Skill,
        Knowledge,
        BehaviouralIndicator,
        SoftSkill,
        DigitalSkill,
    )
}


def kind_of(type_: type[Concept]) -> Kind:
    """The kind that the index calls a type by."""
    return Kind[type_.__name__]


def concept(loaders: Loaders, number: str, thing: Thing) -> Concept:
    """A thing as its type."""
    kind = TYPES[thing.kind]
    return kind(part=Part(loaders, number, thing.item, thing.uuid, kind.route))


async def concepts(loaders: Loaders, number: str, numbers: Iterable[int]) -> list[Concept]:
    """Things by their numbers in the index, in this order; one look-up for all that are asked in a tick."""
    asked = list(numbers)
    found = [loaders.look_up_at_hand(number, things, n) for n in asked]
    if UNKNOWN in found:
        found = await all_of(loaders.look_up(number, things, n) for n in asked)
    return [concept(loaders, number, each) for each in found]


async def find_uuid(loaders: Loaders, number: str, kind: Kind, uuid: UUID) -> Concept | None:
    """The thing of this kind and uuid."""
    found = await loaders.look_up(number, by_uuid, (kind, uuid))
    return concept(loaders, number, found) if found else None


async def find_code(loaders: Loaders, number: str, kind: Kind, code: str) -> Concept | None:
    """The thing of this kind and code."""
    found = await loaders.look_up(number, by_code, (kind, code))
    return concept(loaders, number, found) if found else None


async def page_of(loaders: Loaders, number: str, kind: Kind, paging: Paging) -> Connection[Concept]:
    """A page of all things of a kind, by code."""
    index = await loaders.index(number)
    window = paging.window(f"{kind.name} {number}", await loaders.ask(index, count, kind))
    found = index.same(await loaders.ask(index, listed, kind, window.start, window.stop))
    return connection(window, [concept(loaders, number, each) for each in found])


async def number_in_index(part: Part, kind: Kind) -> int | None:
    """The number by which the index of its release knows a thing."""
    found: Thing | None = await part.loaders.look_up(part.release, by_uuid, (kind, part.uuid))
    return found.n if found else None
