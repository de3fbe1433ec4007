"""Responses and upstream calls are equal with and without compiled queries, for any operation and upstream fault."""

import pytest

from tests.execution.compiled.coverage import forms, named, of_schema
from tests.execution.compiled.operations import numbered
from tests.execution.compiled.run_examples import Bench
from tests.execution.compiled.scenarios import MORE_SCENARIOS, SCENARIOS, SCHEMA, SHAPES


@pytest.mark.slow
@pytest.mark.parametrize("half", [0, 1])
def test_generated_operations_have_equal_responses(bench: Bench, half: int) -> None:
    bench.counted.clear()

    for number, scenario in enumerate(SCENARIOS[half::2]):
        bench.compare_numbered(scenario, 1000 * number + 100 * half, examples=1)
    bench.compare_generated(SCENARIOS[half], half, examples=2)

    assert bench.counted["data"] > 0.6 * bench.counted["asked"]
    assert bench.counted["errors"] > 0.1 * bench.counted["asked"]
    assert bench.counted["planned"] > 0.6 * bench.counted["asked"]
    assert bench.counted["fast"] > 0.6 * bench.counted["asked"]
    assert bench.counted["unplanned"] < 0.15 * bench.counted["asked"]


@pytest.mark.plans
@pytest.mark.parametrize(("bench", "number"), [("small", 0), ("small", 1), ("bundled", 2)], indirect=["bench"])
def test_thousands_of_generated_operations_have_equal_responses(bench: Bench, number: int) -> None:
    bench.counted.clear()

    for position, scenario in enumerate(MORE_SCENARIOS):
        bench.compare_numbered(scenario, 100_000 * (number + 1) + 1000 * position, examples=3)
    for position, scenario in enumerate(SCENARIOS[:3]):
        bench.compare_generated(scenario, 1000 + 100 * number + position, examples=3)

    assert bench.counted["data"] > 0.6 * bench.counted["asked"]
    assert bench.counted["planned"] > 0.5 * bench.counted["asked"]  # graphql-core executes what has errors
    assert bench.counted["fast"] > 0.6 * bench.counted["asked"]


@pytest.mark.plans
def test_generated_operations_cover_every_field_argument_value_and_form(bench: Bench) -> None:
    texts = {numbered(SHAPES, bench.data.samples, number).query for number in range(1500)}

    assert len(texts) > 1450
    assert of_schema(SCHEMA) - named(SCHEMA, texts) == set()
    assert {form for form, count in forms(texts).items() if count < 20} == set()
