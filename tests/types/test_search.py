"""Search and suggestions in GraphQL."""

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from graphql_api.index.tokenizer import fold
from graphql_api.sandbox import Fault, Releases
from graphql_api.settings import Settings
from tests.conftest import PROFILES, Server, running

QUERY = """query ($text: String!, $types: [ConceptType!], $languages: [Language!], $first: Int, $after: String) {
  search(text: $text, types: $types, languages: $languages, first: $first, after: $after) {
    totalCount
    edges { cursor node { __typename code } match { field language text marked } }
    nodes { code }
    pageInfo { hasNextPage endCursor }
  }
}"""


async def hits(server: Server, text: str, **variables: Any) -> list[dict[str, Any]]:
    return list((await server.ask(QUERY, {"text": text, **variables}))["search"]["edges"])


async def code_of_best_hit(server: Server, text: str, **variables: Any) -> str | None:
    results = await hits(server, text, **variables)
    return results[0]["node"]["code"] if results else None


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("Verpleegkundige", "OP-101"),
        ("VERPLEEGKUNDIGE", "OP-101"),
        ("infirmiere", "OP-101"),
        ("Krankenpfleger", "OP-101"),
        ("verpleegkundigen", "OP-101"),
        ("verplegkundige", "OP-101"),
        ("verpleegkudnige", "OP-101"),
        ("schoonmaken", "OP-112"),
    ],
)
async def test_a_profile_is_found_by_its_title_in_any_form_and_language(server: Server, text: str, code: str) -> None:
    assert code in [edge["node"]["code"] for edge in (await hits(server, text, types=["OCCUPATIONAL_PROFILE"]))[:3]]


async def test_an_exact_title_is_first_and_has_its_match(server: Server) -> None:
    first = (await hits(server, "verpleegkundige"))[0]

    assert first["node"] == {"__typename": "OccupationalProfile", "code": "OP-101"}
    assert first["match"] == {
        "field": "title",
        "language": "NL",
        "text": "Verpleegkundige",
        "marked": "<mark>Verpleegkundige</mark>",
    }


@pytest.mark.slow
async def test_every_alternative_name_finds_its_profile(server: Server) -> None:
    nodes = (await server.ask("{ occupationalProfiles(first: 500) { nodes { code alternativeNames { name } } } }"))[
        "occupationalProfiles"
    ]["nodes"]
    lost = [
        (node["code"], name["name"])
        for node in nodes
        for name in node["alternativeNames"]
        if node["code"]
        not in [edge["node"]["code"] for edge in (await hits(server, name["name"], types=["OCCUPATIONAL_PROFILE"]))[:5]]
    ]

    assert lost == []


async def test_types_and_languages_narrow_the_search(server: Server) -> None:
    results = await hits(server, "beheren", types=["SKILL", "OCCUPATIONAL_PROFILE"], languages=["NL"], first=100)

    assert {edge["node"]["__typename"] for edge in results} == {"Skill", "OccupationalProfile"}
    assert {edge["match"]["language"] for edge in results} == {"NL"}
    assert await hits(server, "beheren", types=[]) == []


async def test_a_competence_and_its_skill_are_one_hit(server: Server) -> None:
    query = 'query ($types: [ConceptType!]) { search(text: "beheren", types: $types, first: 500) { totalCount nodes { __typename } } }'
    results = {}
    for types in (["SKILL"], ["SKILL", "TECHNICAL_COMPETENCE"], ["TECHNICAL_COMPETENCE"]):
        page = (await server.ask(query, {"types": types}))["search"]
        assert len(page["nodes"]) == page["totalCount"]
        results[len(types), types[0]] = [node["__typename"] for node in page["nodes"]]

    assert results[2, "SKILL"] == results[1, "SKILL"] == ["Skill"] * len(results[1, "SKILL"])
    assert set(results[1, "TECHNICAL_COMPETENCE"]) == {"TechnicalCompetence"}
    assert len(results[1, "TECHNICAL_COMPETENCE"]) >= len(results[1, "SKILL"]) > 1


