"""Finds the document of an operation: its own text, an automatic persisted query, or a trusted document.

If only trusted documents are allowed, any other is refused before it is parsed.
"""

from graphql_api.http.graphql.errors import BadRequest, HTTPError
from graphql_api.http.graphql.persisted_queries import Automatic, Trusted, digest
from graphql_api.http.graphql.request import Operation


class Documents:
    """Resolves operations to documents. `trusted` and `automatic` are None if the settings turn them off."""

    def __init__(self, trusted: Trusted | None, only_trusted: bool, automatic: Automatic | None) -> None:
        self._trusted = trusted
        self._only_trusted = only_trusted
        self._automatic = automatic

    def text_of(self, operation: Operation) -> str:
        """The document of an operation; raises HTTPError if it is unknown, does not match its id or is not allowed."""
        text = self._named(operation) or operation.query
        if text is None:
            raise self._unknown()
        if operation.query is not None and text != operation.query:
            raise BadRequest("The document with this id is not `query`; send only one of them.")
        if self._only_trusted and (self._trusted is None or text not in self._trusted):
            raise HTTPError(403, "Only trusted documents are allowed; send the `documentId` of one.", "FORBIDDEN")
        return text

    def _named(self, operation: Operation) -> str | None:
        if operation.document_id is not None:
            if self._trusted is None:
                raise _error("PersistedQueryNotSupported", "PERSISTED_QUERY_NOT_SUPPORTED")
            if (text := self._trusted.get(operation.document_id)) is None:
                raise _error("PersistedQueryNotFound", "PERSISTED_QUERY_NOT_FOUND")
            return text
        if operation.sha256 is None:
            return None
        trusted = self._trusted.get(operation.sha256) if self._trusted else None
        if trusted is not None:
            return trusted
        if operation.query is not None and digest(operation.query) != operation.sha256:
            raise BadRequest("`sha256Hash` is not the hash of `query`: provided sha does not match query.")
        return self._automatic.get(operation.sha256) if self._automatic else None

    def _unknown(self) -> HTTPError:
        if self._automatic is None and self._trusted is None:
            return _error("PersistedQueryNotSupported", "PERSISTED_QUERY_NOT_SUPPORTED")
        return _error("PersistedQueryNotFound", "PERSISTED_QUERY_NOT_FOUND")

    def executed(self, operation: Operation, text: str) -> None:
        """Store a document that was sent with its hash. Call only after execution, so that invalid documents take no space."""
        sha256 = operation.sha256
        if self._automatic is None or sha256 is None or sha256 in self._automatic:
            return
        if sha256 == digest(text):
            self._automatic.keep(sha256, text)


def _error(message: str, code: str) -> HTTPError:
    # Same messages and status as Apollo Server: clients recognise them and retry with the full query.
    return HTTPError(200, message, code)
