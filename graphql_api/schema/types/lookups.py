"""The ways to things by uuid or code, and to collections of all things of a type.

What does not exist is null without an error; a release that does not exist is RELEASE_NOT_FOUND.
"""

from contextlib import suppress
from typing import Annotated, TypeVar
from uuid import UUID

import strawberry

from graphql_api.competent import fields
from graphql_api.competent.fields import as_uuid
from graphql_api.competent.routes import OCCUPATIONAL_PROFILES, SOFT_SKILLS, TECHNICAL_COMPETENCES, Route
from graphql_api.errors import BadUserInput, ReleaseNotFound, UpstreamNotFound
from graphql_api.schema.loaders import Loaders
from graphql_api.schema.types.concept import Concept
from graphql_api.schema.types.concept_factory import find_code, find_uuid, kind_of, page_of
from graphql_api.schema.types.document_view import Part
from graphql_api.schema.types.relay import After, Before, Connection, First, Last, Paging
from graphql_api.schema.types.root_field import Way

K = TypeVar("K", bound=Concept)

ByUuid = Annotated[UUID | None, strawberry.argument(description="Competent's own id. Give this or `code`.")]
ByCode = Annotated[str | None, strawberry.argument(description="Competent's code. Give this or `uuid`.")]

LISTS: dict[str, Route] = {
    "OccupationalProfile": OCCUPATIONAL_PROFILES,
    "TechnicalCompetence": TECHNICAL_COMPETENCES,
    "SoftSkill": SOFT_SKILLS,
}
"""Where upstream lists the things of a type; those of all other types are found in the index."""


async def find(kind: type[K], loaders: Loaders, number: str, uuid: UUID | None, code: str | None) -> K | None:
    """The thing with this uuid or this code in a release; None where there is none."""
    if (uuid is None) == (code is None):
        raise BadUserInput("Pass exactly one of `uuid` and `code`.")
    try:
        if uuid is not None:
            return await _by_uuid(kind, loaders, number, uuid)
        return await _by_code(kind, loaders, number, str(code).strip().upper())
    except UpstreamNotFound:
        await _require(loaders, number)
        return None


async def _by_uuid(kind: type[K], loaders: Loaders, number: str, uuid: UUID) -> K | None:
    if kind.route is None:
        return await find_uuid(loaders, number, kind_of(kind), uuid)  # type: ignore[return-value]
    document = await loaders.whole(kind.route, number, uuid)
    return kind(part=Part(loaders, number, document, uuid, kind.route, whole=True))


async def _by_code(kind: type[K], loaders: Loaders, number: str, code: str) -> K | None:
    if kind.__name__ in LISTS and not loaders.is_indexed(number):
        with suppress(UpstreamNotFound):  # for a list that is not there the index stands in
            listing = loaders.listing(LISTS[kind.__name__].path(number))
            size, total, _ = await listing.page()
            for stop in (size, total):  # where the first page has it, the others are not read
                items = await listing.part(0, stop)
                codes = {fields.code(item): item for item in reversed(items)}  # the first of equal codes wins
                if code in codes and (uuid := as_uuid(codes[code].get("id"))):
                    return kind(part=Part(loaders, number, codes[code], uuid, kind.route))
            if None not in codes:
                return None
    return await find_code(loaders, number, kind_of(kind), code)  # type: ignore[return-value]


async def page(kind: type[K], loaders: Loaders, number: str, paging: Paging) -> Connection[K]:
    """A page of all things of a type in a release."""
    if kind.__name__ not in LISTS:
        return await page_of(loaders, number, kind_of(kind), paging)  # type: ignore[return-value]
    listing = loaders.listing(LISTS[kind.__name__].path(number))
    try:
        total = (await listing.page()).total
    except UpstreamNotFound:  # no such list: the index stands in, or says that there is no such release
        return await page_of(loaders, number, kind_of(kind), paging)  # type: ignore[return-value]
    window = paging.window(f"{kind.__name__} {number}", total)
    items = await listing.loaded(window.start, window.stop)
    return Connection(
        window=window,
        items=lambda: [
            kind(part=Part(loaders, number, item, uuid, kind.route))
            for item in items()
            if (uuid := as_uuid(item.get("id")))
        ],
    )


async def _require(loaders: Loaders, number: str) -> None:
    if not await loaders.release_exists(number):
        raise ReleaseNotFound


def single(kind: type[Concept]) -> Way:
    """The way to one thing of a type."""

    async def way(loaders: Loaders, number: str, uuid: ByUuid = None, code: ByCode = None) -> kind | None:  # type: ignore[valid-type]
        return await find(kind, loaders, number, uuid, code)

    return way


def collection(kind: type[Concept]) -> Way:
    """The way to all things of a type."""

    async def way(
        loaders: Loaders,
        number: str,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
    ) -> Connection[kind] | None:  # type: ignore[valid-type]
        return await page(kind, loaders, number, Paging(first, after, last, before))

    return way