@pytest.mark.parametrize(
    ("text", "type", "field", "marked"),
    [
        ("OP-101", "OccupationalProfile", "code", "<mark>OP-101</mark>"),
        (" op 101", "OccupationalProfile", "code", "<mark>OP-101</mark>"),
        ("cp101", "TechnicalCompetence", "code", "<mark>CP-101</mark>"),
        ("SK-101", "Skill", "code", "<mark>SK-101</mark>"),
        ("2221", "OccupationalProfile", "classifications", "<mark>2221</mark>"),
        ("isco-08 222", "OccupationalProfile", "classifications", "<mark>222</mark>1"),
    ],
)
async def test_a_code_finds_its_concept(server: Server, text: str, type: str, field: str, marked: str) -> None:
    query = "query ($text: String!) { search(text: $text) { edges { node { __typename } match { kind field language marked } } } }"
    first = (await server.ask(query, {"text": text}))["search"]["edges"][0]

    assert first == {
        "node": {"__typename": type},
        "match": {"kind": "CODE", "field": field, "language": None, "marked": marked},
    }


@pytest.mark.parametrize(
    ("argument", "reason"), [("", "NOT_INSTALLED"), (", mode: HYBRID", "NOT_INSTALLED"), (", mode: LEXICAL", None)]
)
async def test_a_search_reports_its_mode_and_why_it_is_not_hybrid(
    server: Server, argument: str, reason: str | None
) -> None:
    query = f'{{ search(text: "kok"{argument}, first: 1) {{ mode reason edges {{ match {{ kind }} }} }} }}'

    assert (await server.ask(query))["search"] == {
        "mode": "LEXICAL",
        "reason": reason,
        "edges": [{"match": {"kind": "WORDS"}}],
    }


async def test_hits_are_paged_without_gaps(server: Server) -> None:
    everything = (await server.ask(QUERY, {"text": "veilig", "first": 500}))["search"]
    seen: list[str] = []
    after, more = None, True
    while more:
        page = (await server.ask(QUERY, {"text": "veilig", "first": 3, "after": after}))["search"]
        assert page["totalCount"] == everything["totalCount"]
        seen += [node["code"] for node in page["nodes"]]
        after, more = page["pageInfo"]["endCursor"], page["pageInfo"]["hasNextPage"]

    assert seen == [node["code"] for node in everything["nodes"]]
    assert len(seen) == everything["totalCount"] > 6


async def test_a_cursor_of_another_search_is_refused(server: Server) -> None:
    after = (await server.ask(QUERY, {"text": "veilig", "first": 1}))["search"]["pageInfo"]["endCursor"]

    assert await server.codes(QUERY, {"text": "beheren", "after": after}) == ["BAD_USER_INPUT"]


@pytest.mark.parametrize("text", ["", "   ", "!?", "x" * 10_000])
async def test_a_text_without_searchable_words_is_bad_input(server: Server, text: str) -> None:
    assert await server.codes(QUERY, {"text": text}) == ["BAD_USER_INPUT"]


async def test_a_search_without_hits_is_an_empty_page(server: Server) -> None:
    page = (await server.ask(QUERY, {"text": "zzzzqqqqxxxx"}))["search"]

    assert (page["totalCount"], page["edges"], page["pageInfo"]["hasNextPage"]) == (0, [], False)


async def test_suggestions_contain_the_typed_prefix(server: Server) -> None:
    query = (
        "query ($p: String!) { suggest(prefix: $p) { text language isAlternativeName occupationalProfile { code } } }"
    )
    for typed in ("v", "ver", "verpl", "Verpleegk"):
        texts = [item["text"] for item in (await server.ask(query, {"p": typed}))["suggest"]]
        assert texts
        assert all(any(word.startswith(fold(typed)) for word in fold(text).split()) for text in texts)
    assert {
        "text": "Verpleegkundige",
        "language": "NL",
        "isAlternativeName": False,
        "occupationalProfile": {"code": "OP-101"},
    } in (await server.ask(query, {"p": "verpl"}))["suggest"]
    assert (await server.ask(query, {"p": ""}))["suggest"] == []


