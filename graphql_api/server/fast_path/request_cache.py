"""Caches parsed and validated requests by their body or query string, so that repeated ones skip both.

An entry is dropped when its document leaves the document cache.
"""

from dataclasses import dataclass, replace

from starlette.datastructures import QueryParams

from graphql_api.caching import LRUCache
from graphql_api.execution.engine import Engine
from graphql_api.execution.limits import values_in
from graphql_api.execution.selection import ExecutableOperation
from graphql_api.http.graphql.cache_control import introspects
from graphql_api.http.graphql.persisted_queries import PersistedQueries
from graphql_api.http.graphql.request import OperationRequest, from_body, from_parameters

MAX_BYTES = 32_000_000
"""Maximum bytes of all entries together."""
ENTRY_BYTES = 2_700
"""Measured bytes of an entry without its text, which it holds up to three times."""
VALUE_BYTES = 70
"""Additional bytes per value in its variables."""


@dataclass(slots=True, eq=False)
class ParsedRequest:
    """A parsed request: its parameters, its document and the operation to execute."""

    operation: OperationRequest
    query: str
    executable: ExecutableOperation
    introspects: bool
    took_long: bool = False
    """Whether the last response took long by the clock."""
    skip_count: int = 0
    """How many more times to skip the fast path, as a failed attempt may cost as much as the request itself."""

    @property
    def document_fields(self) -> dict[str, object]:
        """What is logged of the document with COMPETENT_LOG_DOCUMENTS."""
        return {"document": self.query, "variables": self.operation.variables}


class RequestCache:
    """LRU cache of parsed requests."""

    def __init__(self, engine: Engine, documents: PersistedQueries) -> None:
        self._engine = engine
        self._documents = documents
        self._requests: LRUCache[bytes | str, ParsedRequest] = LRUCache(
            MAX_BYTES, max_item_bytes=MAX_BYTES // 128, on_evict=self._forget
        )
        self._keys_by_document: dict[str, set[bytes | str]] = {}
        engine.documents.on_evict(self._drop)

    def __len__(self) -> int:
        return len(self._requests)

    def get(self, body: bytes) -> ParsedRequest | None:
        """The parsed request for a POST body; None unless it is a query whose document is already prepared.

        Raises HTTPError if the request is invalid.
        """
        return self._requests.get(body) or self._parse(body, from_body(body))

    def get_by_url(self, query_string: bytes) -> ParsedRequest | None:
        """The parsed request for the query string of a GET; otherwise like `get`."""
        url = query_string.decode("latin-1")  # str keys are URLs, bytes keys are bodies
        return self._requests.get(url) or self._parse(url, from_parameters(QueryParams(query_string)))

    def _parse(self, body: bytes | str, operation: OperationRequest) -> ParsedRequest | None:
        query = self._documents.text_of(operation)
        executable = self._engine.find_operation(query, operation.variables, operation.operation_name)
        if executable is None:
            return None
        query = executable.document.text  # the string that is already in memory
        request = ParsedRequest(replace(operation, query=query), query, executable, introspects(query))
        size = 3 * len(body) + VALUE_BYTES * values_in(operation.variables or {}) + ENTRY_BYTES
        self._requests.put(body, request, size)
        if body in self._requests:
            self._keys_by_document.setdefault(executable.document.key, set()).add(body)
        return request

    def _drop(self, document: str) -> None:
        for body in tuple(self._keys_by_document.get(document, ())):
            self._requests.drop(body)

    def _forget(self, body: bytes | str, request: ParsedRequest) -> None:
        document = request.executable.document.key
        self._keys_by_document[document].discard(body)
        if not self._keys_by_document[document]:
            del self._keys_by_document[document]
