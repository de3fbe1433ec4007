"""Measures a release as exported and with 1,000 profiles and 20,000 competences, in one run; prints Markdown.

    .venv/bin/python -m benchmarks.sizes [WORKBOOK]

Each step runs in a process of its own. Times are CPU time of the whole process, from a request to its response. A pause is the
CPU time that passes while the event loop does not run, so work of other processes does not count.
"""

import asyncio
import gc
import resource
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import replace
from itertools import pairwise
from multiprocessing import get_context
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import NamedTuple, ParamSpec, TypeVar

import httpx
import orjson

from benchmarks.larger import larger
from benchmarks.speed.varied import varied
from graphql_api.app import create_app
from graphql_api.sandbox import Releases, create_sandbox
from graphql_api.sandbox.document_store import ReleaseDocuments, read_documents, write_documents
from graphql_api.sandbox.excel import read_workbook
from graphql_api.sandbox.serializers import PROFILES
from graphql_api.server.uvicorn_server import tune_gc
from graphql_api.services import open_sandbox
from graphql_api.settings import Settings

P = ParamSpec("P")
T = TypeVar("T")

WORKBOOK = Path(__file__).resolve().parents[2] / "shared" / "data" / "competent-export-3.27.xlsx"
DOCUMENTS, SOURCE, EXPORT = "documents.sqlite", "sizes", "release.ndjson"
MOST = 60
"""Requests of each kind, for other profiles each."""
MEGABYTE = 1_000_000

SEARCH = """query($text: String!) {
    search(text: $text, first: 10) { totalCount edges { match { marked } node { __typename } } } }"""
SUGGEST = "query($text: String!) { suggest(prefix: $text, first: 10) { text marked concept { code } } }"
GAP = """query($from: ConceptRef!, $to: ConceptRef!) {
    competenceGap(from: $from, to: $to) { coverage missing { technicalCompetences { code } } } }"""
SIMILAR = """query($code: String!) {
    occupationalProfile(code: $code) { similarProfiles(first: 5) { score profile { code } } } }"""
MATCHES = """query($have: [ConceptRef!]!) {
    profilesForCompetences(have: $have, first: 5) { totalCount nodes { coverage profile { code } } } }"""
FACETS = """query($isco: [String!]!) { occupationalProfiles(filter: { iscoPrefix: $isco }, first: 10) { totalCount nodes { code }
    facets { areasOfInterest { count value { code } } economicSectors { count value { code } } } } }"""


class Request(NamedTuple):
    """A request of GraphQL by its body, or of a page by its path."""

    path: str
    body: bytes | None = None


def graphql(query: str, **variables: object) -> Request:
    return Request("/graphql", orjson.dumps({"query": query, "variables": variables}))


