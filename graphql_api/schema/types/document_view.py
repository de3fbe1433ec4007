"""A view of a normalised document, or of a concept embedded in another; decides when to load the complete document.

The rule: use the key if the document has it, otherwise load the complete document and take it from there. Loads of all siblings
in one tick are one batch.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from graphql_api.competent.routes import Route
from graphql_api.errors import UpstreamError
from graphql_api.schema.loaders import Loaders

Convert = Callable[["DocumentView", Any], Any]
"""Converts a document's value to that of a GraphQL field; gets None if neither the document nor the complete one has the key."""


class DocumentView:
    """A normalised concept as far as it is loaded, its release, and the route to the complete document."""

    __slots__ = ("document", "id", "is_complete", "loaders", "release", "route")

    def __init__(
        self,
        loaders: Loaders,
        release: str,
        document: Mapping[str, Any],
        id: str,
        route: Route | None = None,
        is_complete: bool = False,
    ) -> None:
        self.loaders = loaders
        self.release = release
        self.document = document
        self.id = id
        self.route = route
        self.is_complete = is_complete

    @property
    def uuid(self) -> UUID:
        """The id as a UUID."""
        return UUID(self.id)

    def read(self, name: str, convert: Convert, empty_on_error: bool = False) -> Any:
        """Returns the converted value of a key: immediately, or as an awaitable if the complete document must be loaded.

        With `empty_on_error`, a document that cannot be loaded counts as one without the key.
        """
        document = self.document
        if name in document:
            return convert(self, document[name])
        if self.is_complete or self.route is None:
            return convert(self, None)
        whole = self.loaders.get_cached(self.route.path(self.release, self.id))
        if whole is None:
            return self._read_whole(name, convert, empty_on_error)
        return convert(self._complete(whole), whole.get(name))

    async def _read_whole(self, name: str, convert: Convert, empty_on_error: bool) -> Any:
        try:
            return (await self.load()).read(name, convert)
        except UpstreamError:
            if not empty_on_error:
                raise
            return convert(self, None)

    async def load(self) -> "DocumentView":
        """Returns a view of the complete document; this view if it is complete already or has no route."""
        if self.is_complete or self.route is None:
            return self
        return self._complete(await self.loaders.load_complete(self.route, self.release, self.id))

    def _complete(self, document: Mapping[str, Any]) -> "DocumentView":
        return DocumentView(self.loaders, self.release, document, self.id, self.route, is_complete=True)

    def embedded(self, document: Mapping[str, Any], route: Route | None) -> "DocumentView":
        """Returns a view of a concept embedded in this one; every concept in a normalised document has an id."""
        return DocumentView(self.loaders, self.release, document, document["id"], route)


@dataclass(frozen=True, slots=True)
class DocumentField:
    """How a GraphQL field reads its concept's document; stored in the field's metadata, for every executor."""

    name: str
    convert: Convert
    empty_on_error: bool = False

    def __call__(self, concept: Any) -> Any:
        """Returns the value of the field, or an awaitable of it."""
        return concept.view.read(self.name, self.convert, self.empty_on_error)
