"""Lookups of concepts by uuid or code, and lists of all concepts of a type.

A concept that does not exist is null without an error; a release that does not exist is RELEASE_NOT_FOUND.
"""

from contextlib import suppress
from typing import Annotated, TypeVar
from uuid import UUID

import strawberry

from graphql_api.errors import BadUserInput, ReleaseNotFound, UpstreamNotFound
from graphql_api.schema.loaders import Loaders
from graphql_api.schema.types.concept import Concept
from graphql_api.schema.types.concept_factory import all_of, find_code, find_uuid, page_of
from graphql_api.schema.types.concept_list import ConceptList, concept_of
from graphql_api.schema.types.concept_ref import as_code
from graphql_api.schema.types.document_view import DocumentView
from graphql_api.schema.types.relay import After, Before, Connection, ConnectionArguments, First, Last
from graphql_api.schema.types.root_field import RootResolver

C = TypeVar("C", bound=Concept)

ByUuid = Annotated[UUID | None, strawberry.argument(description="Competent's own id. Pass either this or `code`.")]
ByCode = Annotated[str | None, strawberry.argument(description="Competent's code. Pass either this or `uuid`.")]


async def find(concept_class: type[C], loaders: Loaders, number: str, uuid: UUID | None, code: str | None) -> C | None:
    """Returns the concept with this uuid or code in a release; None if it does not exist.

    Raises BadUserInput unless exactly one of the two is passed, ReleaseNotFound if the release does not exist.
    """
    if (uuid is None) == (code is None):
        raise BadUserInput("Pass exactly one of `uuid` and `code`.")
    try:
        if uuid is not None:
            return await _by_uuid(concept_class, loaders, number, uuid)
        return await _by_code(concept_class, loaders, number, as_code(str(code)))
    except UpstreamNotFound:
        await _require_release(loaders, number)
        return None


async def _by_uuid(concept_class: type[C], loaders: Loaders, number: str, uuid: UUID) -> C | None:
    if concept_class.route is None:
        return await find_uuid(concept_class, loaders, number, uuid)
    id = str(uuid)
    document = await loaders.load_complete(concept_class.route, number, id)
    return concept_class(view=DocumentView(loaders, number, document, id, concept_class.route, is_complete=True))


async def _by_code(concept_class: type[C], loaders: Loaders, number: str, code: str) -> C | None:
    if concept_class.declaration.collection is not None and not loaders.is_indexed(number):
        with suppress(UpstreamNotFound):  # if there is no such list, fall back to the index
            listing = loaders.listing(concept_class.declaration.collection.path(number))
            size, total, _ = await listing.page()
            for stop in (size, total):  # if the first page has the code, the rest is not read
                items = await listing.part(0, stop)
                codes = {item.get("code"): item for item in reversed(items)}  # the first of equal codes wins
                if code in codes and "id" in codes[code]:
                    return concept_of(concept_class, loaders, number, codes[code])
            if None not in codes:
                return None
    return await find_code(concept_class, loaders, number, code)


async def page(concept_class: type[C], loaders: Loaders, number: str, paging: ConnectionArguments) -> Connection[C]:
    """Returns a page of all concepts of a type in a release."""
    if concept_class.declaration.collection is None:
        return await page_of(concept_class, loaders, number, paging)
    listing = loaders.listing(concept_class.declaration.collection.path(number))
    try:
        total = (await listing.page()).total
    except UpstreamNotFound:  # no such list: fall back to the index, which raises if there is no such release
        return await page_of(concept_class, loaders, number, paging)
    window = paging.window(f"{concept_class.__name__} {number}", total)
    items = [item for item in await listing.part(window.start, window.stop) if "id" in item]
    return Connection(window=window, items=ConceptList(concept_class, loaders, number, items))


async def _require_release(loaders: Loaders, number: str) -> None:
    if not await loaders.release_exists(number):
        raise ReleaseNotFound


def lookup_field(concept_class: type[Concept]) -> RootResolver:
    """Returns a resolver of a concept by uuid or code."""

    async def resolver(loaders: Loaders, number: str, uuid: ByUuid = None, code: ByCode = None) -> concept_class | None:  # type: ignore[valid-type]  # strawberry reads it
        return await find(concept_class, loaders, number, uuid, code)

    return resolver


def list_field(concept_class: type[Concept]) -> RootResolver:
    """Returns a resolver of all concepts of a type, without pages."""

    async def resolver(loaders: Loaders, number: str) -> list[concept_class] | None:  # type: ignore[valid-type]  # strawberry reads it
        return await all_of(concept_class, loaders, number)

    return resolver


def connection_field(concept_class: type[Concept]) -> RootResolver:
    """Returns a resolver of a page of all concepts of a type."""

    async def resolver(
        loaders: Loaders,
        number: str,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
    ) -> Connection[concept_class] | None:  # type: ignore[valid-type]  # strawberry reads it
        return await page(concept_class, loaders, number, ConnectionArguments(first, after, last, before))

    return resolver
