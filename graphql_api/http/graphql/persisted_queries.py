"""Documents that clients name instead of sending: those that the operator trusts, and those that clients left here.

Trusted documents come from the manifests that client tools write; what clients leave is bounded in number and size.
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
    """The SHA-256 of a document, in lower case hexadecimal."""
    return sha256(text.encode()).hexdigest()


class Trusted:
    """Documents by the ids that a manifest gives them, and by `sha256:` and their hash."""

    def __init__(self, documents: Mapping[str, str]) -> None:
        hashes = {hash: text for text in documents.values() for hash in (digest(text), f"sha256:{digest(text)}")}
        self._documents = hashes | dict(documents)
        self._texts = frozenset(documents.values())

    @classmethod
    def read(cls, files: Iterable[Path]) -> "Trusted":
        """The documents of all these manifests; SettingsError where one is not as it should be."""
        documents: dict[str, str] = {}
        for file in files:
            for id, text in read_manifest(file).items():
                if documents.setdefault(id, text) != text:
                    raise SettingsError(
                        f"COMPETENT_PERSISTED: {file} and an earlier manifest have different documents with the id {id!r}"
                    )
        return cls(documents)

    def get(self, id: str) -> str | None:
        """The document with this id."""
        return self._documents.get(id)

    def __contains__(self, text: str) -> bool:
        return text in self._texts

    def __len__(self) -> int:
        return len(self._texts)


def read_manifest(file: Path) -> dict[str, str]:
    """Documents by id, from a file of GraphQL Code Generator, of Relay's compiler, or of Apollo.

    The first two write `{id: text}`. Apollo writes `{"format": "apollo-persisted-query-manifest", "version": 1,
    "operations": [{"id", "name", "type", "body"}]}`.
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
    """Documents that clients left under their hash, those asked for most recently (Apollo's automatic persisted queries)."""

    def __init__(self, most: int, most_bytes: int) -> None:
        self._documents: LRUCache[str, str] = LRUCache(most_bytes, most)

    def get(self, hash: str) -> str | None:
        """The document with this hash."""
        return self._documents.get(hash)

    def __contains__(self, hash: str) -> bool:
        return hash in self._documents

    def keep(self, hash: str, text: str) -> None:
        """Keep a document, and let go of those that nobody has asked for the longest."""
        if hash not in self._documents:
            self._documents.put(hash, text, len(text.encode()) + 64)
