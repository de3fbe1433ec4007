"""Filtering and ordering of occupational profiles, which upstream's lists do not support."""

from datetime import date
from enum import Enum
from typing import Annotated, Literal

import strawberry

from graphql_api.competent.declarations import CONCEPT_TYPES, OCCUPATIONAL_PROFILE
from graphql_api.competent.values import LANGUAGES
from graphql_api.errors import BadUserInput
from graphql_api.index.concepts import by_uuid
from graphql_api.index.profile_filter import Order, ProfileFilter, profiles
from graphql_api.schema.loaders import Loaders
from graphql_api.schema.types.concept_factory import concepts_as
from graphql_api.schema.types.global_id import NodeId
from graphql_api.schema.types.lookups import page
from graphql_api.schema.types.occupational_profile import OccupationalProfile
from graphql_api.schema.types.relay import After, Before, Connection, ConnectionArguments, First, Last, connection
from graphql_api.schema.types.resolver_cost import Per, Work
from graphql_api.schema.types.text import Language

_PARTS = {type.name: type for type in CONCEPT_TYPES if type is not OCCUPATIONAL_PROFILE}
_NOUNS = [f"a {type.noun}" for type in _PARTS.values()]
_USABLE = " or ".join((", ".join(_NOUNS[:-1]), _NOUNS[-1]))
"""The types that a profile can use, as text."""


@strawberry.input(description="Conditions on occupational profiles, all of which must be met.")
class OccupationalProfileFilter:
    """GraphQL input; each condition is looked up in the index."""

    text: str | None = strawberry.field(default=None, description="Words to search profiles by, as in `search`.")
    sector: str | None = strawberry.field(default=None, description="Code or uuid of an economic sector.")
    area_of_interest: str | None = strawberry.field(default=None, description="Code or uuid of an area of interest.")
    isco: str | None = strawberry.field(
        default=None, description="A code of ISCO-08, or the beginning of one, such as `22`."
    )
    uses: strawberry.ID | None = strawberry.field(
        default=None,
        description=f"Global id of {_USABLE} that the profile uses.",
    )
    changed_since: date | None = strawberry.field(
        default=None, description="The profile was last modified on this day or later."
    )


@strawberry.enum(description="A field that orders profiles.")
class OccupationalProfileOrderField(Enum):
    """GraphQL enum; the values are those of the index."""

    CODE = strawberry.enum_value("code", description="By code, OP-9 before OP-10.")
    TITLE = strawberry.enum_value("title", description="By title in a language; case and accents are ignored.")


@strawberry.input(description="The order of occupational profiles.")
class OccupationalProfileOrder:
    """GraphQL input; profiles are ordered by code without it."""

    field: OccupationalProfileOrderField = strawberry.field(description="The field to order by.")
    language: Language = strawberry.field(default=Language.NL, description="The language of the titles.")
    descending: bool = strawberry.field(default=False, description="Whether to reverse the order.")


Filter = Annotated[
    OccupationalProfileFilter | None,
    strawberry.argument(description="Conditions on the profiles; without them, all are returned."),
]
OrderBy = Annotated[
    OccupationalProfileOrder | None, strawberry.argument(description="The order of the profiles; by code if omitted.")
]


FILTER_WORK = Work(
    arguments=(
        Per("filter", 250, "given"),
        Per("filter.text", 1900, "given"),
        Per("filter.text", 310, "word"),
        Per("filter.uses", 2, "given"),
        Per("orderBy", 1200, "given"),
    )
)


async def occupational_profiles(
    loaders: Loaders,
    number: str,
    filter: Filter = None,
    order_by: OrderBy = None,
    first: First = None,
    after: After = None,
    last: Last = None,
    before: Before = None,
) -> Connection[OccupationalProfile] | None:
    """Returns a page of profiles: from upstream's list, or from the index if there is a filter or an order."""
    paging = ConnectionArguments(first, after, last, before)
    if filter is None and order_by is None:
        return await page(OccupationalProfile, loaders, number, paging)
    index = await loaders.index(number)
    conditions = await _conditions(loaders, number, filter or OccupationalProfileFilter())
    row_ids = [] if conditions is None else await loaders.ask(index, profiles, conditions, _order(order_by))
    window = paging.window(f"profiles {number} {filter} {order_by}", len(row_ids))
    return connection(
        window, await concepts_as(OccupationalProfile, loaders, number, row_ids[window.start : window.stop])
    )


async def _conditions(loaders: Loaders, number: str, filter: OccupationalProfileFilter) -> ProfileFilter | None:
    """Returns the conditions as the index takes them; None if `uses` names a concept that does not exist."""
    uses = None
    if filter.uses is not None:
        uses = await _used(loaders, number, NodeId.parse(filter.uses))
        if uses is None:
            return None
    return ProfileFilter(
        text_matches=None if filter.text is None else await _with_text(loaders, number, filter.text),
        sector=filter.sector,
        area=filter.area_of_interest,
        isco=filter.isco,
        uses=uses,
        modified_since=filter.changed_since.isoformat() if filter.changed_since else None,
    )


async def _used(loaders: Loaders, number: str, used: NodeId) -> int | None:
    if used.release != number:
        raise BadUserInput(f"`uses` is an id of release {used.release}; pass one of release {number}.")
    if used.type_name not in _PARTS:
        raise BadUserInput(f"`uses` must be the id of {_USABLE}.")
    indexed = await loaders.look_up(number, by_uuid, used.concept_key)
    return None if indexed is None else indexed.row_id


async def _with_text(loaders: Loaders, number: str, text: str) -> frozenset[int]:
    index = await loaders.index(number)
    return frozenset(await loaders.ask(index, index.search.row_ids, text, {OCCUPATIONAL_PROFILE}, None))


def _order(order: OccupationalProfileOrder | None) -> Order:
    if order is None:
        return Order()
    by: Literal["title", "code"] = "title" if order.field is OccupationalProfileOrderField.TITLE else "code"
    return Order(by, LANGUAGES.index(order.language.key), order.descending)
