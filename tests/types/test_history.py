"""History, successors and predecessors of concepts over the indexed releases, and codes that moved, in GraphQL."""

import asyncio
import shutil
import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from graphql_api.competent.declarations import CONCEPT_TYPES
from graphql_api.index import index as index_module
from graphql_api.index.semantic.embedder import NoVectors
from graphql_api.sandbox import Releases
from graphql_api.settings import Settings
from tests.conftest import PATIENT, Server, running
from tests.index_statements import record_statements

HISTORY = "history { release { number } exists changedFields }"
SUCCESSION = "{ evidence score concept { __typename code uuid release { number } } }"


@pytest.fixture(scope="module")
def folder(few_releases: Releases, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cache folder with the indexes of three releases."""
    path = tmp_path_factory.mktemp("three-releases")

    async def index() -> None:
        async with running(few_releases, replace(Settings(), index="need", cache_dir=path, **PATIENT)) as server:
            for number in ("3.9", "3.10", "3.11"):
                await server.app.state.services.indexes.ready(number)

    asyncio.run(index())
    return path


@pytest.fixture(params=["on", "off"])
async def server(
    request: pytest.FixtureRequest, few_releases: Releases, settings: Settings, folder: Path
) -> AsyncIterator[Server]:
    """A server to which nothing has been sent; compiled queries and graphql-core must give the same responses."""
    async with running(few_releases, replace(settings, cache_dir=folder, compiled_queries=request.param)) as started:
        yield started


def presence(concept: dict[str, Any]) -> dict[str, bool]:
    return {one["release"]["number"]: one["exists"] for one in concept["history"]}


async def test_history_lists_the_releases_with_a_concept(server: Server) -> None:
    query = (
        f"""query ($r: String!) {{ occupationalProfiles(first: 100, release: $r) {{ nodes {{ uuid {HISTORY} }} }} }}"""
    )
    nodes = {
        number: (await server.ask(query, {"r": number}))["occupationalProfiles"]["nodes"]
        for number in ("3.9", "3.10", "3.11")
    }
    uuids = {number: {node["uuid"] for node in of_release} for number, of_release in nodes.items()}

    assert len({frozenset(one) for one in uuids.values()}) == 3
    for of_release in nodes.values():
        for node in of_release:
            assert presence(node) == {number: node["uuid"] in uuids[number] for number in ("3.9", "3.10", "3.11")}


async def test_changed_fields_in_history_equal_those_of_changes(server: Server) -> None:
    query = f"""{{ release {{ changes(since: "3.10", kinds: [CHANGED], first: 500) {{ nodes {{
      changedFields after {{ {HISTORY} }} }} }} }} }}"""
    changes = (await server.ask(query))["release"]["changes"]["nodes"]
    same = [change for change in changes if "uuid" not in change["changedFields"]]

    assert len(same) > 5
    assert all(change["after"]["history"][-1]["changedFields"] == change["changedFields"] for change in same)
    others = [change["after"]["history"] for change in changes if change not in same]
    assert others
    assert all(not one[1]["exists"] and one[2]["changedFields"] == [] for one in others)


async def test_a_merged_profile_is_replaced_by_the_profile_with_its_name(server: Server) -> None:
    query = f"""query ($release: String!, $code: String!) {{ occupationalProfile(code: $code, release: $release) {{
      replacedBy {SUCCESSION} replaces {SUCCESSION} }} }}"""
    data = [
        (await server.ask(query, {"release": release, "code": code}))["occupationalProfile"]
        for release, code in (("3.9", "OP-116"), ("3.11", "OP-113"), ("3.10", "OP-113"), ("3.9", "OP-113"))
    ]
    (successor,), (predecessor,) = data[0]["replacedBy"], data[1]["replaces"]

    assert successor["concept"]["code"] == "OP-113"
    assert successor["concept"]["release"] == {"number": "3.11"}
    assert successor["evidence"] == "LABEL"
    assert 0.55 <= successor["score"] < 1
    assert predecessor["concept"]["code"] == "OP-116"
    assert predecessor["concept"]["release"] == {"number": "3.10"}
    assert (predecessor["evidence"], predecessor["score"]) == (successor["evidence"], successor["score"])
    assert data[1]["replacedBy"] is None  # 3.11 is the newest
    assert [(one["evidence"], one["score"], one["concept"]["code"]) for one in data[2]["replacedBy"]] == [
        ("UUID", 1.0, "OP-113")
    ]
    assert data[2]["replaces"] == []
    assert data[3]["replaces"] is None  # 3.9 is the oldest


async def test_a_new_uuid_with_the_same_code_is_a_successor_by_code(server: Server) -> None:
    query = f"""{{ release {{ changes(since: "3.10", types: [KNOWLEDGE], kinds: [CHANGED], first: 100) {{ nodes {{
      changedFields before {{ code uuid replacedBy {SUCCESSION} }} after {{ uuid replaces {SUCCESSION} }} }} }} }} }}"""
    changes = (await server.ask(query))["release"]["changes"]["nodes"]
    renumbered = [change for change in changes if "uuid" in change["changedFields"]]

    assert renumbered
    for change in renumbered:
        (successor,), (predecessor,) = change["before"]["replacedBy"], change["after"]["replaces"]
        assert (successor["evidence"], successor["concept"]["uuid"]) == ("CODE", change["after"]["uuid"])
        assert (predecessor["evidence"], predecessor["concept"]["uuid"]) == ("CODE", change["before"]["uuid"])


async def test_every_concept_type_has_history_and_successors(server: Server) -> None:
    selected = f"code {HISTORY} replacedBy {SUCCESSION} replaces {SUCCESSION}"
    for type in CONCEPT_TYPES:
        all_of = (
            f'{type.listing}(release: "3.10") {{ {selected} }}'
            if type.listed
            else f'{type.listing}(first: 5, release: "3.10") {{ nodes {{ {selected} }} }}'
        )
        data = (await server.ask(f"{{ all: {all_of} }}"))["all"]
        for concept in data if type.listed else data["nodes"]:
            assert presence(concept)["3.10"]
            assert isinstance(concept["replacedBy"], list)
            assert isinstance(concept["replaces"], list)


async def test_history_takes_one_statement_per_100_concepts_and_no_upstream_call(
    few_releases: Releases, settings: Settings, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    statements = record_statements(monkeypatch)
    query = f"""query ($first: Int) {{ behaviouralIndicators(first: $first, release: "3.10") {{ nodes {{
      code {HISTORY} replacedBy {{ evidence score concept {{ code }} }} replaces {SUCCESSION} }} }} }}"""
    async with running(few_releases, replace(settings, cache_dir=folder, compiled_queries="off")) as server:
        counts = {}
        for first in (40, 240):
            await server.ask(query, {"first": 1})  # compares the releases
            server.upstream_paths()
            for index in server.app.state.services.indexes._open.values():
                index._lookups = index_module.LookupCache()
            statements.clear()
            nodes = (await server.ask(query, {"first": first}))["behaviouralIndicators"]["nodes"]
            assert len(nodes) == first
            counts[first] = len(statements)
            assert server.upstream_paths() == []

    assert counts[40] <= 2 + 3  # the page, and one for each release
    assert counts[240] <= 2 + 3 * 3


async def test_history_covers_only_indexed_releases(few_releases: Releases, settings: Settings, tmp_path: Path) -> None:
    query = f"""query ($release: String!) {{ occupationalProfile(code: "OP-113", release: $release) {{
      {HISTORY} replacedBy {SUCCESSION} replaces {SUCCESSION} }} }}"""
    async with running(few_releases, replace(settings, cache_dir=tmp_path)) as server:
        alone = [(await server.ask(query, {"release": "3.11"}))["occupationalProfile"] for _ in range(3)]
        assert alone == [alone[0]] * 3
        assert presence(alone[0]) == {"3.11": True}
        assert (alone[0]["replacedBy"], alone[0]["replaces"]) == (None, None)
        assert server.app.state.services.indexes.state("3.10") == {"state": "missing"}

        older = (await server.ask(query, {"release": "3.10"}))["occupationalProfile"]  # builds its own index
        assert presence(older) == {"3.10": True, "3.11": True}
        newer = (await server.ask(query, {"release": "3.11"}))["occupationalProfile"]  # not the cached response
        assert presence(newer) == {"3.10": True, "3.11": True}
        assert [one["concept"]["code"] for one in newer["replaces"]] == ["OP-116"]


async def test_without_an_index_of_its_release_each_field_has_an_error(
    few_releases: Releases, settings: Settings, tmp_path: Path
) -> None:
    query = f'{{ occupationalProfile(code: "OP-113") {{ code {HISTORY} replacedBy {SUCCESSION} }} }}'
    async with running(few_releases, replace(settings, cache_dir=tmp_path, index="off")) as server:
        answer = (await server.post(query)).json()

    assert answer["data"]["occupationalProfile"] == {"code": "OP-113", "history": None, "replacedBy": None}
    assert [error["extensions"]["code"] for error in answer["errors"]] == ["NOT_INDEXED_YET"] * 2


async def test_responses_are_cached_for_as_long_as_those_of_the_current_release(server: Server) -> None:
    query = '{{ occupationalProfile(code: "OP-113", release: "3.10") {{ {0} }} }}'
    pinned, with_history = [
        (await server.post(query.format(selected))).headers["cache-control"] for selected in ("code", HISTORY)
    ]

    assert pinned == f"public, max-age={int(Settings().release_max_age)}"
    assert with_history == f"public, max-age={int(Settings().current_max_age)}"


async def test_latest_concepts_come_from_the_newest_release_with_them(server: Server) -> None:
    query = f"""query ($refs: [ConceptRef!]!, $release: String!) {{ latestConcepts(refs: $refs, release: $release) {{
      __typename code release {{ number }} replacedBy {SUCCESSION} }} }}"""
    ended = (await server.ask('{ occupationalProfile(code: "OP-116", release: "3.9") { id uuid } }'))[
        "occupationalProfile"
    ]
    refs = [{"code": "op-113"}, {"code": "OP-116"}, {"uuid": ended["uuid"]}, {"id": ended["id"]}, {"code": "OP-9999"}]
    body = (await server.post(query, {"refs": refs, "release": "3.11"})).json()
    *existing, missing = body["data"]["latestConcepts"]

    assert [(one["code"], one["release"]["number"]) for one in existing] == [
        ("OP-113", "3.11"),
        *[("OP-116", "3.10")] * 3,
    ]
    assert existing[0]["replacedBy"] is None
    assert existing[1]["replacedBy"][0]["concept"]["code"] == "OP-113"
    assert missing is None
    (error,) = body["errors"]
    assert (error["extensions"]["code"], error["path"]) == ("BAD_USER_INPUT", ["latestConcepts", 4])
    assert (
        error["message"]
        == "`refs[4]`: release 3.11 has no concept with the code 'OP-9999'. Nor has any earlier release that is indexed."
    )

    older = (await server.ask(query, {"refs": refs[:2], "release": "3.9"}))["latestConcepts"]
    assert {one["release"]["number"] for one in older} == {"3.9"}
    assert await server.codes(query, {"refs": refs[:1] * 501, "release": "3.11"}) == ["BAD_USER_INPUT"]
    assert await server.codes(query, {"refs": refs[:2], "release": "9.9"}) == ["RELEASE_NOT_FOUND"] * 2


async def test_history_skips_incomplete_indexes_and_builds_no_vectors(
    few_releases: Releases, settings: Settings, folder: Path, tmp_path: Path
) -> None:
    """Vectors of releases that are only compared would take memory for nothing."""
    shutil.copytree(folder / "index", tmp_path / "index")
    (file,) = (tmp_path / "index").glob("3.9-*.sqlite")
    with closing(sqlite3.connect(file)) as connection, connection:
        connection.execute("INSERT INTO missing VALUES ('/releases/3.9/x', 'UPSTREAM_TIMEOUT')")
    started: list[str] = []

    class Vectors:
        def start(self, path: Path) -> NoVectors:
            started.append(path.name.partition("-")[0])
            return NoVectors.NOT_READY

        def close(self) -> None:
            """A vectorizer without a thread."""

    async with running(few_releases, replace(settings, cache_dir=tmp_path)) as server:
        server.app.state.services.indexes._vectors = Vectors()
        concept = (await server.ask(f'{{ occupationalProfile(code: "OP-113") {{ {HISTORY} }} }}'))[
            "occupationalProfile"
        ]
        assert presence(concept) == {"3.10": True, "3.11": True}
        assert started == ["3.11"]
        await server.ask('{ search(text: "poetshulp", release: "3.10") { totalCount } }')
        await server.ask('{ search(text: "bakker", release: "3.10") { totalCount } }')
        assert started == ["3.11", "3.10"]
