"""Run by test_durability: writes documents to a SQLite store until it is killed. `python -m tests.store.writer FILE SEED`.

It starts when it reads a line from standard input, and prints a line before it writes the first documents.
"""

import asyncio
import hashlib
import sys
from pathlib import Path
from random import Random

import orjson

from graphql_api.competent.fetch import Validators
from graphql_api.competent.hal import Document
from graphql_api.competent.normalise import normalise
from graphql_api.store.freshness import CacheEntry
from graphql_api.store.sqlite import SqliteFile
from tests.store.fakes import profile

PATHS = 400
BYTES = 3_000_000
"""Small enough that documents are evicted while others are written."""


def document(number: int, random: Random) -> Document:
    """A document that can be checked for completeness and for its path."""
    text = random.randbytes(random.randrange(50, 20_000)).hex()
    raw = {"id": profile(number)[-36:], "code": hashlib.blake2s(text.encode()).hexdigest(), "title": text}
    return normalise(profile(number), raw)


def is_whole(number: int, entry: CacheEntry) -> bool:
    """True if a document was read as `document` made it."""
    parsed = entry.document
    is_same = profile(number).endswith(parsed["id"])
    is_same &= hashlib.blake2s(parsed["title"]["nl"].encode()).hexdigest() == parsed["code"]
    return is_same and entry.size == len(orjson.dumps(parsed)) and entry.validators.etag == parsed["code"]


async def write(file: Path, random: Random) -> None:
    """Write documents forever."""
    store = SqliteFile(file, "api", max_bytes=BYTES)
    print("writing", flush=True)
    at = 0.0
    while True:
        for _ in range(random.randrange(1, 40)):
            number, at = random.randrange(PATHS), at + 1
            made = document(number, random)
            store.put(profile(number), CacheEntry(made, at, len(orjson.dumps(made)), Validators(made["code"])))
        await store.get_many([profile(random.randrange(PATHS))])


if __name__ == "__main__":
    sys.stdin.readline()
    asyncio.run(write(Path(sys.argv[1]), Random(int(sys.argv[2]))))
