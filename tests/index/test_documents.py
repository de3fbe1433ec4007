"""Normalised documents in an index: each is read again as the store had it, however it was embedded elsewhere."""

import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import UUID

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from graphql_api.competent.declarations import (
    CONCEPT_TYPES,
    KNOWLEDGE,
    OCCUPATIONAL_PROFILE,
    SKILL,
    SOFT_SKILL,
    TECHNICAL_COMPETENCE,
    ConceptType,
)
from graphql_api.competent.hal import Document
from graphql_api.index.concepts import by_code, listed
from graphql_api.index.documents import CHUNK, all_documents, compressed, document, documents
from graphql_api.index.indexer import Indexer
from graphql_api.index.tables import TYPES, DamagedIndex
from graphql_api.sandbox import Releases
from graphql_api.sandbox.excel import read_workbook
from graphql_api.sandbox.serializers import Bodies
from tests.index.crawls import World
from tests.index.small_indexes import normalised, small, written_index
from tests.index.test_search_real import WORKBOOKS, needs_data

ROUTED_TYPES = [type for type in CONCEPT_TYPES if type.route is not None]


def uuid(n: int) -> str:
    return str(UUID(int=n))


def row_id(connection: sqlite3.Connection, type: ConceptType, id: str) -> int:
    sql = "SELECT n FROM concept WHERE concept_type = ? AND uuid = ?"
    return int(connection.execute(sql, (type.number, id)).fetchone()[0])


@pytest.mark.slow
@pytest.mark.parametrize("release", ["3.10", "3.11"])
async def test_every_document_of_a_release_equals_the_stored_one(
    release: str, releases: Releases, tmp_path: Path
) -> None:
    world = World(releases, tmp_path)
    try:
        index = await world.start().get(release)
        for type in ROUTED_TYPES:
            assert type.route is not None
            by_place = [item.uuid for item in await index.query(listed, type, 0, 1000)]
            stored = [await world.store.get_uncached(type.route.path(release, item)) for item in by_place]

            assert len(stored) > 10
            assert await index.query(lambda connection, type=type: [*all_documents(connection, type)]) == stored
            assert [await index.query(document, type, item) for item in by_place] == stored
    finally:
        await world.aclose()


@pytest.mark.slow
async def test_blocks_equal_the_embedded_ones(releases: Releases, tmp_path: Path) -> None:
    world = World(releases, tmp_path)
    try:
        index = await world.start().get("3.11")
        for competence in await index.query(lambda connection: [*all_documents(connection, TECHNICAL_COMPETENCE)]):
            assert await index.query(document, SKILL, UUID(competence["skill"]["id"])) == competence["skill"]
            for item in competence["knowledgeItems"]:
                assert await index.query(document, KNOWLEDGE, UUID(item["id"])) == item
    finally:
        await world.aclose()


@pytest.mark.real
@needs_data
@pytest.mark.parametrize("release", WORKBOOKS)
def test_every_document_of_a_workbook_is_read_back_unchanged(release: str) -> None:
    bodies = Bodies(read_workbook(WORKBOOKS[release]))
    documents = [
        (type, normalised(type, id, **orjson.loads(body)))
        for type in reversed(ROUTED_TYPES)
        for id, body, _ in bodies.collection(type.name)
    ]
    with written_index(*documents) as connection:
        results = {
            (type, document["id"]): document for type in ROUTED_TYPES for document in all_documents(connection, type)
        }
    assert results == {(type, value["id"]): value for type, value in documents}


TEXT = st.sampled_from([None, {"nl": "a"}, {"nl": "b", "fr": "c"}])
CODE = st.sampled_from([None, "X-1", "X-2"])


