"""Quality and speed of searches: recall, reciprocal rank, empty results, percentiles."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from benchmarks.search.sets import Query

CUTOFFS = (1, 5, 10)


class Answer(NamedTuple):
    """The codes of the first hits, best first, and the milliseconds that the search took."""

    codes: Sequence[str]
    milliseconds: float


class Quality(NamedTuple):
    """Shares of the queries, from 0 to 1.

    `recall`: by cutoff, those with an acceptable concept among the first hits; one is enough. `mrr`: the mean of 1 divided by
    the rank of the first acceptable concept, 0 beyond the last cutoff. `empty`: those without any hit.
    """

    recall: dict[int, float]
    mrr: float
    empty: float


def quality(queries: Sequence[Query], answers: Sequence[Answer]) -> Quality:
    """The quality of the answers to queries, of which there is at least one."""
    ranks = [_rank(query, answer) for query, answer in zip(queries, answers, strict=True)]
    count = len(ranks)
    return Quality(
        {cutoff: sum(0 < rank <= cutoff for rank in ranks) / count for cutoff in CUTOFFS},
        sum(1 / rank for rank in ranks if rank) / count,
        sum(not answer.codes for answer in answers) / count,
    )


def _rank(query: Query, answer: Answer) -> int:
    """The position of the first acceptable concept, from 1; 0 if it is beyond the last cutoff."""
    codes = answer.codes[: CUTOFFS[-1]]
    return next((rank for rank, code in enumerate(codes, 1) if code in query.acceptable), 0)


def percentile(values: Iterable[float], percent: int) -> float:
    """The smallest of the values that at least `percent` % of them do not exceed."""
    ordered = sorted(values)
    return ordered[max(0, -(-len(ordered) * percent // 100) - 1)]
