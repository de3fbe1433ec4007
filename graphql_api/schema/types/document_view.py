"""A view of a normalised document, or of a concept embedded in another; decides when to load the complete document.

The rule: use the key if the document has it, otherwise load the complete document and take it from there. Loads of all siblings
in one tick are one batch.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol
from uuid import UUID

from graphql_api.competent.hal import Document
from graphql_api.competent.routes import Route
from graphql_api.errors import UpstreamError
from graphql_api.schema.loaders import Loaders

Value = Any
"""A value of a document or of a GraphQL field; its declaration says which type."""

Convert = Callable[["DocumentView", Value], Value]
"""Converts a document's value to that of a GraphQL field; gets None if neither the document nor the complete one has the key."""


class DocumentView:
    """A normalised concept as far as it is loaded, its release, and the route to the complete document."""

    __slots__ = ("document", "id", "is_complete", "loaders", "release", "route")

    def __init__(
        self,
        loaders: Loaders,
        release: str,
        document: Document,
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

    def read(self, name: str, convert: Convert, empty_on_error: bool = False) -> Value:
        """Returns the converted value of a key: immediately, or as an awaitable if the complete document must be loaded.

        With `empty_on_error`, a document that cannot be loaded counts as one without the key.
        """
        document = self.document
        if name in document:
            return convert(self, document[name])
        if self.is_complete or self.route is None:
            return convert(self, None)
        complete = self.loaders.get_cached(self.route.path(self.release, self.id))
        if complete is None:
            return self._read_complete(name, convert, empty_on_error)
        return convert(self._complete(complete), complete.get(name))

    async def _read_complete(self, name: str, convert: Convert, empty_on_error: bool) -> Value:
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

    def _complete(self, document: Document) -> "DocumentView":
        return DocumentView(self.loaders, self.release, document, self.id, self.route, is_complete=True)

    def embedded(self, document: Document, route: Route | None) -> "DocumentView":
        """Returns a view of a concept embedded in this one; every concept in a normalised document has an id."""
        return DocumentView(self.loaders, self.release, document, document["id"], route)


class HasView(Protocol):
    """A GraphQL object that is read from a document."""

    view: DocumentView


@dataclass(frozen=True, slots=True)
class DocumentField:
    """How a GraphQL field reads its concept's document; stored in the field's metadata, for every executor."""

    name: str
    convert: Convert
    empty_on_error: bool = False

    def __call__(self, concept: "HasView") -> Value:
        """Returns the value of the field, or an awaitable of it."""
        return concept.view.read(self.name, self.convert, self.empty_on_error)
