"""The varied part: requests that differ, so that each has to be executed. All documents are in memory.

What differs between requests is the combination of operation and profile (`varied`), the id of a profile written into the text
(`literals`), white space, comments and the name of the operation (`spelling`), or the fields (`new shapes`). No request is sent
twice, except that `literals` has one text per profile, in turn.
"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from itertools import islice
from pathlib import Path
from random import Random
from statistics import mean
from typing import NamedTuple

import orjson

from benchmarks.speed.client import Client, ask_all
from benchmarks.speed.contestants import Contestant
from benchmarks.speed.equality import Unequal
from benchmarks.speed.load import Driver, Load, middle
from benchmarks.speed.operations import NESTED, TINY, uuids
from benchmarks.speed.processes import Serving, resident
from benchmarks.speed.warm import Lasts
from graphql_api.competent.values import LANGUAGES
from graphql_api.sandbox.document_store import ReleaseDocuments
from graphql_api.sandbox.serializers import PROFILES

OPERATIONS = 200
"""Number of generated operations."""
MAX_REQUESTS = 26_000
"""Maximum number of requests of one run; a faster server sends the first ones again."""
COMPARED = 60
"""Number of requests whose responses are compared between servers."""


class Requests(NamedTuple):
    """Different bodies of requests; unless they `repeat`, each is sent in one run only."""

    name: str
    bodies: Sequence[bytes]
    repeat: bool = False

    def of_run(self, run: int, runs: int) -> Sequence[bytes]:
        """The bodies of one of several runs."""
        return self.bodies if self.repeat else self.bodies[run::runs][:MAX_REQUESTS]


class Varied(NamedTuple):
    """Results of one server: the load of each kind of requests, and its memory at the end in MB."""

    label: str
    ours: bool
    loads: dict[str, Load]
    memory: float


def requests(release: ReleaseDocuments) -> list[Requests]:
    """All kinds of requests, over all profiles of a release."""
    ids, number = uuids(release, PROFILES), release.number
    random = Random(17)  # noqa: S311  # a sample
    return [
        varied(release, random),
        Requests("literals", [_literal(TINY, uuid, number) for uuid in ids], repeat=True),
        Requests("spelling", list(islice(_spelled(ids, number), 5 * MAX_REQUESTS))),
        Requests("new shapes", list(islice(_new_shapes(random, ids, number), MAX_REQUESTS))),
    ]


def varied(release: ReleaseDocuments, random: Random) -> Requests:
    """Generated operations on all profiles, no pair of them twice."""
    ids = uuids(release, PROFILES)
    documents = [document(random, "query Varied($uuid: UUID!, $release: String!)") for _ in range(OPERATIONS)]
    pairs = [(text, ids[(row + 7 * at) % len(ids)]) for row in range(len(ids)) for at, text in enumerate(documents)]
    return Requests("varied", [_body(text, uuid, release.number) for text, uuid in pairs])


def document(random: Random, head: str) -> str:
    """A random selection of a profile that all servers support."""
    parts = [
        _text(random, "title"),
        "essentialCompetences { "
        + " ".join(
            _some(
                random,
                "code",
                f"skill {{ code {_text(random, 'description')} }}",
                f"knowledgeItems {{ code {_text(random, 'description')} }}",
                f"behaviouralIndicators {{ code {_text(random, 'description')} }}",
            )
        )
        + " }",
    ]
    return (
        f"{head} {{ {_alias(random)}occupationalProfile(uuid: $uuid, release: $release) {{ code {' '.join(parts)} }} }}"
    )


def _text(random: Random, name: str) -> str:
    return f"{_alias(random)}{name} {{ {' '.join(_some(random, *LANGUAGES))} }}"


def _some(random: Random, *choices: str) -> list[str]:
    return random.sample(choices, random.randint(1, len(choices)))


def _alias(random: Random) -> str:
    return random.choice(("", f"{random.choice('abcdefgh')}{random.randint(1, 9)}: "))


def _body(text: str, uuid: str, release: str) -> bytes:
    return orjson.dumps({"query": text, "variables": {"uuid": uuid, "release": release}})


def _literal(text: str, uuid: str, release: str) -> bytes:
    """The operation with its variables written into the text."""
    selection = text.partition("{\n")[2].replace("$uuid", f'"{uuid}"').replace("$release", f'"{release}"')
    return orjson.dumps({"query": f"{{\n{selection}"})


def _spelled(ids: Sequence[str], release: str) -> Iterator[bytes]:
    for at in range(len(ids) * 1_000):
        text = TINY.replace("Tiny", f"Tiny{at}").replace("{ code", "{" + " " * (at % 9 + 1) + f"# {at}\ncode")
        yield _body(text, ids[at % len(ids)], release)


def _new_shapes(random: Random, ids: Sequence[str], release: str) -> Iterator[bytes]:
    for at in range(len(ids) * 1_000):
        text = document(random, "query Shape($uuid: UUID!, $release: String!)").replace(" code", f" n{at}: code", 1)
        yield _body(text, ids[at % len(ids)], release)


def measure(
    contestants: Iterable[Contestant], release: ReleaseDocuments, upstream: str, folder: Path, lasts: Lasts
) -> tuple[list[Varied], dict[str, float]]:
    """Measure all servers in turn; returns their loads and the mean sizes of responses. Raises Unequal."""
    folder.mkdir()
    driver, kinds, sizes = Driver(folder), requests(release), dict[str, float]()
    with ExitStack() as stack:
        started = [
            (value, stack.enter_context(value.start(upstream, folder / f"server-{position}")), dict[str, Load]())
            for position, value in enumerate(contestants)
        ]
        for _, serving, _ in started:
            _read_all(serving, release)
        for sent in kinds:
            sizes[sent.name] = _compare([(value.label, serving) for value, serving, _ in started], sent)
            results: list[list[Load]] = [[] for _ in started]
            for run in range(lasts.runs):
                for (_, serving, _), loads in zip(started, results, strict=True):
                    loads.append(driver.run(serving, sent.of_run(run, lasts.runs), lasts.seconds))
            for (item, _, by_name), loads in zip(started, results, strict=True):
                by_name[sent.name] = load = middle(loads)
                print(
                    f"{sent.name:10} {item.label:60} {load.per_second:10,.0f}/s {load.per_cpu_second:10,.0f}/s of CPU",
                    flush=True,
                )
        return [
            Varied(value.label, value.ours, loads, resident(serving.pid)) for value, serving, loads in started
        ], sizes


def _read_all(serving: Serving, release: ReleaseDocuments) -> None:
    """Have a server read all profiles and competences."""
    ask_all(serving.url, [_body(NESTED, uuid, release.number) for uuid in uuids(release, PROFILES)])


def _compare(servers: Sequence[tuple[str, Serving]], sent: Requests) -> float:
    """The mean size of responses in bytes; raises Unequal if servers give different ones."""
    step = max(1, len(sent.bodies) // COMPARED)
    arguments = []
    for _, serving in servers:
        with Client(serving.url) as client:
            arguments.append([client.data(body) for body in sent.bodies[::step]])
    for (label, _), data in zip(servers, arguments, strict=True):
        if data != arguments[0]:
            raise Unequal(f"{sent.name} is answered differently by {servers[0][0]} and {label}")
    return mean(len(orjson.dumps(data)) for data in arguments[0])
