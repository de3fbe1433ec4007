"""A normalised document, or a part of one embedded in another, as GraphQL fields read it: where lazy loading is decided.

One rule: take the key if the document has it, else load the whole and take it from there. All siblings that need their
whole in the same tick are one batch of the loaders.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from graphql_api.competent.routes import Route
from graphql_api.errors import UpstreamError
from graphql_api.schema.loaders import Loaders

Convert = Callable[["DocumentView", Any], Any]
"""Makes the value of a GraphQL field from that of a document; gets None if neither the document nor the whole has the key."""


class DocumentView:
    """A normalised concept as far as it is known, the release that it was read in, and the way to the whole."""

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
        """The id."""
        return UUID(self.id)

    def read(self, name: str, convert: Convert, empty_on_error: bool = False) -> Any:
        """The converted value of a key: at once, or as an awaitable if the whole has to be loaded.

        With `empty_on_error`, a whole that cannot be loaded counts as one without the key.
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
        """The whole document; this one if no route leads to it."""
        if self.is_complete or self.route is None:
            return self
        return self._complete(await self.loaders.whole(self.route, self.release, self.uuid))

    def _complete(self, document: Mapping[str, Any]) -> "DocumentView":
        return DocumentView(self.loaders, self.release, document, self.id, self.route, is_complete=True)

    def embedded(self, document: Mapping[str, Any], route: Route | None) -> "DocumentView":
        """A concept embedded in this one; it has an id, as all of them in a normalised document."""
        return DocumentView(self.loaders, self.release, document, document["id"], route)


@dataclass(frozen=True, slots=True)
class DocumentField:
    """How a GraphQL field reads the document of its concept; in the metadata of the field, for every executor."""

    name: str
    convert: Convert
    empty_on_error: bool = False

    def __call__(self, concept: Any) -> Any:
        """The value of the field, or an awaitable of it."""
        return concept.view.read(self.name, self.convert, self.empty_on_error)
