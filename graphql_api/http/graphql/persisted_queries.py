"""Finds the document of an operation: its own text, an automatic persisted query, or a trusted document.

Trusted documents are in manifests that client tools write for the operator; automatic persisted queries come from clients,
bounded in number and bytes. If only trusted documents are allowed, any other is refused before it is parsed.
"""

import json
from collections.abc import Iterable, Mapping
from hashlib import sha256
from pathlib import Path

from graphql import GraphQLError, parse

from graphql_api.caching import LRUCache
from graphql_api.errors import SettingsError
from graphql_api.execution.personal_text import may_contain_personal_text
from graphql_api.http.graphql.errors import BadRequest, HTTPError
from graphql_api.http.graphql.request import OperationRequest
from graphql_api.settings.files import UnusableFile, read_small

MAX_MANIFEST_BYTES = 100_000_000


def digest(text: str) -> str:
    """The SHA-256 of a document, in lower-case hexadecimal."""
    return sha256(text.encode()).hexdigest()


class Trusted:
    """Trusted documents, by manifest id, by SHA-256, and by `sha256:` and SHA-256."""

    def __init__(self, documents: Mapping[str, str]) -> None:
        hashes = {hash: text for text in documents.values() for hash in (digest(text), f"sha256:{digest(text)}")}
        self._documents = hashes | dict(documents)
        self._texts = frozenset(documents.values())

    @classmethod
    def read(cls, files: Iterable[Path]) -> "Trusted":
        """Read manifests; raises SettingsError if one is invalid, or two have different documents with the same id."""
        documents: dict[str, str] = {}
        for file in files:
            for id, text in read_manifest(file).items():
                if documents.setdefault(id, text) != text:
                    raise SettingsError(
                        f"COMPETENT_PERSISTED: {file} and an earlier manifest have different documents with the id {id!r}"
                    )
        return cls(documents)

    def get(self, id: str) -> str | None:
        """The document with this id; None if unknown."""
        return self._documents.get(id)

    def __contains__(self, text: str) -> bool:
        return text in self._texts

    def __len__(self) -> int:
        return len(self._texts)


def read_manifest(file: Path) -> dict[str, str]:
    """Read the documents of a manifest written by GraphQL Code Generator, Relay's compiler or Apollo, by id.

    The first two write `{id: text}`. Apollo writes `{"format": "apollo-persisted-query-manifest", "version": 1,
    "operations": [{"id", "name", "type", "body"}]}`. Raises SettingsError if the file or a document is invalid.
    """
    try:
        manifest: object = json.loads(read_small(file, MAX_MANIFEST_BYTES).decode("utf-8-sig"))
    except UnusableFile as error:
        raise SettingsError(f"COMPETENT_PERSISTED: {file} cannot be read: {error}") from None
    except (ValueError, RecursionError) as error:
        raise SettingsError(f"COMPETENT_PERSISTED: {file} is not JSON") from error
    documents = _documents_in(manifest)
    if documents is None:
        raise SettingsError(
            f"COMPETENT_PERSISTED: {file} is not a manifest: expected a JSON object of ids and documents, or Apollo's format"
        )
    for id, text in documents.items():
        try:
            parse(text, no_location=True)
        except GraphQLError as error:
            raise SettingsError(f"COMPETENT_PERSISTED: document {id!r} of {file}: {error.message}") from error
    return documents


def _documents_in(manifest: object) -> dict[str, str] | None:
    """The documents of a manifest by id; None if it has neither format."""
    match manifest:
        case {"format": "apollo-persisted-query-manifest", "version": 1, "operations": list(operations)}:
            pairs = [_apollo_pair(operation) for operation in operations]
            return None if None in pairs else dict(pair for pair in pairs if pair)
        case dict() if "operations" not in manifest and all(isinstance(text, str) for text in manifest.values()):
            return manifest
    return None


def _apollo_pair(operation: object) -> tuple[str, str] | None:
    match operation:
        case {"id": str(id), "body": str(body)}:
            return id, body
    return None


class Automatic:
    """Apollo's automatic persisted queries: documents from clients, by SHA-256, in an LRU cache."""

    def __init__(self, max_documents: int, max_bytes: int) -> None:
        self._documents: LRUCache[str, str] = LRUCache(max_bytes, max_documents)

    def get(self, hash: str) -> str | None:
        """The document with this hash; None if it is not stored."""
        return self._documents.get(hash)

    def __contains__(self, hash: str) -> bool:
        return hash in self._documents

    def store(self, hash: str, text: str) -> None:
        """Store a document; the least recently used ones are evicted if there is no room."""
        if hash not in self._documents:
            self._documents.put(hash, text, len(text.encode()) + 64)


class PersistedQueries:
    """Resolves operations to documents. `trusted` and `automatic` are None if the settings turn them off."""

    def __init__(self, trusted: Trusted | None, only_trusted: bool, automatic: Automatic | None) -> None:
        self._trusted = trusted
        self._only_trusted = only_trusted
        self._automatic = automatic

    def text_of(self, operation: OperationRequest) -> str:
        """The document of an operation; raises HTTPError if it is unknown, does not match its id or is not allowed."""
        text = self._named(operation) or operation.query
        if text is None:
            raise self._unknown()
        if operation.query is not None and text != operation.query:
            raise BadRequest("The document with this id is not `query`; send only one of them.")
        if self._only_trusted and (self._trusted is None or text not in self._trusted):
            raise HTTPError(403, "Only trusted documents are allowed; send the `documentId` of one.", "FORBIDDEN")
        return text

    def _named(self, operation: OperationRequest) -> str | None:
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

    def store_executed(self, operation: OperationRequest, text: str) -> None:
        """Store a document that was sent with its hash, unless it may contain the text of a person.

        Call only after execution, so that invalid documents take no space.
        """
        sha256 = operation.sha256
        if self._automatic is None or sha256 is None or sha256 in self._automatic or may_contain_personal_text(text):
            return
        if sha256 == digest(text):
            self._automatic.store(sha256, text)


def _error(message: str, code: str) -> HTTPError:
    # Same messages and status as Apollo Server: clients recognise them and retry with the full query.
    return HTTPError(200, message, code)