@pytest.mark.parametrize(("typed", "code"), [("poetsvrouw", "OP-113"), ("huishoud", "OP-113"), ("clark", "OP-212")])
async def test_names_of_merged_and_renamed_profiles_are_found(server: Server, typed: str, code: str) -> None:
    data = await server.ask(
        "query ($p: String!) { suggest(prefix: $p) { occupationalProfile { code } } }", {"p": typed}
    )

    assert code in [suggestion["occupationalProfile"]["code"] for suggestion in data["suggest"]]
    assert await code_of_best_hit(server, typed, types=["OCCUPATIONAL_PROFILE"]) == code


async def test_suggestions_are_bounded_and_can_be_in_one_language(server: Server) -> None:
    data = await server.ask('{ suggest(prefix: "c", languages: [FR], first: 2) { language } }')

    assert data["suggest"] == [{"language": "FR"}] * 2
    assert await server.codes('{ suggest(prefix: "c", first: 51) { text } }') == ["BAD_USER_INPUT"]


@pytest.mark.slow
@hypothesis_settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(
    text=st.text(max_size=80)
    | st.sampled_from(["AND", 'a" OR "b', "a* NEAR(b)", "^a", "name:x", "'; DROP TABLE thing", "\x00"])
)
def test_any_text_gives_data_or_an_error_with_a_code(text: str) -> None:
    import asyncio

    async def send() -> None:
        settings = replace(Settings(), index="need", cache_dir=_folder)
        assert _releases is not None
        async with running(_releases, settings) as server:
            answer = (
                await server.post(
                    QUERY.replace("{\n  search", "{\n  suggest(prefix: $text) { text }\n  search"), {"text": text}
                )
            ).json()
            codes = {error["extensions"]["code"] for error in answer.get("errors", ())}
            assert codes <= {"BAD_USER_INPUT"}

    asyncio.run(send())


_releases: Releases | None = None
_folder: Path | None = None


@pytest.fixture(autouse=True)
def shared_fixtures(releases: Releases, cache_dir: Path) -> None:
    """Fixtures for the test over all texts, which hypothesis calls repeatedly."""
    global _releases, _folder
    _releases, _folder = releases, cache_dir


@pytest.fixture
async def server_without_index(releases: Releases, tmp_path: Path) -> AsyncIterator[Server]:
    """A server with indexing disabled, like one whose index is not built yet."""
    async with running(releases, replace(Settings(), index="off", cache_dir=tmp_path)) as started:
        yield started


async def test_without_an_index_profiles_are_found_by_the_upstream_search(server_without_index: Server) -> None:
    results = await hits(server_without_index, "verpleegkundige", first=3)

    assert results[0]["node"] == {"__typename": "OccupationalProfile", "code": "OP-101"}
    assert results[0]["match"] is None
    assert [path for path in server_without_index.upstream_paths() if path.startswith("/search")] == [
        "/search?searchValue=verpleegkundige&entityTypes=OCCUPATIONAL_PROFILE&page=0&size=3"
    ]


async def test_without_an_index_other_queries_are_errors_with_a_code(server_without_index: Server) -> None:
    server_without_index.faults.add(Fault("/search", "status", status=503))
    query = """{
      a: search(text: "x", types: [SKILL]) { totalCount }
      b: search(text: "x") { totalCount }
      suggest(prefix: "x") { text }
      skill(code: "SK-101") { id }
      occupationalProfiles(filter: {iscoPrefix: "2"}) { totalCount }
      works: occupationalProfiles(first: 1) { totalCount }
    }"""
    answer = (await server_without_index.post(query)).json()

    assert [error["extensions"]["code"] for error in answer["errors"]] == ["NOT_INDEXED_YET"] * 5
    assert answer["data"]["works"] == {"totalCount": PROFILES}
