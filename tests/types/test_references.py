"""References to concepts in arguments: by id, uuid and code, in one release or translated from another."""

from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import UUID, uuid5

import pytest

from graphql_api.errors import NotIndexedYet
from graphql_api.index import UNKNOWN, Index
from graphql_api.sandbox import Releases
from graphql_api.sandbox.dataset import Concept, Dataset, Profile, texts
from graphql_api.sandbox.document_store import documents_in_memory
from graphql_api.schema.loaders import Loaders
from graphql_api.schema.types.global_id import NodeId
from graphql_api.settings import Settings
from tests.conftest import CP_7, Server, running
from tests.index_statements import record_statements

CONCEPTS = """query ($refs: [ConceptRef!]!, $release: String) {
  concepts(refs: $refs, release: $release) { __typename id uuid code release { number } }
}"""
MATCHES = """query ($have: [ConceptRef!]!, $release: String) {
  profilesForCompetences(have: $have, release: $release) { totalCount translated { from to by } nodes { profile { id } } }
}"""
GAP = """query ($from: ConceptRef!, $to: ConceptRef!, $release: String) {
  competenceGap(from: $from, to: $to, release: $release) {
    from { code release { number } } to { code } coverage translated { from to by }
  }
}"""
TYPES = {
    "OP-101": "OccupationalProfile",
    "CP-7": "TechnicalCompetence",
    "SK-3851": "Skill",
    "KN-799": "Knowledge",
    "SS-1": "SoftSkill",
    "DS-1": "DigitalSkill",
}


async def concepts(server: Server, *refs: dict[str, Any], release: str | None = None) -> Any:
    """Data and errors of `concepts`."""
    body = (await server.post(CONCEPTS, {"refs": refs, "release": release})).json()
    return body["data"]["concepts"], body.get("errors", [])


async def test_concepts_are_returned_in_order_by_id_uuid_and_code(server: Server) -> None:
    by_code, errors = await concepts(server, *({"code": code} for code in TYPES))
    shuffled = [
        ref
        for concept in reversed(by_code)
        for ref in ({"uuid": concept["uuid"]}, {"id": concept["id"]}, {"code": f" {concept['code'].lower()} "})
    ]
    by_all, more = await concepts(server, *shuffled)

    assert errors == more == []
    assert {concept["code"]: concept["__typename"] for concept in by_code} == TYPES
    assert by_all == [concept for concept in reversed(by_code) for _ in range(3)]
    single = await server.ask(
        f'{{ technicalCompetence(code: "CP-7") {{ id }} node(id: "{by_code[1]["id"]}") {{ id }} }}'
    )
    assert single["technicalCompetence"] == single["node"] == {"id": by_code[1]["id"]}


async def test_an_unknown_code_among_a_hundred_is_null_and_named(server: Server) -> None:
    page = (await server.ask("{ technicalCompetences(first: 99) { nodes { code } } }"))["technicalCompetences"]["nodes"]
    refs = [{"code": node["code"]} for node in page]
    refs.insert(57, {"code": "CP-99999"})

    results, (error,) = await concepts(server, *refs)

    assert [concept and concept["code"] for concept in results] == [
        None if n == 57 else ref["code"] for n, ref in enumerate(refs)
    ]
    assert error["path"] == ["concepts", 57]
    assert error["message"] == "`refs[57]`: release 3.11 has no concept with the code 'CP-99999'."
    assert error["extensions"]["code"] == "BAD_USER_INPUT"
    assert error["extensions"]["entries"] == ["refs[57]"]

    (error,) = await server.errors(MATCHES, {"have": refs})
    assert error["path"] == ["profilesForCompetences"]
    assert error["extensions"]["entries"] == ["have[57]"]


