"""A document, or the part of one embedded in another, as the types read it: the whole of the laziness.

One rule: take the key if the part has it, else load the whole and take it from there. All siblings that need their
whole in the same tick are one batch of the loaders.
"""

from collections.abc import Callable
from typing import Any
from uuid import UUID

import strawberry
from strawberry.types.field import StrawberryField

from graphql_api.competent import hal
from graphql_api.competent.fields import first, uuid_text
from graphql_api.competent.hal import Document
from graphql_api.competent.routes import Route
from graphql_api.errors import UpstreamError
from graphql_api.observability.metrics import UPSTREAM_LINKS_REJECTED
from graphql_api.schema.loaders import Loaders

Convert = Callable[["Part", Any], Any]
"""Makes the field's value from the value of a key; gets None where there is no such key."""


class Part:
    """A document as far as it is at hand, the release that it was read in, and the way to the whole."""

    __slots__ = ("_uuid", "document", "loaders", "release", "route", "whole")

    def __init__(
        self,
        loaders: Loaders,
        release: str,
        document: Document,
        uuid: UUID | str,
        route: Route | None = None,
        whole: bool = False,
    ) -> None:
        self.loaders = loaders
        self.release = release
        self.document = document
        self._uuid = uuid
        self.route = route
        self.whole = whole

    @property
    def uuid(self) -> UUID:
        """The id. Most parts are never asked for it."""
        if isinstance(self._uuid, str):
            self._uuid = UUID(self._uuid)
        return self._uuid

    def read(self, keys: tuple[str, ...], convert: Convert, never_null: bool = False) -> Any:
        """The value under the first of these keys that is there: at once, or as an awaitable where the whole is needed.

        With `never_null`, a whole that cannot be loaded is read as one that says nothing.
        """
        value = first(self.document, keys)  # a null in a part does not tell whether the whole has more
        if value is not None or self.whole or self.route is None:
            return convert(self, value)
        document = self.loaders.at_hand(self.route.path(self.release, self._uuid))
        if document is None:
            return self._read_whole(keys, convert, never_null)
        return convert(self._whole(document), first(document, keys))

    def _whole(self, document: Document) -> "Part":
        return Part(self.loaders, self.release, document, self._uuid, self.route, whole=True)

    async def _read_whole(self, keys: tuple[str, ...], convert: Convert, never_null: bool) -> Any:
        try:
            return (await self.load()).read(keys, convert)
        except UpstreamError:
            if not never_null:
                raise
            return convert(self, None)

    async def load(self) -> "Part":
        """The whole, from where the part's own link says, or from its route where it says nothing that can be followed."""
        if self.whole or self.route is None:
            return self
        path = self.follow("self", self.route) or self.route.path(self.release, self.uuid)
        return self._whole(await self.loaders.whole(self.route, self.release, self.uuid, path))

    def follow(self, rel: str, route: Route) -> str | None:
        """The path that a link leads to, in the release of this part; None where there is no such link of this route.

        Links name an internal host, and may say `current`: only what stands after the release is taken from them.
        """
        href = hal.href(self.document, rel)
        if href is None:
            return None
        link = hal.parse_link(href)
        path = f"/releases/{self.release}{link.rest.lower()}" if link else ""
        # The path that it must be, so that no document can point at another one in its stead.
        if path != route.path(self.release, self.uuid):
            UPSTREAM_LINKS_REJECTED.inc()
            return None
        return path

    def embedded(self, document: object, route: Route | None) -> "Part | None":
        """A thing embedded in this one; None for what has no usable id, since nothing could refer to it."""
        uuid = uuid_text(document.get("id")) if isinstance(document, dict) else None
        if uuid is None:
            return None
        return Part(self.loaders, self.release, document, uuid, route)  # type: ignore[arg-type]


class Reads:
    """What a declared field reads: the keys in order of preference, and how its value is made of what is there.

    Kept as data in the field's metadata, so that other executors can read the declarations that GraphQL is made from.
    """

    __slots__ = ("convert", "keys", "never_null")

    def __init__(self, keys: tuple[str, ...], convert: Convert, never_null: bool = False) -> None:
        self.keys = keys
        self.convert = convert
        self.never_null = never_null

    def __call__(self, root: Any) -> Any:
        """The value of the field, or an awaitable of it."""
        return root.part.read(self.keys, self.convert, self.never_null)


def reads(*keys: str, convert: Convert, description: str, never_null: bool = False) -> Any:
    """Declare a field that reads the first of `keys` that a document has."""
    reading = Reads(keys, convert, never_null)

    def resolver(self) -> Any:  # type: ignore[no-untyped-def]  # strawberry takes the type from the class
        return reading(self)

    del resolver.__annotations__["return"]
    field: StrawberryField = strawberry.field(resolver=resolver, description=description, metadata={"reads": reading})
    return field
