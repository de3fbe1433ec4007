"""Measures how late the event loop is while a thread searches, and while vectors are computed; prints Markdown.

`python -m benchmarks.search.pauses`, with the extra `semantic` for all rows. It takes two minutes.
"""

import argparse
import asyncio
import threading
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import closing, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from benchmarks.lateness import lateness
from benchmarks.search import worker
from benchmarks.search.__main__ import WORKBOOK
from benchmarks.search.metrics import percentile
from benchmarks.search.sets import make_sets
from graphql_api.competent.declarations import OCCUPATIONAL_PROFILE
from graphql_api.index.index import Index
from graphql_api.index.index_file import IndexFile
from graphql_api.index.semantic.embedder import has_encoder
from graphql_api.sandbox.excel import read_workbook
from graphql_api.server.uvicorn_server import tune_gc

SETS = ("natural queries", "two typos", "exact names")
MOST = 144
"""Queries of each set."""


async def rows(file: IndexFile, texts: Sequence[str], seconds: float, vectors: Path | None) -> AsyncIterator[str]:
    """Yield the rows of the table."""
    tune_gc()  # as the server does
    yield "| meanwhile | searches | p50, ms | p99, ms | CPU, ms | longest delay, ms | p99, ms | most CPU between two passes, ms |"
    yield "|---|---:|---:|---:|---:|---:|---:|---:|"
    with closing(Index(file)) as index:
        await index.query(index.search.search, "x", None, None, 0, 1)
        async with lateness() as late:
            await asyncio.sleep(seconds)
        yield row("nothing", [], 0.0, late)
        yield await searching("lexical searches", index, index.search.search, texts)
        if has_encoder():
            async with lateness() as late:
                await asyncio.to_thread(compute_vectors, file.path, seconds)
            yield row("vectors are computed", [], 0.0, late)
            hybrid = await asyncio.to_thread(worker.hybrid_search, file.path, str(vectors) if vectors else None)
            await index.query(hybrid.search, "x", None, None, 0, 1)
            yield await searching("hybrid searches", index, hybrid.search, texts)


async def searching(name: str, index: Index, search: Callable[..., Any], texts: Sequence[str]) -> str:
    """Search for all texts, one after the other, in the threads of the index."""
    took: list[float] = []
    used = time.process_time()
    async with lateness() as late:
        for text in texts:
            start = time.perf_counter()
            await index.query(search, text, {OCCUPATIONAL_PROFILE}, None, 0, 10)
            took.append((time.perf_counter() - start) * 1000)
    return row(name, took, (time.process_time() - used) * 1000, late)


def row(name: str, took: Sequence[float], cpu: float, late: Any) -> str:
    searches = [f"{percentile(took, share):.1f}" for share in (50, 99)] if took else ["", ""]
    searches.append(f"{cpu / len(took):.1f}" if took else "")
    delays = [delay * 1000 for delay in late.delays]
    pauses = max(delays), percentile(delays, 99), max(late.others) * 1000
    return f"| {name} | {len(took) or ''} | {' | '.join(searches)} | {' | '.join(f'{value:.1f}' for value in pauses)} |"


def compute_vectors(index: Path, seconds: float) -> None:
    """Compute vectors as the server does, for some seconds."""
    from graphql_api.index.semantic.progress import Stopped, VectorProgress
    from graphql_api.index.semantic.sentence_encoder import SentenceEncoder
    from graphql_api.index.semantic.vector_builder import read_meaning

    stopping = threading.Event()
    timer = threading.Timer(seconds, stopping.set)
    timer.start()
    with suppress(Stopped):
        read_meaning(index, SentenceEncoder(), VectorProgress(stopping))
    timer.cancel()


async def main() -> None:
    parser = argparse.ArgumentParser(description="Measures how long others wait for searches, and prints Markdown.")
    parser.add_argument("workbook", nargs="?", type=Path, default=WORKBOOK, help="an Excel export of real size")
    parser.add_argument(
        "--seconds", type=float, default=15.0, help="seconds without searches, and of computing vectors"
    )
    parser.add_argument("--vectors", type=Path, metavar="FILE", help="vectors of an earlier run; written if missing")
    options = parser.parse_args()
    if not options.workbook.is_file():
        print(f"Skipped: it measures a workbook of real size, and {options.workbook} is missing.")
        return
    sets = make_sets(read_workbook(options.workbook))
    texts = [query.text for one in sets if one.name in SETS for query in one.queries[:MOST]]
    with TemporaryDirectory(prefix="competent-benchmark-") as folder:
        file = IndexFile(Path(folder), "benchmark", "1.0")
        worker.write_part(str(options.workbook), file)
        file.finish(file.begin())
        async for line in rows(file, texts, options.seconds, options.vectors):
            print(line, flush=True)


if __name__ == "__main__":
    asyncio.run(main())