async def test_five_hundred_references_take_few_statements(
    releases: Releases, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    statements = record_statements(monkeypatch)
    async with running(releases, settings) as server:
        page = (await server.ask("{ behaviouralIndicators(first: 500) { nodes { id uuid code } } }"))[
            "behaviouralIndicators"
        ]
        refs = [{name: node[name]} for n, node in enumerate(page["nodes"]) for name in [("id", "uuid", "code")[n % 3]]]
        statements.clear()
        server.upstream_paths()

        results, errors = await concepts(server, *refs)

        assert errors == []
        assert [concept["code"] for concept in results] == [node["code"] for node in page["nodes"]]
        assert len(refs) == 500
        assert len(statements) == 5
        assert server.upstream_paths() == []


async def test_too_many_references_are_refused(server: Server) -> None:
    refs = [{"code": "CP-7"}] * 501

    for query, name in ((CONCEPTS, "refs"), (MATCHES, "have")):
        (error,) = await server.errors(query, {name: refs})
        assert error["extensions"]["code"] == "BAD_USER_INPUT"
        assert "501" in error["message"]
    assert await server.codes(MATCHES, {"have": []}) == ["BAD_USER_INPUT"]
    assert (await concepts(server))[0] == []


@pytest.mark.parametrize(
    ("ref", "code", "says"),
    [
        ({}, "BAD_USER_INPUT", "exactly one field must be specified"),
        ({"code": "CP-7", "uuid": CP_7}, "BAD_USER_INPUT", "exactly one field must be specified"),
        ({"code": None}, "BAD_USER_INPUT", "must be non-null"),
        ({"uuid": "x"}, "BAD_USER_INPUT", "Invalid UUID"),
        ("CP-7", "BAD_USER_INPUT", "to be an object"),
        ({"id": "x"}, "BAD_USER_INPUT", "not an id of this server"),
        ({"id": str(NodeId("Release", "3.11"))}, "BAD_USER_INPUT", "the id of a release"),
        ({"id": str(NodeId("Language", "3.11", UUID(CP_7)))}, "BAD_USER_INPUT", "not an id of this server"),
        ({"id": str(NodeId("Skill", "3.11", UUID(CP_7)))}, "BAD_USER_INPUT", "no skill with this id"),
        ({"uuid": str(UUID(int=7))}, "BAD_USER_INPUT", "no concept with the uuid"),
        ({"code": ""}, "BAD_USER_INPUT", "no concept with the code ''"),
        ({"code": "x" * 10_000}, "BAD_USER_INPUT", f"'{'X' * 80}…'"),
    ],
)
async def test_an_invalid_reference_is_named_and_fails_only_its_position(
    server: Server, ref: Any, code: str, says: str
) -> None:
    body = (await server.post(CONCEPTS, {"refs": [{"code": "CP-7"}, ref]})).json()

    (error,) = body["errors"]
    assert error["extensions"]["code"] == code
    assert says in error["message"]
    assert "[1]" in error["message"]
    if "data" in body:  # other types of values are refused with the variables
        assert [concept and concept["code"] for concept in body["data"]["concepts"]] == ["CP-7", None]


@pytest.mark.parametrize("type_", ["String", 'String = "CP-7"'])
@pytest.mark.parametrize("refs", ["{ code: $code }", "[{ code: $code }]"])
async def test_a_nullable_variable_in_a_reference_is_refused(server: Server, type_: str, refs: str) -> None:
    fragment = f"fragment F on Query {{ concepts(refs: {refs}) {{ code }} }}"

    for query in (f"{fragment} query ($code: {type_}) {{ ...F }}", f"query ($code: {type_}) {{ ...F }} {fragment}"):
        (error,) = await server.errors(query, {"code": "CP-7"})
        assert error["extensions"]["code"] == "GRAPHQL_VALIDATION_FAILED"
        assert "$code" in error["message"]
        in_filter = query.replace(f"concepts(refs: {refs})", "occupationalProfiles(filter: { uses: { code: $code } })")
        assert await server.codes(in_filter.replace("{ code } }", "{ totalCount } }"), {"code": "CP-7"}) == [
            "GRAPHQL_VALIDATION_FAILED"
        ]
        non_null = query.replace(type_, "String!")
        assert (await server.ask(non_null, {"code": "CP-7"}))["concepts"] == [{"code": "CP-7"}]


async def test_one_error_names_every_invalid_entry(server: Server) -> None:
    have = [{"code": "CP-7"}, *({"code": f"XX-{n}"} for n in range(7))]

    (error,) = await server.errors(MATCHES, {"have": have})

    assert error["extensions"]["entries"] == [f"have[{n}]" for n in range(1, 8)]
    assert "`have[5]`" in error["message"]
    assert "`have[6]`" not in error["message"]
    assert error["message"].endswith("2 more: see `extensions.entries`.")


async def test_the_release_comes_from_the_ids_or_the_argument(server: Server) -> None:
    query = 'query ($r: String) { concepts(refs: [{ code: "OP-101" }, { code: "OP-102" }], release: $r) { id } }'
    (old, old_goal), (new, _) = [
        (await server.ask(query, {"r": release}))["concepts"] for release in ("3.10", "current")
    ]

    async def gap(start: Any, goal: Any, release: str | None = None) -> Any:
        return (await server.ask(GAP, {"from": start, "to": goal, "release": release}))["competenceGap"]

    pinned = await gap(old, old_goal)
    assert pinned["from"]["release"]["number"] == "3.10"
    assert pinned["translated"] == []
    assert await gap(old, {"code": "OP-102"}) == pinned  # a code has no release of its own
    assert await gap({"code": "OP-101"}, {"code": "OP-102"}, "3.10") == pinned
    nested = 'query ($from: ConceptRef!) { release(number: "3.10") { competenceGap(from: $from, to: { code: "OP-102" }) { coverage } } }'
    assert (await server.ask(nested, {"from": new}))["release"]["competenceGap"]["coverage"] == pinned["coverage"]

    mixed = await gap(new, old_goal)  # of two releases: the current one
    assert mixed["from"]["release"]["number"] == "3.11"
    assert [(item["from"], item["by"]) for item in mixed["translated"]] == [(old_goal["id"], "UUID")]
    moved = await gap(old, old_goal, "current")
    assert moved["from"]["release"]["number"] == "3.11"
    assert {item["from"]: item["to"] for item in moved["translated"]}[old["id"]] == new["id"]
    assert moved["coverage"] == (await gap({"code": "OP-101"}, {"code": "OP-102"}))["coverage"]


async def test_a_release_that_does_not_exist_is_an_error_at_each_position(server: Server) -> None:
    results, errors = await concepts(server, {"code": "CP-7"}, {"code": "CP-11"}, release="9.9")

    assert results == [None, None]
    assert [(error["path"], error["extensions"]["code"]) for error in errors] == [
        (["concepts", 0], "RELEASE_NOT_FOUND"),
        (["concepts", 1], "RELEASE_NOT_FOUND"),
    ]
    assert await server.codes(MATCHES, {"have": [{"code": "CP-7"}], "release": "9.9"}) == ["RELEASE_NOT_FOUND"]


# Two small releases: what becomes of a concept from one to the next.

SPACE = UUID("6ba7b810-9dad-11d1-80b4-00c04fd430c8")


def uuid(name: str) -> str:
    return str(uuid5(SPACE, name))


def skill(name: str, code: str, nl: str, fr: str | None = None) -> Concept:
    return Concept(uuid(name), code, {"description": texts(nl, fr)})


def release(number: str, skills: list[Concept], knowledge: list[Concept]) -> Dataset:
    competences = tuple(
        Concept(
            uuid(f"CP-{n}"),
            f"CP-{n}",
            related={"skill": (item,), "knowledgeItems": tuple(knowledge), "behaviouralIndicators": ()},
        )
        for n, item in enumerate(skills)
    )
    profile = Profile(uuid("OP-1"), "OP-1", {"title": texts("Lasser")}, related={"essentialCompetences": competences})
    return Dataset(number, "2022-03-31", (profile,), competences)


OLD = release(
    "4.0",
    [
        skill("same", "SK-1", "Lassen"),
        skill("renumbered", "SK-2", "Staal snijden", "Couper de l'acier"),
        skill("retitled", "SK-3", "Metalen onderdelen polijsten"),
        skill("reused", "SK-4", "Verven"),
        skill("gone", "SK-5", "Smeden"),
        skill("shared", "SK-6", "Lezen"),
    ],
    [],
)
NEW = release(
    "4.1",
    [
        skill("same", "SK-11", "Booglassen"),
        skill("renumbered again", "SK-2", "staal SNIJDEN", "Découper"),
        skill("retitled again", "SK-3", "Metalen onderdelen poliijsten"),
        skill("other", "SK-4", "Rekenen"),
        skill("shared again", "XX-1", "Lezen"),
    ],
    [skill("of another type", "XX-1", "Leestechnieken")],
)


@pytest.fixture(scope="module")
def two_releases() -> Iterator[Releases]:
    opened = Releases([documents_in_memory(OLD), documents_in_memory(NEW)])
    yield opened
    opened.close()


@pytest.fixture
async def small_server(two_releases: Releases, settings: Settings, tmp_path: Path) -> AsyncIterator[Server]:
    async with running(two_releases, replace(settings, cache_dir=tmp_path)) as server:
        yield server


def of(name: str, number: str = "4.0") -> str:
    return str(NodeId("Skill", number, UUID(uuid(name))))


async def test_ids_of_another_release_are_translated_by_uuid_then_by_code(small_server: Server) -> None:
    names = ("same", "renumbered", "retitled", "reused", "gone")
    results, errors = await concepts(small_server, *({"id": of(name)} for name in names), release="current")

    assert [concept and concept["id"] for concept in results] == [
        of("same", "4.1"),
        of("renumbered again", "4.1"),
        of("retitled again", "4.1"),
        None,
        None,
    ]
    assert [error["path"] for error in errors] == [["concepts", 3], ["concepts", 4]]
    assert "gives its code SK-4 to another" in errors[0]["message"]
    assert "no skill with the uuid or code (SK-5)" in errors[1]["message"]
    assert {error["extensions"]["code"] for error in errors} == {"BAD_USER_INPUT"}


async def test_translations_report_source_target_and_evidence(small_server: Server) -> None:
    have = [{"id": of("same")}, {"id": of("renumbered")}, {"id": of("same")}, {"code": "SK-3"}]
    data = (await small_server.ask(MATCHES, {"have": have, "release": "4.1"}))["profilesForCompetences"]

    assert data["translated"] == [
        {"from": of("same"), "to": of("same", "4.1"), "by": "UUID"},
        {"from": of("renumbered"), "to": of("renumbered again", "4.1"), "by": "CODE"},
    ]
    assert data["totalCount"] == 1


async def test_ids_of_a_removed_release_are_resolved_only_by_uuid(small_server: Server) -> None:
    refs = [{"id": of("same", "3.9")}, {"id": of("renumbered", "3.9")}]

    results, (error,) = await concepts(small_server, *refs)

    assert results == [{**results[0], "id": of("same", "4.1"), "code": "SK-11"}, None]
    assert error["message"].startswith("`refs[1]`: release 3.9 is no longer served")
    assert error["extensions"]["entries"] == ["refs[1]"]
    data = (await small_server.ask(MATCHES, {"have": refs[:1]}))["profilesForCompetences"]
    assert data["translated"] == [{"from": of("same", "3.9"), "to": of("same", "4.1"), "by": "UUID"}]
    assert await small_server.codes(MATCHES, {"have": refs}) == ["BAD_USER_INPUT"]


@pytest.fixture
def not_indexed(monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """Releases to add whose index is not ready."""
    numbers: set[str] = set()
    ready = Loaders.index

    async def index(self: Loaders, number: str) -> Index:
        if number in numbers:
            raise NotIndexedYet("The release is being indexed.", retry_after=1.0)
        return await ready(self, number)

    monkeypatch.setattr(Loaders, "index", index)
    monkeypatch.setattr(Loaders, "look_up_cached", lambda *_: UNKNOWN)
    return numbers


async def test_without_an_index_only_the_references_fail(small_server: Server, not_indexed: set[str]) -> None:
    not_indexed.add("4.1")
    query = '{ concepts(refs: [{ code: "SK-2" }, { code: "SK-3" }]) { code } release { number } }'
    body = (await small_server.post(query)).json()

    assert body["data"] == {"concepts": [None, None], "release": {"number": "4.1"}}
    assert [(error["path"], error["extensions"]["code"]) for error in body["errors"]] == [
        (["concepts", 0], "NOT_INDEXED_YET"),
        (["concepts", 1], "NOT_INDEXED_YET"),
    ]


async def test_without_an_old_index_only_codes_of_its_release_fail(small_server: Server, not_indexed: set[str]) -> None:
    not_indexed.add("4.0")
    refs = [{"id": of("same")}, {"id": of("renumbered")}, {"code": "SK-2"}]
    results, (error,) = await concepts(small_server, *refs, release="4.1")

    assert [concept and concept["id"] for concept in results] == [
        of("same", "4.1"),
        None,
        of("renumbered again", "4.1"),
    ]
    assert (error["path"], error["extensions"]["code"]) == (["concepts", 1], "NOT_INDEXED_YET")
    assert await small_server.codes(MATCHES, {"have": refs, "release": "4.1"}) == ["NOT_INDEXED_YET"]


async def test_a_code_of_two_types_is_an_error_that_names_both(small_server: Server) -> None:
    results, (error,) = await concepts(small_server, {"code": "XX-1"}, {"uuid": uuid("shared again")})

    assert results[0] is None
    assert results[1]["__typename"] == "Skill"
    assert error["message"] == (
        "`refs[0]`: concepts of the types Skill and Knowledge share the code 'XX-1' in release 4.1; pass the `id` of one of them."
    )
    assert error["extensions"]["entries"] == ["refs[0]"]


async def test_career_paths_are_read_in_one_query(
    releases: Releases, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    statements = record_statements(monkeypatch)
    query = """query ($first: Int) { careerPaths(from: { code: "OP-101" }, to: { code: "OP-102" }, first: $first) {
      effort steps { from { code } gap { coverage } } } }"""
    counts, results = [], {}
    async with running(releases, settings) as server:
        for first in (2, 50):
            await server.ask(query, {"first": 0})
            statements.clear()
            results[first] = (await server.ask(query, {"first": first}))["careerPaths"]
            counts.append(sum("profile_member" in statement for statement in statements))
        defaults = [await server.ask(query, {}), await server.ask(query, {"first": None})]
        for first in (-1, 51):
            assert await server.codes(query, {"first": first}) == ["BAD_USER_INPUT"]

    assert counts == [3, 3]
    assert len(results[50]) > 5
    assert results[50][:2] == results[2]
    assert all(data["careerPaths"] == results[50][:5] for data in defaults)


async def test_a_path_to_the_same_profile_has_no_steps(server: Server) -> None:
    query = """{ careerPaths(from: { code: "OP-101" }, to: { code: "op-101" }) { effort steps { gap { coverage } } }
      nothing: careerPaths(from: { code: "OP-101" }, to: { code: "OP-101" }, first: 0) { effort } }"""

    assert await server.ask(query) == {"careerPaths": [{"effort": 0.0, "steps": []}], "nothing": []}
    (error,) = await server.errors('{ careerPaths(from: { code: "OP-101" }, to: { code: "OP-0" }) { effort } }')
    assert error["extensions"]["entries"] == ["to"]


async def test_gaps_of_a_path_list_translations_of_their_own_profiles(server: Server) -> None:
    query = """query ($from: ConceptRef!, $to: ConceptRef!) {
      careerPaths(from: $from, to: $to, release: "current", first: 9) { steps { from { id } to { id } gap { translated { from to } } } } }"""
    old = (await server.ask('{ concepts(refs: [{ code: "OP-101" }, { code: "OP-102" }], release: "3.10") { id } }'))[
        "concepts"
    ]
    start, goal = [concept["id"] for concept in old]
    paths = (await server.ask(query, {"from": {"id": start}, "to": {"id": goal}}))["careerPaths"]

    assert {len(path["steps"]) for path in paths} == {1, 2}
    for path in paths:
        first, last = path["steps"][0], path["steps"][-1]
        moved = [{"from": start, "to": first["from"]["id"]}, {"from": goal, "to": last["to"]["id"]}]
        listed = [step["gap"]["translated"] for step in path["steps"]]
        assert listed == ([moved] if first is last else [moved[:1], moved[1:]])
