"""Persisted documents: trusted ones from the operator's manifests, and automatic persisted queries from clients.

Manifests are written by client tools. Automatic persisted queries are bounded in number and bytes.
"""

import json
from collections.abc import Iterable, Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any

from graphql import GraphQLError, parse

from graphql_api.caching import LRUCache
from graphql_api.errors import SettingsError
from graphql_api.settings.files import UnusableFile, read_small

MAX_MANIFEST_BYTES = 100_000_000
APOLLO = "apollo-persisted-query-manifest"


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
        told = json.loads(read_small(file, MAX_MANIFEST_BYTES).decode("utf-8-sig"))
    except UnusableFile as error:
        raise SettingsError(f"COMPETENT_PERSISTED: {file} cannot be read: {error}") from None
    except (ValueError, RecursionError) as error:
        raise SettingsError(f"COMPETENT_PERSISTED: {file} is not JSON") from error
    documents = _apollo(told) if isinstance(told, dict) and "operations" in told else told
    if not isinstance(documents, dict) or not all(isinstance(each, str) for each in documents.values()):
        raise SettingsError(
            f"COMPETENT_PERSISTED: {file} is not a manifest: expected a JSON object of ids and documents, or Apollo's format"
        )
    for id, text in documents.items():
        try:
            parse(text, no_location=True)
        except GraphQLError as error:
            raise SettingsError(f"COMPETENT_PERSISTED: document {id!r} of {file}: {error.message}") from error
    return documents


def _apollo(told: dict[str, Any]) -> Any:
    operations = told["operations"]
    if told.get("format") != APOLLO or told.get("version") != 1 or not isinstance(operations, list):
        return None
    if not all(isinstance(each, dict) and isinstance(each.get("id"), str) for each in operations):
        return None
    return {each["id"]: each.get("body") for each in operations}


class Automatic:
    """Apollo's automatic persisted queries: documents from clients, by SHA-256, in an LRU cache."""

    def __init__(self, most: int, most_bytes: int) -> None:
        self._documents: LRUCache[str, str] = LRUCache(most_bytes, most)

    def get(self, hash: str) -> str | None:
        """The document with this hash; None if it is not stored."""
        return self._documents.get(hash)

    def __contains__(self, hash: str) -> bool:
        return hash in self._documents

    def keep(self, hash: str, text: str) -> None:
        """Store a document; the least recently used ones are evicted if there is no room."""
        if hash not in self._documents:
            self._documents.put(hash, text, len(text.encode()) + 64)
