"""Conditions under which two servers are compared: data, upstream faults and freshness of documents."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import graphql
from graphql import GraphQLSchema

from graphql_api.sandbox import Releases, create_sandbox
from graphql_api.settings import Settings
from tests.execution.compiled.argument_values import SampleValues
from tests.execution.compiled.operations import Shapes
from tests.execution.compiled.shared_upstream import Damage, Upstream
from tests.execution.compiled.two_servers import ClientRequest, Reply, Twins, twins
from tests.variants.mutated_sandbox import Original, as_it_is

LONG = 600.0
PATIENT = {
    "queue_timeout": LONG,
    "operation_timeout": LONG,
    "upstream_attempt_timeout": LONG,
    "upstream_total_timeout": LONG,
}
"""Timeouts that even a slow machine never reaches."""
WIDE = {"upstream_rate_limit": 0, "operation_calls": 100_000, "upstream_concurrency": 1000}
"""Limits so high that the order of calls does not matter."""
ALWAYS_STALE = {"release_ttl": 0.0, "current_ttl": 0.0}
ALWAYS_EXPIRED = ALWAYS_STALE | {"stale_ttl": 0.0}
SCHEMA: GraphQLSchema = graphql.build_schema((Path(__file__).parents[3] / "schema.graphql").read_text(encoding="utf-8"))
SHAPES = Shapes(SCHEMA)


class Data:
    """Releases, argument values from them, and a folder with their indexes; shared by all scenarios."""

    def __init__(self, original: Original, numbers: tuple[str, ...], samples: SampleValues, settings: Settings) -> None:
        self.original = original
        self.numbers = numbers
        self.samples = samples
        self.settings = settings
        self.empty = (settings.cache_dir or Path()) / "empty"

    @classmethod
    async def of(cls, folder: Path, releases: Releases) -> "Data":
        """Create the data of these releases; the caller closes them."""
        original = Original(create_sandbox(releases))
        settings = replace(Settings(), index="need", cache_dir=folder, **PATIENT, **WIDE)
        async with twins(settings, settings, Upstream(original), *releases.numbers) as pair:
            return cls(original, releases.numbers, await SampleValues.of(pair.first), settings)


@dataclass(frozen=True)
class Scenario:
    """Conditions that apply to both servers."""

    name: str
    damaged: bool = False
    index: str = "open"
    """`open`, `there` (on disk, opened on first use) or `off`."""
    settings: dict[str, Any] = field(default_factory=dict)
    forgets: bool = False
    """True if documents are evicted; which ones are fetched again then depends on their last use."""
    moves: bool = False
    """True if another release becomes current between two rounds."""

    @asynccontextmanager
    async def twins(self, data: Data, seed: int, *switches: dict[str, Any]) -> AsyncIterator[tuple[Twins, Upstream]]:
        """Run two servers that differ in these settings, and their shared upstream."""
        upstream = Upstream(data.original, Damage(seed) if self.damaged else as_it_is, "3.11" if self.moves else None)
        settings = replace(data.settings, **self.settings)
        if self.index == "off":  # and without existing indexes
            settings = replace(settings, index="off", cache_dir=data.empty)
        one, other = (replace(settings, **switch) for switch in switches)
        async with twins(one, other, upstream, *(data.numbers if self.index == "open" else ())) as pair:
            pair.upstream_too = not self.forgets
            yield pair, upstream


SCENARIOS = (
    Scenario("all is well"),
    Scenario("damaged documents", damaged=True),
    Scenario("damaged documents, more so", damaged=True),
    Scenario("no index", index="off"),
    Scenario("damaged documents and no index", damaged=True, index="off"),
    Scenario("an index that is not open yet", index="there"),
    Scenario("all that is stored is stale", settings=ALWAYS_STALE),
    Scenario("damaged and stale", damaged=True, settings=ALWAYS_STALE),
    Scenario("nothing is stored for long", damaged=True, settings=ALWAYS_EXPIRED),
    Scenario("current moves", settings={"current_ttl": 0.0, "stale_ttl": 0.0}, moves=True),
)
"""The scenarios of every test run."""
MORE_SCENARIOS = (
    *SCENARIOS,
    Scenario("little memory for documents", forgets=True, settings={"document_cache_bytes": 30_000}),
    Scenario("no memory for documents", damaged=True, settings={"document_cache_bytes": 0}),
    Scenario("little room for responses", settings={"response_cache_bytes": 20_000}),
    Scenario("short pages", damaged=True, settings={"upstream_page_size": 2}),
    Scenario("short pages and no index", index="off", settings={"upstream_page_size": 2}),
    Scenario("incremental delivery", damaged=True, settings={"incremental": "on"}),
    Scenario("a subgraph", settings={"federation": "on"}),
    Scenario("little is allowed", settings={"max_cost": 100}),
)


def otherwise(request: ClientRequest) -> ClientRequest:
    """The same document with inverted Boolean variables and other languages."""
    turned = {
        name: not value if isinstance(value, bool) else value for name, value in (request.variables or {}).items()
    }
    languages = {"": "fr", "fr": "en, nl"}.get(request.headers.get("accept-language", ""), "")
    headers = {name: value for name, value in request.headers.items() if name != "accept-language"}
    return replace(
        request,
        variables=None if request.variables is None else turned,
        headers=headers | ({"accept-language": languages} if languages else {}),
    )


@dataclass
class Round:
    """The results of running operations repeatedly on two servers."""

    differences: list[str] = field(default_factory=list)
    """Differences between the servers, each with its operation."""
    replies: list[tuple[ClientRequest, Reply]] = field(default_factory=list)


async def rounds(pair: Twins, upstream: Upstream, requests: Sequence[ClientRequest]) -> Round:
    """Run all operations twice, so that the second round uses the caches, then with other variables and with ETags.

    The first round sends half of them to the fast path too, so that it fills the response cache; the second sends all.
    """
    result = Round()
    for repeat in range(2):
        for position, item in enumerate(requests):
            differ = await pair.ask(item, fast=repeat == 1 or position % 2 == 0)
            result.differences += [f"{'again ' * repeat}{difference}\n  {item}" for difference in differ]
            assert pair.last is not None
            result.replies.append((item, pair.last))
        if upstream.current:
            upstream.current = "3.10"
    for item in map(otherwise, requests):
        result.differences += [f"otherwise: {difference}\n  {item}" for difference in await pair.ask(item)]
    for item in requests:
        if item.get:
            result.differences += [f"with the tag: {difference}\n  {item}" for difference in await pair.ask_again(item)]
    return result
