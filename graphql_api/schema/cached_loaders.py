"""Loaders for who does not wait: with what is at hand, or not at all.

Until they are closed nothing has been begun, renewed or counted, so that whoever waits can begin anew.
"""

from collections.abc import Awaitable
from typing import Any

from graphql_api.asyncio_tools import Completed
from graphql_api.competent.hal import Document
from graphql_api.index import UNKNOWN, Index
from graphql_api.schema.loaders import Dependencies, Loaders, Question, documents_in


class CacheMiss(BaseException):
    """Something has to be waited for. No error, so that nothing that deals with errors takes it for one."""


class CacheOnlyLoaders(Loaders):
    """Where something is not at hand, fresh and in memory, they raise NotAtHand."""

    def get_cached(self, path: str) -> Document:
        """The document at a path."""
        found = self._known.get(path)
        if found is None:
            found = self._known[path] = self._store.fresh(path)
            if found is None:
                raise CacheMiss
            self._mark(path)
        self._read.append((path, found))
        return found

    def load(self, path: str) -> Awaitable[Document]:
        """The same as an awaitable."""
        return Completed(self.get_cached(path))

    async def index(self, number: str) -> Index:
        """Nobody asks for the index itself but to put a question to it, and these are waited for."""
        raise CacheMiss

    def lookup_cached(self, number: str, question: Question, key: Any) -> Any:
        """The answer about one thing that was given before."""
        found = super().lookup_cached(number, question, key)
        if found is UNKNOWN:
            raise CacheMiss
        return found

    def reread(self, read: "Dependencies") -> None:
        """What is used again was made of this."""
        self._reread(read)

    def close(self) -> None:
        """What was read has been told, and counts: each document once."""
        self._count(documents_in(self._read))  # type: ignore[arg-type]  # None stands for what is not at hand
