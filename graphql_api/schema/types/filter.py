"""Filtering and ordering of occupational profiles, which upstream's lists do not support."""

from dataclasses import fields
from datetime import date
from enum import Enum
from functools import reduce
from operator import and_
from typing import Annotated, Any

import strawberry

from graphql_api.competent.declarations import CONCEPT_TYPES, OCCUPATIONAL_PROFILE
from graphql_api.competent.values import ISCO, LANGUAGES
from graphql_api.errors import BadUserInput
from graphql_api.index.facets import REGION, TITLE, Facets
from graphql_api.index.profile_filter import Order, ProfileFilter, profiles, title_ranks
from graphql_api.schema.loaders import Loaders
from graphql_api.schema.types.concept_ref import ConceptRef
from graphql_api.schema.types.lookups import page
from graphql_api.schema.types.occupational_profile import OccupationalProfile
from graphql_api.schema.types.profile_connection import OccupationalProfileConnection, profiles_page
from graphql_api.schema.types.references import REF_UNITS, plurals, resolve
from graphql_api.schema.types.relay import MAX_ITEMS, After, Before, ConnectionArguments, First, Last
from graphql_api.schema.types.resolver_cost import Per, Work
from graphql_api.schema.types.text import Language
from graphql_api.schema.types.value_types import facets_of

_PARTS = [type for type in CONCEPT_TYPES if type is not OCCUPATIONAL_PROFILE]
"""The types that a profile can use."""


def _one_of(description: str) -> Any:
    return strawberry.field(default=None, description=description)


@strawberry.input(
    description="Conditions on occupational profiles, all of which must be met. A list is met by any of its values; an empty one "
    "is no condition."
)
class OccupationalProfileFilter:
    """GraphQL input; each condition is looked up in the index."""

    text: str | None = strawberry.field(default=None, description="Words to search profiles by, as in `search`.")
    sectors: list[str] | None = _one_of("Codes or uuids of economic sectors.")
    areas_of_interest: list[str] | None = _one_of("Codes or uuids of areas of interest.")
    proofs_of_learning: list[str] | None = _one_of("Codes or uuids of proofs of learning.")
    isco_prefix: list[str] | None = _one_of("Codes of ISCO-08, or beginnings of codes, such as `22`.")
    regions: list[str] | None = _one_of(
        "Regions: the profile uses a concept that applies only in some regions, of which this is one."
    )
    has: list[Language] | None = strawberry.field(
        default=None, description="The title exists in one of these languages."
    )
    missing: list[Language] | None = strawberry.field(
        default=None, description="The title is missing in one of these languages."
    )
    uses: ConceptRef | None = strawberry.field(
        default=None, description=f"A concept that the profile uses: one of {plurals(_PARTS)}."
    )
    changed_since: date | None = strawberry.field(
        default=None, description="The profile was last modified on this day or later."
    )


_TERMS = {"sectors": "sector", "areas_of_interest": "area", "proofs_of_learning": "proof", "regions": REGION}
"""Conditions by code or uuid, and the schemes of their values in the index."""


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
        *(
            Per(f"filter.{name}", 2, "item")
            for name in ("sectors", "areasOfInterest", "proofsOfLearning", "regions", "has", "missing")
        ),
        Per("filter.iscoPrefix", 6, "item"),
        Per("filter.text", 1900, "given"),
        Per("filter.text", 310, "word"),
        Per("filter.uses", REF_UNITS, "given"),
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
) -> OccupationalProfileConnection | None:
    """Returns a page of profiles: from upstream's list, or from the index if there is a filter or an order."""
    paging = ConnectionArguments(first, after, last, before)
    if filter is None and order_by is None:
        listed = await page(OccupationalProfile, loaders, number, paging)
        return OccupationalProfileConnection(
            window=listed.window, items=listed.items, loaders=loaders, release=number, row_ids=None
        )
    index = await loaders.index(number)
    conditions = await _conditions(loaders, number, filter or OccupationalProfileFilter())
    order = await _order(loaders, number, order_by)
    row_ids = await loaders.ask(index, profiles, conditions, order)
    return await profiles_page(loaders, number, f"profiles {number} {filter} {order_by}", row_ids, paging)


async def _conditions(loaders: Loaders, number: str, filter: OccupationalProfileFilter) -> ProfileFilter:
    """Returns the conditions as the index takes them; raises InvalidReference if `uses` does not exist."""
    uses = None
    if filter.uses is not None:
        resolved = await resolve(loaders, number, {"uses": filter.uses})
        uses = resolved.require(_PARTS)[0].row_id
    of_release = await facets_of(loaders, number)
    return ProfileFilter(
        within=of_release.rows(_members(of_release, filter)),
        text_matches=None if filter.text is None else await _with_text(loaders, number, filter.text),
        uses=uses,
        modified_since=filter.changed_since.isoformat() if filter.changed_since else None,
    )


def _members(of_release: Facets, filter: OccupationalProfileFilter) -> int:
    """Returns the set of profiles that meet the conditions on their values; raises BadUserInput for too many values."""
    for condition in fields(filter):
        values = getattr(filter, condition.name)
        if isinstance(values, list) and len(values) > MAX_ITEMS:
            raise BadUserInput(f"A list of the filter has {len(values)} values; the limit is {MAX_ITEMS}.")
    members = of_release.everything
    for name, scheme in _TERMS.items():
        if texts := getattr(filter, name):
            members &= of_release.having(scheme, texts)
    if filter.isco_prefix:
        members &= of_release.beginning(ISCO, filter.isco_prefix)
    if filter.has:
        members &= of_release.having(TITLE, (language.key for language in filter.has))
    if filter.missing:
        has_all = [of_release.having(TITLE, [language.key]) for language in filter.missing]
        members &= ~reduce(and_, has_all)
    return members


async def _with_text(loaders: Loaders, number: str, text: str) -> frozenset[int]:
    index = await loaders.index(number)
    return frozenset(await loaders.ask(index, index.search.row_ids, text, {OCCUPATIONAL_PROFILE}, None))


async def _order(loaders: Loaders, number: str, order: OccupationalProfileOrder | None) -> Order:
    if order is None:
        return Order()
    if order.field is OccupationalProfileOrderField.CODE:
        return Order(descending=order.descending)
    ranks = await loaders.look_up(number, title_ranks, LANGUAGES.index(order.language.key))
    return Order(ranks, order.descending)
