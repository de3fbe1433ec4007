"""Measures filters, facets and lists of values on made-up profiles: 650 as in a real release, and ten times as many.

    .venv/bin/python -m benchmarks.lists [PROFILES …]

Each operation has other values each time, so that no response is cached. Times are CPU time of the whole process, from the bytes
of a request to those of its response.
"""

import asyncio
import gc
import sys
import time
from dataclasses import replace
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from uuid import UUID

import httpx

from graphql_api.app import create_app
from graphql_api.sandbox import Releases, create_sandbox
from graphql_api.sandbox.dataset import Classification, Concept, Dataset, Item, Profile, Term, texts
from graphql_api.sandbox.document_store import documents_in_memory
from graphql_api.settings import Settings

SIZES = (650, 6_500)
RUNS, WARM_UP = 200, 20
SECTORS, AREAS, PROOFS, GROUPS, COMPETENCES = 240, 40, 180, 430, 200
"""Numbers of values of a release of real size."""
FACETS = (
    "facets { economicSectors { count value { code title { nl } } } areasOfInterest { count value { code title { nl } } } "
    "proofsOfLearning { count value { code } } classifications(level: 2) { count value { code } } }"
)
OPERATIONS = {
    "filter of 9 values": "totalCount nodes { code title { nl } }",
    "filter of 9 values, by title": "totalCount nodes { code title { nl } }",
    "filter of 9 values, all facets": f"totalCount nodes {{ code title {{ nl }} }} {FACETS}",
}
LISTS = {
    "economic sectors with counts": "economicSectors { code title { nl } profileCount }",
    "areas of interest with counts and profiles": (
        "areasOfInterest { code profileCount occupationalProfiles(first: 3) { nodes { code } } }"
    ),
    "three levels of ISCO-08 with counts": (
        "classifications { code uri profileCount narrower { code profileCount narrower { code profileCount } } }"
    ),
}


def dataset(profiles: int, random: Random) -> Dataset:
    """A release whose profiles have as many values each as in a real one."""

    def uuid() -> str:
        return str(UUID(int=random.getrandbits(128)))

    def terms(prefix: str, count: int) -> list[Term]:
        return [
            Term(uuid(), f"{prefix}-{number}", texts(f"term {number}", f"terme {number}")) for number in range(1, count)
        ]

    sectors, areas, proofs = terms("ES", SECTORS), terms("AI", AREAS), terms("PL", PROOFS)
    groups = [f"{number}" for number in random.sample(range(1000, 9999), GROUPS)]
    competences = []
    for number in range(COMPETENCES):
        skill = Concept(uuid(), f"SK-{number}", {"description": texts(f"vaardigheid {number}")})
        competences.append(Concept(uuid(), f"CP-{number}", related={"skill": (skill,)}))
    made = []
    for number in range(profiles):
        title = [f"beroep {random.randrange(10**6)} {language}" for language in ("nl", "fr", "en", "de")]
        related: dict[str, tuple[Concept | Item, ...]] = {
            "essentialCompetences": tuple(random.sample(competences, 3)),
            "economicSectors": tuple(random.sample(sectors, random.randint(2, 7))),
            "areasOfInterest": tuple(random.sample(areas, random.randint(1, 2))),
            "proofsOfLearning": tuple(random.sample(proofs, random.randint(0, 2))),
            "classifications": tuple(
                Classification("ISCO08", code) for code in random.sample(groups, random.randint(1, 2))
            ),
        }
        named = texts(*(text if random.random() < 0.8 else None for text in title))
        made.append(Profile(uuid(), f"OP-{number}", {"title": named}, {}, related))
    return Dataset("1.0", "2026-01-01", tuple(made), tuple(competences))


async def measure(profiles: int, folder: Path) -> dict[str, list[float]]:
    """Milliseconds of CPU of each run, by operation."""
    random = Random(profiles)  # noqa: S311  # made-up data
    releases = Releases([documents_in_memory(dataset(profiles, random))])
    settings = replace(
        Settings(), cache_dir=folder, index="start", embeddings="off", operation_timeout=600.0, queue_timeout=600.0
    )
    app = create_app(settings, create_sandbox(releases))
    transport = httpx.ASGITransport(app)
    times: dict[str, list[float]] = {}
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url="http://server.test", timeout=600) as client,
    ):
        await app.state.services.indexes.ready("1.0")
        gc.freeze()
        gc.set_threshold(100_000, 50, 50)  # as in `competent-graphql serve`

        async def ask(name: str, query: str) -> None:
            start = time.process_time()
            response = await client.post("/graphql", json={"query": query})
            times.setdefault(name, []).append((time.process_time() - start) * 1000)
            assert "errors" not in response.json(), response.text[:500]

        await ask(
            "first filter after the start",
            f"{{ occupationalProfiles(filter: {{ has: [NL] }}) {{ {OPERATIONS['filter of 9 values']} }} }}",
        )
        for run in range(WARM_UP + RUNS):
            if run == WARM_UP:
                times = {name: [] if run_times[1:] else run_times for name, run_times in times.items()}
            for name, selection in OPERATIONS.items():
                arguments = f"filter: {_filter(random)}" + (", orderBy: { field: TITLE }" if "title" in name else "")
                await ask(name, f"{{ occupationalProfiles({arguments}, first: 20) {{ {selection} }} }}")
            for name, selection in LISTS.items():
                await ask(name, f"{{ release {{ run{run}: isCurrent {selection} }} }}")
    releases.close()
    return times


def _filter(random: Random) -> str:
    sectors = ", ".join(f'"ES-{random.randrange(1, SECTORS)}"' for _ in range(4))
    areas = ", ".join(f'"AI-{random.randrange(1, AREAS)}"' for _ in range(2))
    prefixes = ", ".join(f'"{random.randrange(1, 100)}"' for _ in range(2))
    condition = random.choice((f"sectors: [{sectors}]", f"areasOfInterest: [{areas}]", f"iscoPrefix: [{prefixes}]"))
    return f"{{ {condition}, has: [NL, FR, EN] }}"


def main() -> None:
    sizes = [int(size) for size in sys.argv[1:]] or SIZES
    results = {}
    for size in sizes:
        with TemporaryDirectory() as folder:
            results[size] = asyncio.run(measure(size, Path(folder)))
    print("| operation, ms of CPU | " + " | ".join(f"{size:,}: median | worst of 100" for size in sizes) + " |")
    print("|---" * (1 + 2 * len(sizes)) + "|")
    for name in results[sizes[0]]:
        cells = []
        for size in sizes:
            runs = sorted(results[size][name])
            cells += [f"{runs[len(runs) // 2]:.1f}", f"{runs[int(len(runs) * 0.99)]:.1f}"]
        print(f"| {name} | " + " | ".join(cells) + " |")


if __name__ == "__main__":
    main()
