"""What is read from a file or a shared server is checked within bounds, and unusable unless this version wrote it."""

import asyncio
import math
import zlib
from pathlib import Path
from typing import Any

import orjson
import pytest

from graphql_api.competent.declarations import CODE, MOMENT, TEXT, concept_type
from graphql_api.competent.fetch import Validators
from graphql_api.competent.normalise import FORMAT, normalise, renormalise
from graphql_api.store.entry import UnusableEntry, pack, restore, unpack
from graphql_api.store.freshness import CacheEntry
from graphql_api.store.memory import Memory
from graphql_api.store.sqlite import SqliteFile
from graphql_api.store.valkey import decode, encode
from tests.conftest import counted, counting_turns
from tests.store.fakes import CURRENT, OTHER, PROFILE, Clock, Opened, Upstream, entry_of, profile

RAW = {"id": PROFILE[-36:].upper(), "title": " Kok à la carte ", "wages": 3}
DOCUMENT = normalise(PROFILE, RAW)
SIZE = len(orjson.dumps(DOCUMENT))
GOOD = pack(DOCUMENT)
MOST = 100_000


def best_compression(text: bytes) -> bytes:
    return zlib.compress(text, 9)


TEXTS: dict[str, bytes] = {
    "a bomb": best_compression(b" " * 50_000_000 + b"{}"),
    "one byte too many": best_compression(b'{"a":"' + b"x" * (MOST - 7) + b'"}'),
    "a list": best_compression(b"[1, 2]"),
    "a string": best_compression(b'"x"'),
    "null": best_compression(b"null"),
    "no JSON": best_compression(b"{'a': 1}"),
    "NaN": best_compression(b'{"a": NaN}'),
    "not UTF-8": best_compression(b'{"a": "\xff"}'),
    "half a surrogate": best_compression(b'{"a": "\\ud800"}'),
    "deeper than it can be written": best_compression(b'{"a":' * 300 + b"1" + b"}" * 300),
    "deeper than it can be read": best_compression(b'{"a":' * 10_000 + b"1" + b"}" * 10_000),
    "too many lists": best_compression(b'{"a":[' + b",".join([b"[]"] * 30_000) + b"]}"),
    "too many numbers": best_compression(b'{"a":[' + b",".join([b"1"] * 45_000) + b"]}"),
    "another document": best_compression(orjson.dumps(RAW | {"id": OTHER[-36:]})),
    "no id": best_compression(b'{"a": 1}'),
}
UNUSABLE: dict[str, object] = {
    **TEXTS,
    **{f"{name}, with a format": FORMAT.encode() + b":" + text for name, text in TEXTS.items()},
    "cut off": GOOD[:-5],
    "half": GOOD[: len(GOOD) // 2],
    "a format alone": GOOD[:13],
    "empty": b"",
    "followed by more": GOOD + b"x",
    "not compressed": orjson.dumps(DOCUMENT),
    "gzip": b"\x1f\x8b" + GOOD,
    "text": "x",
    "a number": 7,
    "nothing": None,
}


@pytest.mark.parametrize("name", UNUSABLE)
def test_a_malformed_or_oversized_body_is_unusable(name: str) -> None:
    with pytest.raises(UnusableEntry):
        unpack(PROFILE, UNUSABLE[name], MOST)


def test_a_document_of_the_maximum_size_is_unpacked() -> None:
    document = DOCUMENT | {"code": "x" * (MOST - SIZE - len(',"code":""'))}
    assert len(orjson.dumps(document)) == MOST

    assert unpack(PROFILE, pack(document), MOST) == (document, False)


def test_a_raw_entry_is_normalised_and_retains_its_age_and_validators() -> None:
    validators = Validators('"7"')

    restored = restore(PROFILE, 5.5, '"7"', None, best_compression(orjson.dumps(RAW)), MOST)
    assert restored == CacheEntry(DOCUMENT, 5.5, SIZE, validators)


def test_a_document_of_other_declarations_is_read_in_part_and_outdated() -> None:
    stored = DOCUMENT | {"title": "renamed", "softSkills": {"id": OTHER[-36:]}, "wages": 3, "code": None}
    body = b"0123456789ab:" + best_compression(orjson.dumps(stored))

    restored = restore(PROFILE, 5.5, '"7"', None, body, MOST)

    expected = DOCUMENT | {"code": None, "title": {"nl": "renamed"}, "softSkills": [{"id": OTHER[-36:]}]}
    assert restored == CacheEntry(expected, 5.5, restored.size, Validators(), outdated=True)


def test_an_entry_of_this_version_is_unusable_for_the_previous_version() -> None:
    with pytest.raises(zlib.error):  # which expects nothing before the compressed text
        zlib.decompress(GOOD)


@pytest.mark.parametrize("value", [7, "x", [7], {"nl": 7}, [[[]]], {"a": {}}, True, None, ""])
def test_stored_values_of_the_wrong_shape_are_dropped(value: Any) -> None:
    fields = concept_type("OccupationalProfile").fields
    stored = {"id": DOCUMENT["id"]} | {field.name: value for field in fields}

    document, _ = unpack(PROFILE, FORMAT.encode() + b":" + best_compression(orjson.dumps(stored)), MOST)

    assert renormalise(PROFILE, document) == document
    for field in fields:
        assert (
            isinstance(document[field.name], list)
            or document[field.name] is None
            or field.value in (CODE, TEXT, MOMENT)
        )


def test_a_compressed_bomb_is_inflated_only_up_to_the_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    inflated: list[int] = []
    decompressobj = zlib.decompressobj

    class Inflater:
        def __init__(self) -> None:
            self._inflater = decompressobj()

        def decompress(self, body: bytes, most: int) -> bytes:
            inflated.append(len(result := self._inflater.decompress(body, most)))
            return result

    monkeypatch.setattr("graphql_api.store.entry.zlib.decompressobj", Inflater)
    with pytest.raises(UnusableEntry):
        unpack(PROFILE, UNUSABLE["a bomb"], MOST)

    assert inflated == [MOST + 1]


@pytest.mark.parametrize("at", [math.nan, math.inf, -math.inf, None, "1000", b"1", True, [1]])
def test_an_invalid_time_makes_an_entry_unusable(at: object) -> None:
    with pytest.raises(UnusableEntry):
        restore(PROFILE, at, None, None, GOOD, MOST)


@pytest.mark.parametrize("at", [-1e300, -5, 0, 7, 1e300])
def test_any_finite_time_is_valid(at: float) -> None:
    assert restore(PROFILE, at, None, None, GOOD, MOST) == CacheEntry(DOCUMENT, float(at), SIZE)


@pytest.mark.parametrize("etag", ['"a"\r\nX: y', '"\x00"', "é", " a", "a ", "", "x" * 513, 7, b'"a"', ["a"]])
def test_a_validator_that_cannot_be_sent_makes_an_entry_unusable(etag: object) -> None:
    with pytest.raises(UnusableEntry):
        restore(PROFILE, 1.0, etag, None, GOOD, MOST)
    with pytest.raises(UnusableEntry):
        restore(PROFILE, 1.0, None, etag, GOOD, MOST)


@pytest.mark.parametrize(
    "value",
    [
        b"",
        b"\n",
        b"rubbish",
        b'["' + OTHER.encode() + b'",1.0,null,null]\n' + GOOD,
        b"[1.0,44,null,null]\n" + GOOD,
        b'{"path":"' + PROFILE.encode() + b'"}\n' + GOOD,
        b'["' + PROFILE.encode() + b'",1.0,null,null,"3"]\n' + GOOD,
        b'["' + PROFILE.encode() + b'","1.0",null,null]\n' + GOOD,
        b'["' + PROFILE.encode() + b'",NaN,null,null]\n' + GOOD,
        b'["' + PROFILE.encode() + b'",1.0,7,null]\n' + GOOD,
        b'["' + PROFILE.encode() + b'",1.0,null,null]' + GOOD,
        b"[" * 100_000 + b"\n" + GOOD,
        0,
        None,
    ],
)
def test_an_entry_of_another_path_or_format_is_unusable(value: object) -> None:
    with pytest.raises(UnusableEntry):
        decode(PROFILE, value, MOST)


def test_an_entry_is_decoded_as_it_was_encoded() -> None:
    entry = CacheEntry(DOCUMENT, 5.5, SIZE, Validators('W/"1"', "Wed, 01 Jul 2026 00:00:00 GMT"))

    assert decode(PROFILE, encode(PROFILE, entry), MOST) == entry


def test_an_entry_of_the_previous_version_is_normalised() -> None:
    head = b'["' + PROFILE.encode() + b'",5.5,"7",null]\n'

    assert decode(PROFILE, head + best_compression(orjson.dumps(RAW)), MOST) == CacheEntry(
        DOCUMENT, 5.5, SIZE, Validators("7")
    )


class Poisoned:
    """A backend with these entries, which keeps what is put."""

    uses_leases = False

    def __init__(self, **entries: CacheEntry) -> None:
        self.entries = entries

    async def get_many(self, paths: Any) -> dict[str, CacheEntry]:
        return {path: entry for path in paths if (entry := self.entries.get(path))}

    def put(self, path: str, entry: CacheEntry) -> None:
        self.entries[path] = entry

    def fetch_lease(self, path: str, good: Any) -> Any:
        return SqliteFile.fetch_lease(None, path, good)  # type: ignore[arg-type]

    async def aclose(self) -> None: ...


async def test_an_entry_dated_in_the_future_is_served_renewed_and_overwritten() -> None:
    upstream, clock = Upstream(), Clock()
    backend = Poisoned(**{CURRENT: entry_of(CURRENT, clock.now + 1e9, number="3.1")})
    opened = Opened(upstream, clock, Memory(10_000), backend)

    assert await opened.ask(CURRENT) == [normalise(CURRENT, {"number": "3.1"})]
    await opened.store.wait_idle()

    assert await opened.ask(CURRENT) == [upstream.document(CURRENT)]
    assert backend.entries[CURRENT].at == clock.now
    assert upstream.paths == [CURRENT]


async def test_loading_many_stored_documents_yields_to_the_event_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("graphql_api.store.tiers.TIME_SLICE", 0.0)
    clock = Clock()
    entries = {profile(number): CacheEntry({"id": "x"}, clock.now, 9) for number in range(100)}
    opened = Opened(Upstream(), clock, Memory(10_000), Poisoned(**entries))

    async with counting_turns() as turns:
        await opened.ask(*entries)

        assert turns.count >= 90


async def test_unusable_entries_of_the_file_are_counted_fetched_and_overwritten(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    upstream = Upstream()
    backend = SqliteFile(tmp_path / "s.sqlite", "api", document_bytes=MOST)
    opened = Opened(upstream, Clock(), Memory(0), backend)
    paths = [profile(number) for number in range(8)]
    await opened.ask(*paths)
    await opened.store.aclose()
    before = counted("competent_store_invalid_entries_total", type="document")
    caplog.clear()

    poisoned = SqliteFile(tmp_path / "s.sqlite", "api", document_bytes=MOST)
    opened = Opened(upstream, Clock(), Memory(0), poisoned)
    changes = {
        "body": [UNUSABLE["a bomb"], UNUSABLE["a list"], "text", b"x" * 1_000_000],
        "at": ["soon"],
        "etag": ["a\r\nb", b"\xff"],
        "last_modified": [b"\x00"],
    }
    with poisoned._writing as connection:
        remaining = iter(paths)
        for column, values in changes.items():
            for value in values:
                connection.execute(f"UPDATE document SET {column} = ? WHERE path = ?", (value, next(remaining)))
        connection.execute("UPDATE document SET etag = CAST(x'ff' AS TEXT) WHERE etag = x'ff'")

    assert await opened.ask(*paths) == [upstream.document(path) for path in paths]
    assert counted("competent_store_invalid_entries_total", type="document") == before + 8
    assert len(caplog.records) == 1
    assert await opened.ask(*paths) == [upstream.document(path) for path in paths]
    await opened.store.aclose()
    assert upstream.paths == paths * 2


async def test_documents_come_from_upstream_if_the_file_does_not_respond(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("graphql_api.store.sqlite.READ_TIMEOUT", 0.01)
    upstream, backend = Upstream(), SqliteFile(tmp_path / "s.sqlite", "api")
    opened = Opened(upstream, Clock(), Memory(0), backend)
    stuck = asyncio.Event()
    loop = asyncio.get_running_loop()
    busy = backend._reader.submit(lambda: asyncio.run_coroutine_threadsafe(stuck.wait(), loop).result())

    assert await opened.ask(PROFILE) == [upstream.document(PROFILE)]
    assert await opened.ask(OTHER) == [upstream.document(OTHER)]

    stuck.set()
    await asyncio.wrap_future(busy)
    await opened.store.aclose()
    assert upstream.paths == [PROFILE, OTHER]
