"""Both executors return equal responses to every operation of the docs, the examples and the tests, in every scenario."""

import pytest

from tests.execution.compiled.corpus import corpus, documented_queries, in_tests
from tests.execution.compiled.run_examples import Bench
from tests.execution.compiled.scenarios import SCENARIOS, Scenario

pytestmark = pytest.mark.slow


def test_the_corpus_has_enough_operations() -> None:
    assert len(documented_queries()) > 25


def test_operations_of_docs_and_examples_have_equal_responses(bench: Bench) -> None:
    bench.counted.clear()

    bench.compare(SCENARIOS[0], 0, corpus(documented_queries(), bench.data.samples))

    assert bench.counted["data"] > 0.8 * bench.counted["asked"]
    assert bench.counted["fast"] > 0.8 * bench.counted["asked"]


@pytest.mark.plans
@pytest.mark.parametrize("scenario", [SCENARIOS[position] for position in (0, 1, 3, 7)], ids=lambda item: item.name)
def test_operations_of_tests_have_equal_responses(bench: Bench, scenario: Scenario) -> None:
    texts = in_tests()
    assert len(texts) > 150
    bench.counted.clear()

    bench.compare(scenario, 7, corpus(texts, bench.data.samples))

    assert bench.counted["data"] > 0.6 * bench.counted["asked"]
