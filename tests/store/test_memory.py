"""A memory that resists scans: what is in use stays, and what does not fit is stored when it is requested again."""

from collections.abc import Callable

from prometheus_client import REGISTRY

from graphql_api.caching import Admission
from graphql_api.store.memory import Memory
from tests.store.fakes import entry_of, profile

ENTRY = entry_of(profile(0))
FITTING = 50


def full_memory() -> Memory:
    """A memory with room for 50 documents, which has them."""
    memory = Memory(FITTING * ENTRY.size * 100 // 98 + 1, admission=Admission())
    for number in range(FITTING):
        memory.put(profile(number), ENTRY)
    return memory


def increase(outcome: str) -> Callable[[], float]:
    """A function that returns how much a metric has increased."""

    def value() -> float:
        return REGISTRY.get_sample_value(f"competent_store_memory_{outcome}_total") or 0.0

    before = value()
    return lambda: value() - before


def test_a_scan_evicts_nothing() -> None:
    memory = full_memory()
    refused = increase("refused")

    for number in range(FITTING, 1000):
        memory.put(profile(number), ENTRY)

    assert list(memory) == [profile(number) for number in range(FITTING)]
    assert refused() == 1000 - FITTING


def test_repeated_scans_of_a_release_that_nearly_fits_mostly_hit() -> None:
    memory = full_memory()
    misses = 0

    for _ in range(5):
        for number in range(60):
            if memory.get(profile(number)) is None:
                misses += 1
                memory.put(profile(number), ENTRY)

    assert misses < 300 / 3


def test_new_documents_replace_old_ones_when_they_are_requested_again() -> None:
    memory = full_memory()
    evicted = increase("evicted")

    for _ in range(2):
        for number in range(100, 100 + FITTING):
            memory.put(profile(number), ENTRY)

    assert list(memory)[-FITTING:] == [profile(number) for number in range(100, 100 + FITTING)]
    assert evicted() == 2 * FITTING - len(memory)


def test_a_document_that_is_cached_is_replaced_in_a_full_memory() -> None:
    memory = full_memory()
    newer = ENTRY._replace(at=ENTRY.at + 1)

    memory.put(profile(0), newer)

    assert memory.peek(profile(0)) == newer
