"""Whatever is asked, and whatever goes wrong upstream: with plans and without, the answer is the same, and so is what was asked."""

import pytest

from tests.plan.bench import Bench
from tests.plan.coverage import forms, named, of_schema
from tests.plan.scenarios import SCENARIOS, SCHEMA

MANY, SEEDS = 6, 3
"""Examples of a scenario, and how often others."""


@pytest.mark.parametrize("half", [0, 1])
def test_generated_operations_are_answered_alike(bench: Bench, half: int) -> None:
    bench.counted.clear()

    for number, scenario in enumerate(SCENARIOS[half::2]):
        bench.compare_generated(scenario, number, examples=3)

    assert bench.counted["data"] > 0.6 * bench.counted["asked"]
    assert bench.counted["errors"] > 0.1 * bench.counted["asked"]
    assert bench.counted["planned"] > 0.6 * bench.counted["asked"]
    assert bench.counted["unplanned"] < 0.1 * bench.counted["asked"]


@pytest.mark.plans
@pytest.mark.parametrize("bench", ["small", "bundled"], indirect=True)
@pytest.mark.parametrize("number", range(SEEDS))
def test_thousands_of_generated_operations_are_answered_alike(bench: Bench, number: int) -> None:
    bench.counted.clear()
    bench.asked.clear()

    for place, scenario in enumerate(SCENARIOS):
        bench.compare_generated(scenario, 1000 + 100 * number + place, MANY)

    assert bench.counted["data"] > 0.6 * bench.counted["asked"]
    assert bench.counted["planned"] > 0.6 * bench.counted["asked"]
    texts = list({each.query for each in bench.asked})
    assert of_schema(SCHEMA) - named(SCHEMA, texts) == set()
    assert {form for form, count in forms(texts).items() if count < 10} == set()
