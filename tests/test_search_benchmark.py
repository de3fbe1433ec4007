"""The search benchmark: its sets are repeatable and separate from the index, its metrics count as they say, and it runs."""

import random
from collections.abc import Sequence
from pathlib import Path

import pytest

from benchmarks.search import __main__ as benchmark
from benchmarks.search.metrics import Answer, percentile, quality
from benchmarks.search.sets import (
    NONSENSE,
    QUERIES,
    SECOND_QUERIES,
    Query,
    QuerySet,
    held_out,
    make_sets,
    misspell,
    read_queries,
)
from graphql_api.index.tokenizer import fold
from graphql_api.sandbox.bundled_data import bundled_datasets
from graphql_api.sandbox.dataset import Dataset


@pytest.fixture(scope="module")
def dataset() -> Dataset:
    return bundled_datasets()[0]


@pytest.fixture(scope="module")
def queries(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Natural queries for the bundled data, in the form of queries.toml."""
    file = tmp_path_factory.mktemp("queries") / "queries.toml"
    file.write_text('[nl]\n"verpleegkundige" = ["OP-101"]\n"zorg" = ["OP-101", "OP-99999"]\n"weg" = ["OP-99999"]\n')
    return file


@pytest.fixture(scope="module")
def sets(dataset: Dataset, queries: Path) -> dict[str, QuerySet]:
    return {item.name: item for item in make_sets(dataset, queries)}


@pytest.mark.parametrize(
    ("ranks", "recall", "mrr"),
    [
        ([1, 1], {1: 1.0, 5: 1.0, 10: 1.0}, 1.0),
        ([2, 5], {1: 0.0, 5: 1.0, 10: 1.0}, 0.35),
        ([6, 11], {1: 0.0, 5: 0.0, 10: 0.5}, 1 / 12),
    ],
)
def test_recall_and_reciprocal_rank_of_the_first_acceptable(
    ranks: Sequence[int], recall: dict[int, float], mrr: float
) -> None:
    queries = [Query("x", ("right", "right too"), "report") for _ in ranks]
    answers = [Answer(["wrong"] * (rank - 1) + ["right too", "right"], 1.0) for rank in ranks]

    assert quality(queries, answers) == (recall, pytest.approx(mrr), 0.0)


def test_empty_is_the_fraction_of_queries_without_hits() -> None:
    queries = [Query("x", ("right",), "report")] * 4
    answers = [Answer([], 1.0), Answer(["wrong"], 1.0), Answer(["right"], 1.0), Answer([], 1.0)]

    assert quality(queries, answers).empty == 0.5
    assert quality(queries, answers).mrr == 0.25


def test_percentiles_are_of_the_values() -> None:
    assert percentile([5, 1, 4, 2, 3], 50) == 3
    assert percentile(range(1, 101), 99) == 99
    assert percentile([7], 99) == 7


def test_query_sets_are_reproducible_and_have_both_halves(dataset: Dataset, queries: Path) -> None:
    first, second = make_sets(dataset, queries), make_sets(dataset, queries)

    assert first == second
    assert all({query.half for query in item.queries} == {"tune", "report"} for item in first)


def test_held_out_names_are_half_of_each_profile_and_in_no_other_profile(
    dataset: Dataset, sets: dict[str, QuerySet]
) -> None:
    left_out = held_out(dataset)
    indexed = {
        fold(name.name)
        for profile in dataset.profiles
        for name in profile.names()
        if name.name not in left_out[profile.code]
    }

    for profile in dataset.profiles:
        assert len(left_out[profile.code]) == len({name.name for name in profile.names()}) // 2
    assert indexed.isdisjoint(fold(query.text) for query in sets["held-out names"].queries)
    for query in sets["held-out names"].queries:
        assert any(query.text in left_out[code] for code in query.acceptable)


def test_names_in_other_languages_are_not_names_in_dutch_or_french(dataset: Dataset, sets: dict[str, QuerySet]) -> None:
    indexed = {
        fold(profile.texts["title"][language] or "") for profile in dataset.profiles for language in ("nl", "fr")
    }
    indexed |= {
        fold(name.name) for profile in dataset.profiles for name in profile.names() if name.language in ("nl", "fr")
    }

    texts = [fold(query.text) for query in sets["English and German names"].queries]
    assert texts
    assert indexed.isdisjoint(texts)


@pytest.mark.parametrize(("name", "typos"), [("one typo", 1), ("two typos", 2)])
def test_typos_change_the_stated_number_of_letters_and_no_name_collides(
    sets: dict[str, QuerySet], name: str, typos: int
) -> None:
    exact = {fold(query.text) for query in sets["exact names"].queries}

    assert sets[name].queries
    for query in sets[name].queries:
        assert fold(query.text) not in exact
    assert misspell("kok", typos, random.Random(1)) is None
    changed = misspell("verpleegkundige", typos, random.Random(1))
    assert changed is not None
    assert changed != "verpleegkundige"
    assert abs(len(changed) - len("verpleegkundige")) <= typos


def test_natural_queries_only_have_codes_of_the_release(sets: dict[str, QuerySet]) -> None:
    natural = sets["natural queries"].queries

    assert [(query.text, query.acceptable) for query in natural] == [
        ("verpleegkundige", ("OP-101",)),
        ("zorg", ("OP-101",)),
    ]
    assert [query.half for query in natural] == ["tune", "report"]


def test_there_are_at_least_100_hand_written_queries_in_three_languages() -> None:
    codes = {f"OP-{number}" for number in range(1, 651)}
    first, second = read_queries(QUERIES, codes), read_queries(SECOND_QUERIES, codes)

    assert min(len(first), len(second)) >= 100
    assert len({query.text for query in (*first, *second)}) == len(first) + len(second)
    assert read_queries(QUERIES, ()) == []


@pytest.mark.slow
def test_the_benchmark_searches_the_bundled_data(dataset: Dataset, sets: dict[str, QuerySet]) -> None:
    selected = [sets[name] for name in ("natural queries", "held-out names", "exact names", "nonsense")]
    results = benchmark.measure(benchmark.Contestant("now", benchmark.ROOT), None, dataset, selected)

    exact = sets["exact names"].queries
    assert quality(exact, results["exact names"].answers).recall[1] == 1.0
    assert results["natural queries"].answers[0].codes[0] == "OP-101"
    assert len(results["nonsense"].answers) == len(NONSENSE)
    held = sets["held-out names"].queries
    assert quality(held, results["held-out names"].answers).recall[1] < 1.0

    header, *rows = "\n".join(benchmark.report(selected, {"now": results}, "report")).splitlines()
    assert "recall@5" in header
    assert len(rows) == len(selected) + 1


def test_without_the_workbook_it_is_skipped_with_a_message(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.argv", ["search", "missing.xlsx"])
    benchmark.main()

    assert capsys.readouterr().out.startswith("Skipped: ")
