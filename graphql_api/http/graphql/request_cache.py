"""Caches parsed and validated requests by their body or query string, so that repeated ones skip both.

An entry is dropped when its document leaves the document cache.
"""

from dataclasses import dataclass, replace

from starlette.datastructures import QueryParams

from graphql_api.caching import LRUCache
from graphql_api.execution.engine import CompetentSchema, ExecutableOperation
from graphql_api.execution.limits import values_in
from graphql_api.http.graphql.cache_control import introspects
from graphql_api.http.graphql.persisted_queries import Documents
from graphql_api.http.graphql.request import Operation, from_body, from_parameters

MOST_BYTES = 32_000_000
"""Maximum bytes of all entries together."""
QUESTION_BYTES = 2_200
"""Measured bytes of an entry without its text, which it holds up to three times."""
VALUE_BYTES = 70
"""Additional bytes per value in its variables."""


@dataclass(slots=True, eq=False)
class ParsedRequest:
    """A parsed request: its parameters, its document and the operation to execute."""

    operation: Operation
    query: str
    chosen: ExecutableOperation
    introspects: bool
    put_off: int = 0
    """How many more times to skip the fast path, as a failed attempt may cost as much as the request itself."""


class RequestCache:
    """LRU cache of parsed requests."""

    def __init__(self, schema: CompetentSchema, documents: Documents) -> None:
        self._schema = schema
        self._documents = documents
        self._known: LRUCache[bytes | str, ParsedRequest] = LRUCache(
            MOST_BYTES, largest=MOST_BYTES // 128, gone=self._forget
        )
        self._of: dict[str, set[bytes | str]] = {}
        schema.documents.gone = self._drop

    def __len__(self) -> int:
        return len(self._known)

    def get(self, body: bytes) -> ParsedRequest | None:
        """The parsed request for a POST body; None unless it is a query whose document is already prepared.

        Raises HTTPError if the request is invalid.
        """
        return self._known.get(body) or self._read(body, from_body(body))

    def of_url(self, query_string: bytes) -> ParsedRequest | None:
        """The parsed request for the query string of a GET; otherwise like `get`."""
        told = query_string.decode("latin-1")  # str keys are URLs, bytes keys are bodies
        return self._known.get(told) or self._read(told, from_parameters(QueryParams(query_string)))

    def _read(self, body: bytes | str, operation: Operation) -> ParsedRequest | None:
        query = self._documents.text_of(operation)
        chosen = self._schema.prepared_query(query, operation.variables, operation.operation_name)
        if chosen is None:
            return None
        query = chosen.text  # the string that is already in memory
        found = ParsedRequest(replace(operation, query=query), query, chosen, introspects(query))
        size = 3 * len(body) + VALUE_BYTES * values_in(operation.variables or {}) + QUESTION_BYTES
        self._known.put(body, found, size)
        if body in self._known:
            self._of.setdefault(query, set()).add(body)
        return found

    def _drop(self, query: str) -> None:
        for body in tuple(self._of.get(query, ())):
            self._known.drop(body)

    def _forget(self, body: bytes | str, question: ParsedRequest) -> None:
        bodies = self._of[question.query]
        bodies.discard(body)
        if not bodies:
            del self._of[question.query]