def forms(ids: tuple[int, ...], **keys: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    """Random values for any of the keys of a concept."""
    return st.fixed_dictionaries({"id": st.sampled_from([uuid(n) for n in ids])}, optional={"code": CODE, **keys})


BLOCK = forms((1, 2), description=TEXT, regions=st.sampled_from([[], ["VLAANDEREN"]]))
COMPETENCE = forms((11, 12), skill=BLOCK, knowledgeItems=st.lists(BLOCK, max_size=3))
SOFT = forms((31, 32), title=TEXT)
PROFILE = forms(
    (21, 22),
    title=TEXT,
    essentialCompetences=st.lists(COMPETENCE, max_size=3),
    specificCompetences=st.lists(COMPETENCE, max_size=2),
    softSkills=st.lists(SOFT, max_size=2),
)
RELEASE = st.lists(
    st.one_of(
        st.tuples(st.just(TECHNICAL_COMPETENCE.name), COMPETENCE),
        st.tuples(st.just(OCCUPATIONAL_PROFILE.name), PROFILE),
        st.tuples(st.just(SOFT_SKILL.name), SOFT),
    ),
    unique_by=lambda item: (item[0], item[1]["id"]),
    max_size=6,
)
BY_NAME = {type.name: type for type in CONCEPT_TYPES}


@pytest.mark.slow
@given(RELEASE, st.integers(0, 6))
def test_documents_in_any_order_and_form_are_exact_also_after_a_restart(
    release: list[tuple[str, dict[str, Any]]], restart: int
) -> None:
    complete = [(BY_NAME[name], normalised(BY_NAME[name], raw["id"], **raw)) for name, raw in release]
    with small() as index:
        for batch in (complete[:restart], complete[restart:]):
            writer = Indexer(index.connection)
            for type, value in batch:
                writer.add(type, value)
            writer.commit()
        connection = index.finish()
        for type, item in complete:
            assert document(connection, type, UUID(item["id"])) == item
            assert documents(connection, [row_id(connection, type, item["id"])]) != {}


def profile(**raw: Any) -> tuple[ConceptType, Document]:
    return OCCUPATIONAL_PROFILE, normalised(OCCUPATIONAL_PROFILE, uuid(1), code="OP-1", **raw)


EMBEDDED = {"id": uuid(2), "code": "CP-1", "skill": {"id": uuid(3), "code": "SK-1", "description": "Weld"}}
SOFT_EMBEDDED = {"id": uuid(4), "code": "SS-1", "title": "Patience"}


def test_an_embedded_competence_has_no_document_until_its_own_is_read() -> None:
    one = profile(essentialCompetences=[EMBEDDED])
    documents = normalised(TECHNICAL_COMPETENCE, uuid(2), **EMBEDDED, knowledgeItems=[{"id": uuid(5), "code": "KN-1"}])
    with written_index(one) as connection:
        assert document(connection, TECHNICAL_COMPETENCE, UUID(uuid(2))) is None
        assert [*all_documents(connection, TECHNICAL_COMPETENCE)] == []
        concepts = by_code(connection, [(TECHNICAL_COMPETENCE, "CP-1")])
        assert concepts[TECHNICAL_COMPETENCE, "CP-1"].item["skill"]["code"] == "SK-1"

        (writer := Indexer(connection)).add(TECHNICAL_COMPETENCE, documents)
        writer.commit()
        assert document(connection, TECHNICAL_COMPETENCE, UUID(uuid(2))) == documents
        assert document(connection, OCCUPATIONAL_PROFILE, UUID(uuid(1))) == one[1]


@pytest.mark.parametrize("known_first", [True, False])
def test_a_soft_skill_listed_and_embedded_is_one_with_its_own_document(known_first: bool) -> None:
    listed = SOFT_SKILL, normalised(SOFT_SKILL, uuid(4), **SOFT_EMBEDDED, regions=["VLAANDEREN"])
    one = profile(softSkills=[SOFT_EMBEDDED])
    with written_index(*((listed, one) if known_first else (one, listed))) as connection:
        assert connection.execute(
            "SELECT count(*) FROM concept WHERE concept_type = ?", (SOFT_SKILL.number,)
        ).fetchone() == (1,)
        assert [*all_documents(connection, SOFT_SKILL)] == [listed[1]]
        assert [*all_documents(connection, OCCUPATIONAL_PROFILE)] == [one[1]]


def test_a_document_rewritten_after_a_restart_is_not_duplicated() -> None:
    listed = normalised(SOFT_SKILL, uuid(4), **SOFT_EMBEDDED, regions=["VLAANDEREN"])
    with written_index(profile(softSkills=[SOFT_EMBEDDED]), (SOFT_SKILL, listed)) as connection:
        bodies = connection.execute("SELECT count(*) FROM document").fetchone()
        for _ in range(3):
            (writer := Indexer(connection)).add(SOFT_SKILL, listed)
            writer.commit()
        assert connection.execute("SELECT count(*) FROM document").fetchone() == bodies


def test_an_equal_embedded_concept_is_stored_once() -> None:
    profiles = [
        (OCCUPATIONAL_PROFILE, normalised(OCCUPATIONAL_PROFILE, uuid(n), essentialCompetences=[EMBEDDED]))
        for n in range(100, 120)
    ]
    with written_index(*profiles) as connection:
        assert connection.execute("SELECT count(*) FROM document").fetchone() == (20 + 1,)


def test_all_documents_are_read_in_pieces_of_bounded_size() -> None:
    profiles = [
        (OCCUPATIONAL_PROFILE, normalised(OCCUPATIONAL_PROFILE, uuid(n + 10), code=f"OP-{n}", title=f"title {n}"))
        for n in range(2 * CHUNK + 1)
    ]
    with written_index(*profiles) as connection:
        statements: list[str] = []
        stored = all_documents(connection, OCCUPATIONAL_PROFILE)
        connection.set_trace_callback(lambda sql: statements.append(sql.split("FROM")[1].split()[0]))

        assert [next(stored)["code"] for _ in range(CHUNK)] == [f"OP-{n}" for n in range(CHUNK)]
        assert statements.count("document") == 1
        assert [result["code"] for result in stored] == [f"OP-{n}" for n in range(CHUNK, 2 * CHUNK + 1)]
        assert statements.count("document") == 3


def test_a_concept_that_does_not_exist_has_no_document() -> None:
    with written_index(profile()) as connection:
        assert document(connection, OCCUPATIONAL_PROFILE, UUID(uuid(9))) is None
        assert documents(connection, [999]) == {}


def no_rows(connection: sqlite3.Connection) -> None:
    connection.execute("DELETE FROM document")


def no_embedded(connection: sqlite3.Connection) -> None:
    connection.execute("DELETE FROM concept WHERE concept_type = ?", (SKILL.number,))


def zeros(connection: sqlite3.Connection) -> None:
    connection.execute("UPDATE document SET body = zeroblob(length(body))")


def cut_off(connection: sqlite3.Connection) -> None:
    connection.execute("UPDATE document SET body = substr(body, 1, length(body) - 5)")


def text(connection: sqlite3.Connection) -> None:
    connection.execute("UPDATE document SET body = 'text'")


def circle(connection: sqlite3.Connection) -> None:
    """A document embeds itself."""
    (last,) = connection.execute("SELECT max(n) FROM document").fetchone()
    body = compressed({"id": uuid(1), "essentialCompetences": [-last]})
    connection.execute("UPDATE document SET body = ? WHERE n = ?", (body, last))


def no_json(connection: sqlite3.Connection) -> None:
    connection.execute("UPDATE concept SET item = '{' WHERE concept_type = ?", (SKILL.number,))


@pytest.mark.parametrize("damage", [no_rows, no_embedded, zeros, cut_off, text, circle, no_json])
def test_a_damaged_document_is_a_damaged_index(damage: Callable[[sqlite3.Connection], None]) -> None:
    competence = TECHNICAL_COMPETENCE, normalised(TECHNICAL_COMPETENCE, uuid(2), **EMBEDDED, knowledgeItems=[])
    with written_index(competence, profile(essentialCompetences=[EMBEDDED])) as connection:
        damage(connection)
        with pytest.raises(DamagedIndex):
            [document for type in TYPES.values() for document in all_documents(connection, type)]
