"""Measures how much of what people look for `search` finds, and how fast; prints Markdown.

Versions to compare are measured in the same run, each in a process of its own: this checkout, and with `--beside` another one.
"""

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

from benchmarks.search import worker
from benchmarks.search.metrics import CUTOFFS, Answer, percentile, quality
from benchmarks.search.sets import INDEXED_LANGUAGES, QUERIES, Half, QuerySet, held_out, make_sets
from benchmarks.search.texts import measure_texts, read_texts, report_texts
from graphql_api.index.semantic.embedder import has_encoder
from graphql_api.sandbox.dataset import Dataset
from graphql_api.sandbox.excel import read_workbook

ROOT = Path(__file__).resolve().parents[2]
WORKBOOK = ROOT.parent / "shared" / "data" / "competent-export-3.27.xlsx"


class Contestant(NamedTuple):
    """A version of the search: its name in the table, the checkout with its package, and how it searches."""

    name: str
    checkout: Path
    hybrid: bool = False
    vectors: Path | None = None


class SetResult(NamedTuple):
    """The answers to the queries of a set, and the milliseconds of processor time per search."""

    answers: Sequence[Answer]
    cpu: float


def measure(
    contestant: Contestant, workbook: Path | None, dataset: Dataset, sets: Sequence[QuerySet]
) -> dict[str, SetResult]:
    """Run a contestant; returns its results by name of the set."""
    task = worker.Task(
        workbook=None if workbook is None else str(workbook),
        left_out=held_out(dataset),
        languages=list(INDEXED_LANGUAGES),
        hybrid=contestant.hybrid,
        vectors=None if contestant.vectors is None else str(contestant.vectors),
        sets=[
            worker.Set(name=s.name, variant=s.variant, profiles_only=s.profiles_only, texts=[q.text for q in s.queries])
            for s in sets
        ],
    )
    # -P: not the folder of the script, so that only PYTHONPATH decides which package is imported.
    process = subprocess.run(  # noqa: S603  # our own script
        [sys.executable, "-P", worker.__file__],
        input=json.dumps(task),
        env={**os.environ, "PYTHONPATH": str(contestant.checkout)},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    results: dict[str, worker.Result] = json.loads(process.stdout)
    return {
        name: SetResult([Answer(codes, took) for codes, took in result["answers"]], result["cpu"])
        for name, result in results.items()
    }


def report(sets: Sequence[QuerySet], results: dict[str, dict[str, SetResult]], half: Half) -> Iterator[str]:
    """A Markdown table with a row per set and contestant, of one half of the queries."""
    recalls = " | ".join(f"recall@{cutoff}" for cutoff in CUTOFFS)
    yield f"| queries | search | {recalls} | MRR | empty | p50, ms | p99, ms | CPU, ms |\n|---|---|{'---:|' * (len(CUTOFFS) + 5)}"
    for queries in sets:
        for name, result in results.items():
            yield row(queries, name, result[queries.name], half)


def row(queries: QuerySet, name: str, result: SetResult, half: Half) -> str:
    pairs = [pair for pair in zip(queries.queries, result.answers, strict=True) if pair[0].half == half]
    if not pairs:
        return f"| {queries.name} (0) | {name} |"
    of = quality([query for query, _ in pairs], [answer for _, answer in pairs])
    took = [answer.milliseconds for _, answer in pairs]
    numbers = (
        [f"{value:.2f}" for value in (*of.recall.values(), of.mrr)]
        if pairs[0][0].acceptable
        else [""] * (len(CUTOFFS) + 1)
    )
    times = [f"{value:.1f}" for value in (percentile(took, 50), percentile(took, 99), result.cpu)]
    return f"| {queries.name} ({len(pairs)}) | {name} | {' | '.join((*numbers, f'{of.empty:.0%}', *times))} |"


def misses(sets: Sequence[QuerySet], results: dict[str, SetResult]) -> Iterator[str]:
    """The tuning queries of which no acceptable concept is among the first five hits."""
    for queries in sets:
        for query, answer in zip(queries.queries, results[queries.name].answers, strict=True):
            if query.half == "tune" and query.acceptable and not set(answer.codes[:5]) & set(query.acceptable):
                yield f"{queries.name}: {query.text!r} found {', '.join(answer.codes[:5]) or 'nothing'}"


def main() -> None:
    parser = argparse.ArgumentParser(description="Measures the search, and prints Markdown.")
    parser.add_argument("workbook", nargs="?", type=Path, default=WORKBOOK, help="an Excel export of real size")
    parser.add_argument("--queries", type=Path, default=QUERIES, help="natural queries, in the form of queries.toml")
    parser.add_argument("--beside", type=Path, metavar="CHECKOUT", help="another checkout to compare with")
    parser.add_argument("--tune", action="store_true", help="measure the half for tuning, and list its misses")
    parser.add_argument("--lexical", action="store_true", help="do not measure hybrid search")
    parser.add_argument(
        "--vectors", type=Path, metavar="FILE", help="vectors of an earlier run; written if it is missing"
    )
    parser.add_argument(
        "--only",
        action="append",
        metavar="SET",
        help="only this set, such as 'one typo', or alone: texts; may be repeated",
    )
    options = parser.parse_args()
    if not options.workbook.is_file():
        print(f"Skipped: it measures a workbook of real size, and {options.workbook} is missing.")
        return
    with_vectors = not options.lexical and has_encoder()
    if options.only == ["texts"]:
        print(*texts_report(options.workbook, options.vectors, "tune" if options.tune else "report"), sep="\n")
        return
    contestants = [Contestant("lexical", ROOT), Contestant("hybrid", ROOT, True, options.vectors)]
    if not with_vectors:
        contestants.pop()
    if options.beside:
        contestants.insert(0, Contestant("before", options.beside.resolve()))
    dataset = read_workbook(options.workbook)
    sets = [item for item in make_sets(dataset, options.queries) if not options.only or item.name in options.only]
    results = {contestant.name: measure(contestant, options.workbook, dataset, sets) for contestant in contestants}
    print(*report(sets, results, "tune" if options.tune else "report"), sep="\n")
    if options.tune:
        print("", *misses(sets, results[contestants[-1].name]), sep="\n")
    if with_vectors and not options.only:
        print("", *texts_report(options.workbook, options.vectors, "tune" if options.tune else "report"), sep="\n")


def texts_report(workbook: Path, vectors: Path | None, half: Half) -> Iterator[str]:
    """The tables for texts of people."""
    texts = [text for text in read_texts() if text.half == half]
    with TemporaryDirectory(prefix="competent-benchmark-") as folder:
        return report_texts(texts, measure_texts(workbook, Path(folder), vectors, texts), half)


if __name__ == "__main__":
    main()
