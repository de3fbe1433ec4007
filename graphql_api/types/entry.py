"""The ways in: one thing by uuid or code, and paged collections, in a release or at the root.

What does not exist is null without an error; a release that does not exist is RELEASE_NOT_FOUND.
"""

from typing import Annotated, Any, TypeVar
from uuid import UUID

import strawberry

from graphql_api.errors import BadUserInput, ReleaseNotFound, UpstreamNotFound
from graphql_api.loaders import CURRENT, Loaders
from graphql_api.routes import OCCUPATIONAL_PROFILES, SOFT_SKILLS, TECHNICAL_COMPETENCES, Route
from graphql_api.types.concept import Concept
from graphql_api.types.page import After, Before, Connection, Edge, First, Last, Paging
from graphql_api.types.part import Part, as_uuid

K = TypeVar("K", bound=Concept)

ByUuid = Annotated[UUID | None, strawberry.argument(description="Competent's own id. Give this or `code`.")]
ByCode = Annotated[str | None, strawberry.argument(description="Competent's code. Give this or `uuid`.")]
InRelease = Annotated[str, strawberry.argument(description="The number of a release, or `current`.")]

LISTS = {
    "OccupationalProfile": OCCUPATIONAL_PROFILES,
    "TechnicalCompetence": TECHNICAL_COMPETENCES,
    "SoftSkill": SOFT_SKILLS,
}
"""Where a release lists the things of a type."""


async def find(kind: type[K], loaders: Loaders, release: str, uuid: UUID | None, code: str | None) -> K | None:
    """The thing with this uuid or this code in a release; None where there is none."""
    if (uuid is None) == (code is None):
        raise BadUserInput("Give exactly one of `uuid` and `code`.")
    number = await loaders.release_number(release)
    try:
        if uuid is not None:
            return await _by_uuid(kind, loaders, number, uuid)
        return await _by_code(kind, loaders, number, str(code).strip().upper())
    except UpstreamNotFound:
        await _require(loaders, number)
        return None


async def _by_uuid(kind: type[K], loaders: Loaders, number: str, uuid: UUID) -> K:
    assert kind.route is not None
    document = await loaders.load(kind.route.path(number, uuid))
    return kind(part=Part(loaders, number, document, uuid, kind.route, whole=True))


async def _by_code(kind: type[K], loaders: Loaders, number: str, code: str) -> K | None:
    for item in await loaders.listing(_list(kind).path(number)).all():
        if item.get("code") == code and (uuid := as_uuid(item.get("id"))):
            return kind(part=Part(loaders, number, item, uuid, kind.route))
    return None


async def page(kind: type[K], loaders: Loaders, release: str, paging: Paging) -> Connection[K]:
    """A page of all things of a type in a release."""
    number = await loaders.release_number(release)
    listing = loaders.listing(_list(kind).path(number))
    try:
        total = (await listing.page()).total
    except UpstreamNotFound:
        await _require(loaders, number)
        raise
    window = paging.window(f"{kind.__name__} {number}", total)
    items = await listing.part(window.start, window.stop)
    cursors = window.cursors(len(items))
    edges = [
        Edge(node=kind(part=Part(loaders, number, item, uuid, kind.route)), cursor=cursor)
        for item, cursor in zip(items, cursors, strict=True)
        if (uuid := as_uuid(item.get("id")))
    ]
    return Connection(
        edges=edges, nodes=[edge.node for edge in edges], page_info=window.info(cursors), total_count=total
    )


async def _require(loaders: Loaders, number: str) -> None:
    if not await loaders.release_exists(number):
        raise ReleaseNotFound


def _list(kind: type[Concept]) -> Route:
    return LISTS[kind.__name__]


def _words(kind: type[Concept]) -> str:
    return "".join(f" {letter.lower()}" if letter.isupper() else letter for letter in kind.__name__).strip()


def single(kind: type[Concept]) -> Any:
    """Declare the field of a release that finds one thing of this type."""

    async def resolver(self, uuid: ByUuid = None, code: ByCode = None):  # type: ignore[no-untyped-def]
        return await find(kind, self.loaders, self.number, uuid, code)

    return strawberry.field(resolver=resolver, description=f"One {_words(kind)} of this release.")


def collection(kind: type[Concept]) -> Any:
    """Declare the field of a release that lists all things of this type."""

    async def resolver(  # type: ignore[no-untyped-def]
        self, first: First = None, after: After = None, last: Last = None, before: Before = None
    ):
        return await page(kind, self.loaders, self.number, Paging(first, after, last, before))

    return strawberry.field(resolver=resolver, description=f"The {_words(kind)}s of this release.")


def root_single(kind: type[Concept]) -> Any:
    """Declare the field of the query that finds one thing of this type in any release."""

    async def resolver(  # type: ignore[no-untyped-def]
        info: strawberry.Info, uuid: ByUuid = None, code: ByCode = None, release: InRelease = CURRENT
    ):
        return await find(kind, info.context.loaders, release, uuid, code)

    return strawberry.field(resolver=resolver, description=f"One {_words(kind)}; null where it does not exist.")


def root_collection(kind: type[Concept]) -> Any:
    """Declare the field of the query that lists all things of this type in any release."""

    async def resolver(  # type: ignore[no-untyped-def]
        info: strawberry.Info,
        release: InRelease = CURRENT,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
    ):
        return await page(kind, info.context.loaders, release, Paging(first, after, last, before))

    return strawberry.field(resolver=resolver, description=f"The {_words(kind)}s of a release.")
