"""The cold part: the nested operation without cached documents, with a slow upstream.

The ideal waits once per level of links: for the profile, then for all its competences together.
"""

import time
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

import httpx
import orjson

from benchmarks.speed.client import Client
from benchmarks.speed.contestants import Contestant
from benchmarks.speed.operations import NESTED, drawn
from benchmarks.speed.upstream import Upstream
from graphql_api.sandbox.document_store import ReleaseDocuments
from graphql_api.sandbox.serializers import COMPETENCES, PROFILES
from graphql_api.settings import Settings

DELAY = 0.03
"""Seconds added to each response of upstream."""
LEVELS = 2
PROFILES_ASKED, WARMING = 20, 5
"""Number of measured profiles, and of earlier ones with which each server compiles the operation and opens connections."""


class Cold(NamedTuple):
    """Results of one server: median and maximum response time in milliseconds, requests, and necessary documents."""

    label: str
    ours: bool
    median: float
    longest: float
    requests: int
    documents: int


def measure(
    contestants: Iterable[Contestant], release: ReleaseDocuments, upstream: Upstream, folder: Path
) -> list[Cold]:
    """Measure one server after the other with the same profiles."""
    uuids = profiles(release)
    _open(upstream, {path for profile in uuids for path in needed(profile, release.number)})
    return [
        _cold(value, uuids, release.number, upstream, folder / f"cold-{at}") for at, value in enumerate(contestants)
    ]


def profiles(release: ReleaseDocuments) -> list[Any]:
    """Profiles with several competences, but not more documents than can be requested concurrently."""
    every = (
        orjson.loads(release.document(PROFILES, orjson.loads(item)["id"]) or b"") for item in release.items(PROFILES)
    )
    usable = {
        item["id"]: item for item in every if 5 <= len(item["essentialCompetences"]) <= Settings().upstream_concurrency
    }
    return [usable[uuid] for uuid in drawn(list(usable), WARMING + PROFILES_ASKED)]


def needed(profile: Any, number: str) -> set[str]:
    """The paths of the documents in the nested response."""
    return {
        f"/releases/{number}/{PROFILES}/{profile['id']}",
        *(f"/releases/{number}/{COMPETENCES}/{competence['id']}" for competence in profile["essentialCompetences"]),
    }


def _open(upstream: Upstream, paths: Iterable[str]) -> None:
    """Have upstream open its files before the measurement, which would otherwise slow down the first server."""
    with ThreadPoolExecutor(16) as pool:
        for _ in pool.map(lambda path: httpx.get(upstream.url + path).raise_for_status(), paths):
            pass


def _cold(contestant: Contestant, profiles: Sequence[Any], number: str, upstream: Upstream, folder: Path) -> Cold:
    times, requests, documents = list[float](), 0, 0
    seen: set[str] = set()
    with contestant.start(upstream.url, folder) as serving, Client(serving.url) as client:
        for position, profile in enumerate(profiles):
            upstream.requested_paths()
            body = orjson.dumps({"query": NESTED, "variables": {"uuid": profile["id"], "release": number}})
            took = client.timed(body)
            paths = needed(profile, number)
            if position >= WARMING:
                times.append(took * 1000)
                time.sleep(0.01)  # upstream logs a request after its response
                requests += len(upstream.requested_paths())
                documents += len(paths - seen)
            seen |= paths
    return Cold(contestant.label, contestant.ours, median(times), max(times), requests, documents)
