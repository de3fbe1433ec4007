"""Compares variants of the upstream: the responses of a server, and the index that a crawl writes."""

import sqlite3
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, closing, suppress
from dataclasses import replace
from hashlib import blake2s
from pathlib import Path
from typing import Any

import orjson

from graphql_api.errors import UpstreamError
from graphql_api.execution.documents import Documents
from graphql_api.execution.engine import Engine
from graphql_api.execution.limits import DEFAULTS
from graphql_api.execution.operations import Executed, Refused, Request, decoded
from graphql_api.execution.schema import build_schema
from graphql_api.http.pages.examples import values
from graphql_api.index import tables
from graphql_api.index.crawler import Crawler, CrawlProgress
from graphql_api.index.tables import LANGUAGES, SEARCHED, TYPES, parts
from graphql_api.sandbox import Releases, create_sandbox
from graphql_api.schema.types.text import Language
from graphql_api.services import Services
from graphql_api.settings import Settings
from tests.variants.mutated_sandbox import Mutated, Mutation, Original, Values
from tests.variants.operations import VARIABLES, BoundQuery, bound_queries, leaves

PAGE_SIZE = 4
RELEASES = ("3.11", "3.10")
OURS = {"INTERNAL_SERVER_ERROR", None}
"""Error codes of bugs in this server, which must not occur whatever the upstream does."""

_FIELDS = {number: name for fields in SEARCHED.values() for name, number in fields.items() if name != "skill"}
"""Names of searched fields by number; competences are searched by the description of their skill."""
_ROLES = {value.role: name for type in TYPES.values() for name, value in parts(type).items()}
_TERMS = ("economicSectors", "areasOfInterest", "proofsOfLearning")

Leaves = dict[tuple[Any, ...], Any]


class World:
    """What all variants share: schema, sandbox, queries, and the responses without mutations."""

    def __init__(self, cache_dir: Path, releases: Releases) -> None:
        self.schema, self.limits = build_schema(), replace(DEFAULTS, tokens=10_000, cost=10_000_000)
        self.documents = Documents(self.schema.core_schema, self.limits)
        self.original = Original(create_sandbox(releases))
        self.cache_dir = cache_dir
        self.queries: dict[str, BoundQuery] = {}
        self.answers: dict[str, Leaves] = {}
        self.tables: Leaves = {}

    async def prepare(self) -> None:
        """Run all queries on the unchanged sandbox."""

        async def ask(query: str, variables: dict[str, Any] | None = None) -> Executed:
            return decoded(await self.engine(services).execute(Request(query, variables)))

        async with self.services(()) as services:
            self.queries = bound_queries(await values(ask, ("NL",)), (await ask(VARIABLES)).data or {})
            self.tables = await self.crawl(services, *RELEASES)
            self.answers = await self.ask(services, (), *self.queries)

    @asynccontextmanager
    async def services(
        self, mutations: Sequence[Mutation], rows: Leaves | None = None, index: str = "need"
    ) -> AsyncIterator[Services]:
        """The services over a variant, created for this event loop, with the indexes that match `rows`."""
        folder = self.cache_dir / _digest(rows)  # equal rows share their indexes
        settings = replace(Settings(), index=index, cache_dir=folder, upstream_page_size=PAGE_SIZE)
        services = Services(settings, Mutated(self.original, mutations))
        try:
            yield services
        finally:
            await services.aclose()

    async def ask(self, services: Services, mutations: Sequence[Mutation], *names: str) -> dict[str, Leaves]:
        """The responses of a variant to the named queries; fails if one has an error code of `OURS`."""
        return {name: await self._answer(services, mutations, *self.queries[name]) for name in names}

    async def _answer(self, services: Services, mutations: Sequence[Mutation], text: str, variables: Values) -> Leaves:
        for mutation in mutations:
            variables = mutation.variables(variables)
        request = Request(text, variables, languages=(Language.FR, Language.NL))
        response = await self.engine(services).execute(request)
        assert not isinstance(response, Refused), response.errors
        answer = decoded(response)
        codes = {tuple(error["path"]): error["extensions"].get("code") for error in answer.errors}
        assert not OURS & set(codes.values()), answer.errors
        return leaves(answer.data) | codes

    def engine(self, services: Services) -> Engine:
        """An engine over a variant, on graphql-core; all have the same prepared documents."""
        engine = Engine(self.schema, services, self.limits, compiled=False)
        engine.documents = self.documents
        return engine

    def lost(self, answers: Mapping[str, Leaves]) -> set[tuple[Any, ...]]:
        """Query and path of all leaves that differ from the responses without mutations."""
        return {(name, *path) for name, item in answers.items() for path in differences(self.answers[name], item)}

    async def crawl(self, services: Services, *releases: str) -> Leaves:
        """The index rows that crawls of releases write, without row ids; none for a release that cannot be crawled."""
        rows: Leaves = {}
        for release in releases:
            with closing(sqlite3.connect(":memory:")) as connection:
                tables.create(connection)
                with suppress(UpstreamError):
                    await Crawler(connection, services.store.get_uncached, release, PAGE_SIZE, 4, CrawlProgress()).run()
                    rows |= {(release, *path): value for path, value in _rows(connection).items()}
        return rows


def differences(before: Leaves, after: Leaves) -> set[tuple[Any, ...]]:
    """The paths of all leaves that differ."""
    return {path for path in before.keys() | after.keys() if before.get(path) != after.get(path)}


def _digest(rows: Leaves | None) -> str:
    return blake2s(repr(sorted((rows or {}).items(), key=repr)).encode(), digest_size=8).hexdigest()


def _rows(connection: sqlite3.Connection) -> Leaves:
    rows = connection.execute("SELECT n, concept_type, uuid FROM concept")
    concepts = {n: f"{TYPES[concept_type]} {uuid}" for n, concept_type, uuid in rows}
    by_path: Leaves = {}
    for n, code, facts, item in connection.execute("SELECT n, code, facts, item FROM concept"):
        by_path[concepts[n], "code"] = code
        by_path[concepts[n], "item"] = orjson.dumps(orjson.loads(item), option=orjson.OPT_SORT_KEYS)
        for key, value in orjson.loads(facts).items():
            # A term is identified by its code or, without one, by its uuid.
            by_path |= leaves(value, (concepts[n], key, *(["code"] if key in _TERMS else [])))
    for container, role, member in connection.execute("SELECT * FROM embeds"):
        by_path[concepts[container], _ROLES[role], concepts[member]] = True
    for concept, field, language, text in connection.execute("SELECT * FROM text"):
        by_path[concepts[concept], _FIELDS[field], LANGUAGES[language], text] = True
    for profile, scheme, uuid, code in connection.execute("SELECT profile, scheme, uuid, code FROM term"):
        by_path[concepts[profile], scheme, uuid or code, "code"] = code
    for profile, modified in connection.execute("SELECT * FROM modified"):
        by_path[concepts[profile], "lastModified"] = modified
    return by_path
