"""Crawls of few profiles of the sandbox: the upstream, the store and the indexes of a test."""

import asyncio
from collections import Counter
from pathlib import Path
from typing import Any

from graphql_api.competent.fetch import Fetched
from graphql_api.index import IndexRegistry
from graphql_api.index.index_file import IndexFile
from graphql_api.index.registry import Mode
from graphql_api.observability.fetch_context import FetchContext, Priority
from graphql_api.sandbox import Faults, Releases, create_sandbox
from graphql_api.settings import Settings
from graphql_api.store import Store
from graphql_api.store.freshness import FreshnessPolicy
from graphql_api.store.memory import Memory
from graphql_api.upstream import Upstream
from graphql_api.upstream.transport import AsgiTransport
from tests.conftest import NoJitter
from tests.few_profiles import few_profiles

SETTINGS = Settings()
PROFILES, COMPETENCES = len(few_profiles()[0].profiles), len(few_profiles()[0].competences)
PROFILE = "/releases/3.11/occupationalprofiles/c57a845b-4637-5441-86da-4ef6e8f30ea8"
OTHER_PROFILE = "/releases/3.11/occupationalprofiles/980c10b3-efea-5117-bbd4-627014aecb35"
COMPETENCE = "/releases/3.11/technicalcompetences/8c15a1bf-9699-43ae-b890-f79ac3e5f461"
ATTEMPTS = 3
"""How often a crawl requests a document that fails."""


class World:
    """A sandbox, a store over it, and indexes over that; several times over one folder, as after restarts."""

    def __init__(self, releases: Releases, folder: Path) -> None:
        self.faults = Faults()
        self.requested: list[str] = []
        self.folder = folder
        self._sandbox = create_sandbox(releases, faults=self.faults, requests=self.requested)
        self._started: list[IndexRegistry] = []

    def start(self, *, mode: Mode = "need", patient: bool = True) -> IndexRegistry:
        upstream = Upstream(AsgiTransport(self._sandbox, SETTINGS), SETTINGS, random=NoJitter())

        async def fetch(path: str, _: FetchContext, *validators: Any) -> Fetched:
            return await upstream.fetch(path, FetchContext(Priority.CRAWL), *validators)

        self.store = store = Store(fetch, FreshnessPolicy(1e9, 300), Memory(0))
        started = IndexRegistry(
            store.get_uncached,
            self.folder,
            lambda release: "api",
            mode=mode,
            patient=patient,
            page_size=500,
            concurrency=2,
        )
        self._started.append(started)
        return started

    def file(self, release: str = "3.11") -> IndexFile:
        return IndexFile(self.folder, "api", release)

    def documents(self) -> Counter[str]:
        """How often each profile and competence was requested."""
        return Counter(path for path in self.requested if "?" not in path and path.count("/") == 4)

    async def until(self, count: int) -> None:
        while len(self.documents()) < count:
            await asyncio.sleep(0)

    async def aclose(self) -> None:
        self.faults.clear()
        for item in self._started:
            await item.aclose()
