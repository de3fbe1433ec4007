"""Whole answers kept encoded: a question that was answered before is answered by a look, after the same checks.

An answer is kept where all that it was made of is known, fresh and in memory; it goes as soon as any of that is replaced or
forgotten, and is not given once any of it is no longer fresh. What `current` stands for is among what it was made of.
"""

from functools import cached_property
from gzip import compress
from hashlib import blake2b
from typing import Any

import orjson

from graphql_api.execution.plan.kept import ENTRY_BYTES, NAME_BYTES, Kept, copied
from graphql_api.schema.dependencies import Dependencies
from graphql_api.schema.loaders import Loaders
from graphql_api.schema.types.text import Language

LONGEST_COMPRESSED = 131_072
"""Bytes of the longest answer that is kept compressed too: more would hold up others while it is done."""
GZIP_LEVEL = 6
"""Of 9; it is done once."""

Key = tuple[bytes, bytes, tuple[Language, ...]]
"""The operation, its variables, and the languages of the request."""


class KeptAnswer:
    """The body of an answer without errors or extensions: `{"data": …}`."""

    def __init__(self, body: bytes, read: Dependencies) -> None:
        self.body = body
        self.read = read
        # Compressed and not; the names of documents are shared with the store, the places for them are not.
        self.size = len(body) * 3 // 2 + ENTRY_BYTES + NAME_BYTES * len(read.by_name)

    @cached_property
    def tag(self) -> str:
        """A weak `ETag`: the same for the same answer of any replica, however it is compressed."""
        return tag_of(self.body)

    @cached_property
    def gzipped(self) -> bytes | None:
        """The body compressed; None where that is not worth its room, or would take long."""
        if len(self.body) > LONGEST_COMPRESSED:
            return None
        found = compress(self.body, GZIP_LEVEL, mtime=0)
        return found if len(found) <= len(self.body) // 2 else None


def tag_of(body: bytes) -> str:
    """The tag of an answer."""
    return f'W/"{blake2b(body, digest_size=12).hexdigest()}"'


class KeptAnswers(Kept[KeptAnswer]):
    """Answers by what was asked: the operation, its variables, and the languages of the request."""

    def keep(self, key: Key, data: dict[str, Any], loaders: Loaders) -> KeptAnswer | None:
        """Keep what an operation gave for which these loaders have read; None where it cannot be kept."""
        read = loaders.dependencies_since(0)
        if read is None or read.until <= loaders.now():
            return None
        answer = KeptAnswer(copied(orjson.dumps({"data": data})), read)
        self.put(key, answer)
        return answer
