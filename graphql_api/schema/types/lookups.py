"""Look-ups of concepts by uuid or code, and lists of all concepts of a type.

A concept that does not exist is null without an error; a release that does not exist is RELEASE_NOT_FOUND.
"""

from collections.abc import Mapping
from contextlib import suppress
from typing import Annotated, Any, TypeVar
from uuid import UUID

import strawberry

from graphql_api.errors import BadUserInput, ReleaseNotFound, UpstreamNotFound
from graphql_api.schema.loaders import Loaders
from graphql_api.schema.types.concept import Concept
from graphql_api.schema.types.concept_factory import find_code, find_uuid, page_of
from graphql_api.schema.types.document_view import DocumentView
from graphql_api.schema.types.relay import After, Before, Connection, ConnectionArguments, First, Last
from graphql_api.schema.types.root_field import RootResolver

K = TypeVar("K", bound=Concept)

ByUuid = Annotated[UUID | None, strawberry.argument(description="Competent's own id. Pass either this or `code`.")]
ByCode = Annotated[str | None, strawberry.argument(description="Competent's code. Pass either this or `uuid`.")]


async def find(kind: type[K], loaders: Loaders, number: str, uuid: UUID | None, code: str | None) -> K | None:
    """Returns the concept with this uuid or code in a release; None if it does not exist.

    Raises BadUserInput unless exactly one of the two is passed, ReleaseNotFound if the release does not exist.
    """
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
        return await find_uuid(loaders, number, kind.declaration, uuid)  # type: ignore[return-value]
    id = str(uuid)
    document = await loaders.load_complete(kind.route, number, id)
    return kind(view=DocumentView(loaders, number, document, id, kind.route, is_complete=True))


async def _by_code(kind: type[K], loaders: Loaders, number: str, code: str) -> K | None:
    if kind.declaration.collection is not None and not loaders.is_indexed(number):
        with suppress(UpstreamNotFound):  # if there is no such list, fall back to the index
            listing = loaders.listing(kind.declaration.collection.path(number))
            size, total, _ = await listing.page()
            for stop in (size, total):  # if the first page has the code, the rest is not read
                items = await listing.part(0, stop)
                codes = {item.get("code"): item for item in reversed(items)}  # the first of equal codes wins
                if code in codes and "id" in codes[code]:
                    return _listed(kind, loaders, number, codes[code])
            if None not in codes:
                return None
    return await find_code(loaders, number, kind.declaration, code)  # type: ignore[return-value]


async def page(kind: type[K], loaders: Loaders, number: str, paging: ConnectionArguments) -> Connection[K]:
    """Returns a page of all concepts of a type in a release."""
    if kind.declaration.collection is None:
        return await page_of(loaders, number, kind.declaration, paging)  # type: ignore[return-value]
    listing = loaders.listing(kind.declaration.collection.path(number))
    try:
        total = (await listing.page()).total
    except UpstreamNotFound:  # no such list: fall back to the index, which raises if there is no such release
        return await page_of(loaders, number, kind.declaration, paging)  # type: ignore[return-value]
    window = paging.window(f"{kind.__name__} {number}", total)
    items = await listing.loaded(window.start, window.stop)
    return Connection(
        window=window,
        items=lambda: [_listed(kind, loaders, number, item) for item in items() if "id" in item],
    )


def _listed(kind: type[K], loaders: Loaders, number: str, item: Mapping[str, Any]) -> K:
    return kind(view=DocumentView(loaders, number, item, item["id"], kind.route))


async def _require(loaders: Loaders, number: str) -> None:
    if not await loaders.release_exists(number):
        raise ReleaseNotFound


def lookup_field(kind: type[Concept]) -> RootResolver:
    """Returns a resolver of a concept by uuid or code."""

    async def resolver(loaders: Loaders, number: str, uuid: ByUuid = None, code: ByCode = None) -> kind | None:  # type: ignore[valid-type]
        return await find(kind, loaders, number, uuid, code)

    return resolver


def connection_field(kind: type[Concept]) -> RootResolver:
    """Returns a resolver of a page of all concepts of a type."""

    async def resolver(
        loaders: Loaders,
        number: str,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
    ) -> Connection[kind] | None:  # type: ignore[valid-type]
        return await page(kind, loaders, number, ConnectionArguments(first, after, last, before))

    return resolver
