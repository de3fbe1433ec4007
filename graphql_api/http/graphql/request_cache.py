"""Bodies of requests that came before: read, chosen and found within the limits once.

A question goes with the document that it is of.
"""

from dataclasses import dataclass, replace

from starlette.datastructures import QueryParams

from graphql_api.caching import LRUCache
from graphql_api.execution.engine import CompetentSchema, ExecutableOperation
from graphql_api.execution.limits import values_in
from graphql_api.http.graphql.cache_control import introspects
from graphql_api.http.graphql.document_lookup import Documents
from graphql_api.http.graphql.request import Operation, from_body, from_parameters

MOST_BYTES = 32_000_000
"""Of all of them together."""
QUESTION_BYTES = 2_200
"""What a question takes beside its text (measured), which it holds up to three times."""
VALUE_BYTES = 70
"""What each value in its variables takes beside that."""


@dataclass(slots=True, eq=False)
class ParsedRequest:
    """An operation as a client asked for it, with its document."""

    operation: Operation
    query: str
    chosen: ExecutableOperation
    introspects: bool
    put_off: int = 0
    """How often it is still to be left to who can wait: trying may take as long as it takes there."""


class RequestCache:
    """Those asked most recently."""

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
        """The question in a body; None where it can only be answered with time. Raises Refused where it will be refused."""
        return self._known.get(body) or self._read(body, from_body(body))

    def of_url(self, query_string: bytes) -> ParsedRequest | None:
        """The same of a GET."""
        told = query_string.decode("latin-1")  # a text, which is no body
        return self._known.get(told) or self._read(told, from_parameters(QueryParams(query_string)))

    def _read(self, body: bytes | str, operation: Operation) -> ParsedRequest | None:
        query = self._documents.text_of(operation)
        chosen = self._schema.prepared_query(query, operation.variables, operation.operation_name)
        if chosen is None:
            return None
        query = chosen.text  # the one that is kept already
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