def requests(release: ReleaseDocuments) -> Iterator[tuple[str, Sequence[Request]]]:
    """The requests of each kind, for profiles drawn evenly from the release."""
    items = [orjson.loads(item) for item in release.items(PROFILES)]
    items = items[:: max(1, len(items) // MOST)][:MOST]
    titles = [next(filter(None, item["title"].values())) for item in items]
    codes = [item["code"] for item in items]
    yield "search, two words", [graphql(SEARCH, text=" ".join(sorted(title.split(), key=len)[-2:])) for title in titles]
    yield "suggest", [graphql(SUGGEST, text=title[:5]) for title in titles]
    pairs = pairwise(codes)
    yield "gap", [graphql(GAP, **{"from": {"code": one}, "to": {"code": other}}) for one, other in pairs]
    yield "similar", [graphql(SIMILAR, code=code) for code in codes]
    documents = (orjson.loads(release.document(PROFILES, item["id"]) or b"{}") for item in items)
    held = [[{"code": one["code"]} for one in document["essentialCompetences"][:20]] for document in documents]
    yield "profilesForCompetences", [graphql(MATCHES, have=have) for have in held if have]
    yield "filter and facets", [graphql(FACETS, isco=[str(group)]) for group in range(10, 100)]
    yield "page of an occupation", [Request(f"/nl/occupations/{code}") for code in codes]
    yield "varied", [Request("/graphql", body) for body in varied(release, Random(17)).bodies[: 4 * MOST]]  # noqa: S311
    yield "export, NDJSON", [Request(f"/export/{release.number}.ndjson")]


def prepare(folder: Path, workbook: Path, is_larger: bool) -> dict[str, float]:
    """Write the documents of a release; returns how many it has."""
    gc.disable()
    dataset = read_workbook(workbook)
    if is_larger:
        dataset = larger(dataset, profiles=1_000, competences=20_000)
    start = time.process_time()
    write_documents(dataset, folder / DOCUMENTS, SOURCE)
    counts = {"profiles": len(dataset.profiles), "technical competences": len(dataset.competences)}
    return counts | {"documents written, s": time.process_time() - start}


class Heartbeat:
    """Records the pauses of the event loop, in milliseconds of CPU time of the process."""

    def __init__(self) -> None:
        self.pauses: list[float] = []
        self._task = asyncio.create_task(self._beat())

    async def _beat(self) -> None:
        while True:
            began, used = time.perf_counter(), time.process_time()
            await asyncio.sleep(0.001)
            passed = min(time.perf_counter() - began - 0.001, time.process_time() - used)
            self.pauses.append(passed * 1000)

    def stop(self) -> dict[str, float]:
        self._task.cancel()
        return {"longest pause, ms": max(self.pauses), "pauses over 50 ms": sum(pause > 50 for pause in self.pauses)}


@asynccontextmanager
async def serving(
    folder: Path, data: tuple[Path, ...] = ()
) -> AsyncIterator[tuple[httpx.AsyncClient, ReleaseDocuments]]:
    """A server over `data`, which it converts, or by default over the documents in the folder; with a client."""
    settings = replace(
        Settings(),
        data=data,
        cache_dir=folder,
        index="start",
        embeddings="off",
        operation_timeout=600.0,
        queue_timeout=600.0,
    )
    releases = open_sandbox(settings) if data else Releases([_prepared_documents(folder)])
    app = create_app(settings, create_sandbox(releases))
    tune_gc()
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://server.test", timeout=600) as client,
    ):
        yield client, releases.current


def _prepared_documents(folder: Path) -> ReleaseDocuments:
    documents = read_documents(folder / DOCUMENTS, SOURCE)
    assert documents is not None, "the step before wrote them"
    return documents


async def send(client: httpx.AsyncClient, request: Request) -> float:
    """Send a request; returns the milliseconds of CPU until its response has arrived."""
    start = time.process_time()
    if request.body is None:
        response = await client.get(request.path)
    else:
        response = await client.post(request.path, content=request.body, headers={"Content-Type": "application/json"})
    took = (time.process_time() - start) * 1000
    if response.status_code != 200 or b'"errors"' in response.content[:200]:
        raise SystemExit(f"{request.path}: {response.text[:500]}")
    return took


def first_start(folder: Path) -> dict[str, float]:
    """Start without an index, until the first search is answered."""
    return asyncio.run(_first_start(folder))


async def _first_start(folder: Path) -> dict[str, float]:
    start = time.process_time()
    async with serving(folder) as (client, _):
        heartbeat = Heartbeat()
        await send(client, graphql(SEARCH, text="lasser"))
        costs = {"first search after the documents, s": time.process_time() - start, **heartbeat.stop()}
        await asyncio.sleep(1)  # memory is returned soon after
        costs["memory then, MB"] = resident()
    index = max((folder / "index").glob("*.sqlite"), key=lambda file: file.stat().st_size)
    return costs | {"peak memory, MB": peak(), "index file, MB": index.stat().st_size / MEGABYTE}


def second_start(folder: Path) -> dict[str, float]:
    """Start with an index, then send requests of all kinds."""
    return asyncio.run(_second_start(folder))


async def _second_start(folder: Path) -> dict[str, float]:
    start = time.process_time()
    async with serving(folder) as (client, documents):
        await send(client, graphql(SEARCH, text="lasser"))
        costs = {"second start until a search, s": time.process_time() - start}
        for name, requests_of_kind in requests(documents):
            times = sorted([await send(client, request) for request in requests_of_kind])
            costs[f"{name}, ms"] = times[len(times) // 2]
        costs["memory after all these, MB"] = resident()
        export = await client.get(f"/export/{documents.number}.ndjson")
        (folder / EXPORT).write_bytes(export.content)
    return costs


def conversion(folder: Path) -> dict[str, float]:
    """Start with an export of the release that is not converted yet, until the first search is answered."""
    return asyncio.run(_conversion(folder))


async def _conversion(folder: Path) -> dict[str, float]:
    async with serving(folder / "converted", (folder / EXPORT,)) as (client, _):
        await send(client, graphql(SEARCH, text="lasser"))
        await asyncio.sleep(1)  # memory is returned soon after
        return {"memory of the process that converted, MB": resident(), "its peak, MB": peak()}


def resident() -> float:
    """The memory of this process in MB."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize() / MEGABYTE


def peak() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / MEGABYTE


def apart(step: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Run a step in a separate process and return its result."""
    with ProcessPoolExecutor(1, get_context("spawn")) as process:
        result = process.submit(step, *args, **kwargs).result()
    print(result, file=sys.stderr, flush=True)
    return result


def measure(workbook: Path, is_larger: bool) -> Mapping[str, float]:
    with TemporaryDirectory(prefix="competent-sizes-") as name:
        folder = Path(name)
        costs = apart(prepare, folder, workbook, is_larger)
        for step in (first_start, second_start, conversion):
            costs |= apart(step, folder)
        return costs


def main() -> None:
    workbook = Path(sys.argv[1]) if sys.argv[1:] else WORKBOOK
    if not workbook.is_file():
        print(f"Skipped: it measures a workbook of real size, and {workbook} is missing.")
        return
    real, large = measure(workbook, False), measure(workbook, True)
    print("| | as exported | larger | ratio |\n|---|---:|---:|---:|")
    for name, value in real.items():
        ratio = f"{large[name] / value:.1f}" if value else ""
        print(f"| {name} | {figure(value)} | {figure(large[name])} | {ratio} |")


def figure(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 or value == int(value) else f"{value:.1f}"


if __name__ == "__main__":
    main()
