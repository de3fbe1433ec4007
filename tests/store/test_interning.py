"""Interning: equal parts of documents are one object in memory only; contents stay the same, and bytes are counted exactly."""

import copy
from random import Random
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from graphql_api.observability.fetch_context import FetchContext
from graphql_api.store import Store
from graphql_api.store.freshness import CacheEntry
from graphql_api.store.interning import MAX_VARIANTS, Interner
from graphql_api.store.memory import Memory
from tests.store.fakes import PROFILE, SHELF, Upstream

SKILL = {"id": "sk-1", "code": "SK-1", "description": {"nl": "Koken", "fr": None}, "regions": ["VL"]}


def competence(id_: str, **more: Any) -> dict[str, Any]:
    return {"id": id_, "skill": copy.deepcopy(SKILL), "knowledgeItems": [{"id": "kn-1", "code": "KN-1"}], **more}


def profile(id_: str, *competences: dict[str, Any]) -> dict[str, Any]:
    return {"id": id_, "essentialCompetences": list(competences)}


def test_equal_parts_of_documents_are_interned_at_every_level() -> None:
    interner = Interner()
    one, _ = interner.intern(profile("op-1", competence("cp-1")))
    other, _ = interner.intern(profile("op-2", competence("cp-2"), competence("cp-1")))
    complete, _ = interner.intern(competence("cp-1", _links={"self": {"href": "/cp-1"}}))

    embedded = one["essentialCompetences"][0]
    assert other["essentialCompetences"][1] is embedded
    assert other["essentialCompetences"][0]["skill"] is embedded["skill"] is complete["skill"]
    assert complete["knowledgeItems"][0] is embedded["knowledgeItems"][0]
    assert complete is not embedded


def test_interned_bytes_are_counted_once_and_freed_with_the_last_document() -> None:
    interner = Interner()
    one, first = interner.intern(profile("op-1", competence("cp-1")))
    other, second = interner.intern(profile("op-2", competence("cp-1")))
    assert second < first / 2

    freed = interner.release(one)
    assert 0 < freed < first
    assert interner.release(other) == first + second - freed
    assert len(interner) == 0


def entry_of(document: dict[str, Any]) -> CacheEntry:
    return CacheEntry(copy.deepcopy(document), 0, len(orjson.dumps(document)))


def test_interning_equal_content_returns_the_same_object() -> None:
    memory = Memory(100_000, interner=Interner())
    release = {"releases": ["3.11"], "current": True}
    for document in (profile("op-1", competence("cp-1")), release):
        first = memory.put(PROFILE, entry_of(document))
        second = memory.put(PROFILE, entry_of(document)._replace(at=7))
        assert second.document is first.document
        assert second.at == 7
    assert memory.put(PROFILE, entry_of(release | {"current": False})).document == release | {"current": False}


def test_different_parts_with_one_id_are_stored_separately() -> None:
    interner = Interner()
    documents = [{"id": "op", "part": {"id": "a", "n": str(n)}} for n in range(MAX_VARIANTS * 2)]
    taken = [interner.intern(copy.deepcopy(document)) for document in documents]

    assert [document for document, _ in taken] == documents
    assert len(interner) == MAX_VARIANTS * 2  # half of the wholes, and half of the parts
    assert sum(interner.release(document) for document, _ in taken) == sum(size for _, size in taken)
    assert len(interner) == 0


ids = st.sampled_from(["a", "b", "c"])
leaves = st.none() | st.integers(-1, 2) | st.sampled_from(["", "x", "é"])
values = st.recursive(
    leaves,
    lambda inner: (
        st.lists(inner, max_size=3) | st.fixed_dictionaries({"id": ids | leaves}, optional={"x": inner, "y": inner})
    ),
    max_leaves=12,
)
documents = st.fixed_dictionaries({}, optional={"id": ids, "x": values, "y": values, "_links": values})


@pytest.mark.slow
@given(st.lists(documents, max_size=8), st.randoms(use_true_random=False))
def test_interning_changes_no_document_and_release_frees_all_bytes(
    originals: list[dict[str, Any]], random: Random
) -> None:
    interner = Interner()
    before = [encode(document) for document in originals]
    taken = [interner.intern(document) for document in originals]

    assert [encode(value) for value, _ in taken] == before
    random.shuffle(taken)
    assert sum(interner.release(value) for value, _ in taken) == sum(size for _, size in taken)
    assert len(interner) == 0


def encode(document: Any) -> bytes:
    return orjson.dumps(document, option=orjson.OPT_SORT_KEYS)


def test_interning_fits_more_documents_into_the_same_bytes() -> None:
    memory = Memory(30_000, interner=Interner())
    for n in range(100):
        memory.put(str(n), entry_of(profile(f"op-{n}", *(competence(f"cp-{part}") for part in range(10)))))
    alike = len(memory)
    assert memory.bytes <= 30_000

    for n in range(100, 200):
        memory.put(str(n), entry_of(profile(f"op-{n}", *(competence(f"cp-{n}-{part}") for part in range(10)))))
    assert 1 <= len(memory) < alike / 4
    assert memory.bytes <= 30_000

    for path in tuple(memory):
        memory.drop(path)
    assert memory.bytes == 0


def test_a_document_larger_than_the_memory_evicts_nothing() -> None:
    memory = Memory(5_000, interner=Interner())
    memory.put("a", entry_of(competence("cp-1")))
    memory.put("b", entry_of({"id": "op-1", "parts": [{}] * 1000}))  # 3,000 bytes of text, and many times that parsed

    assert list(memory) == ["a"]


async def test_a_fetch_returns_the_cached_object() -> None:
    upstream = Upstream()
    memory = Memory(100_000, interner=Interner())
    store = Store(upstream.fetch, SHELF, memory)
    (first,) = (await store.get_many([PROFILE], FetchContext())).values()

    assert store.get_cached(PROFILE, FetchContext()) is first
