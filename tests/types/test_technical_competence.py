"""Technical competences and their contents in GraphQL."""

import pytest

from tests.conftest import CP_7, Server

CP_11 = "b928ce20-e985-59a6-8049-3928bfebd9a8"

FULL = """{
  id uuid code
  skill { __typename id uuid code description { nl fr en de } regions release { number } }
  knowledgeItems { __typename uuid code description { nl en } regions }
  behaviouralIndicators { __typename uuid code description { nl fr } regions }
}"""


async def test_the_published_example_competence_has_all_fields(server: Server) -> None:
    data = await server.ask(f'{{ technicalCompetence(uuid: "{CP_7}") {FULL} }}')

    competence = data["technicalCompetence"]
    assert (competence["uuid"], competence["code"]) == (CP_7, "CP-7")
    assert competence["skill"]["code"] == "SK-3851"
    assert competence["skill"]["description"] == {
        "nl": "Toezicht houden op de aanwerving van personeel",
        "fr": "Superviser le recrutement du personnel",
        "en": None,
        "de": None,
    }
    assert competence["skill"]["release"] == {"number": "3.11"}
    assert [item["code"] for item in competence["knowledgeItems"]] == ["KN-799", "KN-400", "KN-1450"]
    assert competence["knowledgeItems"][1]["description"]["en"] == "Human resources management"
    assert [indicator["code"] for indicator in competence["behaviouralIndicators"]] == [
        "BI-12479",
        "BI-17029",
        "BI-197",
        "BI-18081",
    ]
    assert competence["skill"]["regions"] == []
    assert server.upstream_paths() == ["/releases/current", f"/releases/3.11/technicalcompetences/{CP_7}"]


async def test_a_lookup_by_code_takes_the_id_from_the_list_and_one_document(server: Server) -> None:
    data = await server.ask('{ technicalCompetence(code: "CP-7") { uuid skill { code } knowledgeItems { code } } }')

    assert data["technicalCompetence"]["skill"] == {"code": "SK-3851"}
    assert server.upstream_paths() == [
        "/releases/current",
        "/releases/3.11/technicalcompetences?page=0&size=500",
        f"/releases/3.11/technicalcompetences/{CP_7}",
    ]


async def test_a_nested_query_fetches_each_document_at_most_once(server: Server) -> None:
    query = """{
      occupationalProfile(code: "OP-101") {
        title { nl }
        essentialCompetences {
          code
          skill { description { nl } }
          knowledgeItems { description { nl } }
          behaviouralIndicators { description { nl } }
          usedInOccupationalProfiles { totalCount nodes { code title { nl } } }
        }
      }
    }"""
    data = await server.ask(query)
    paths = server.upstream_paths()

    competences = data["occupationalProfile"]["essentialCompetences"]
    assert all(competence["behaviouralIndicators"] and competence["skill"] for competence in competences)
    assert all(
        "OP-101" in [node["code"] for node in competence["usedInOccupationalProfiles"]["nodes"]]
        for competence in competences
    )
    assert (
        len(paths) == len(set(paths)) == 3 + 2 * len(competences)
    )  # current, list, profile; each competence and its use

    assert await server.ask(query) == data
    assert server.upstream_paths() == []


@pytest.mark.usefixtures("indexed")
async def test_the_importance_agrees_with_the_profiles(server: Server) -> None:
    data = await server.ask(
        f"""{{ technicalCompetence(uuid: "{CP_7}") {{ usedInOccupationalProfiles {{
          edges {{ importance node {{ code essentialCompetences {{ code }} optionalCompetences {{ code }} }} }} }} }} }}"""
    )

    edges = data["technicalCompetence"]["usedInOccupationalProfiles"]["edges"]
    for edge in edges:
        listed = edge["node"]["essentialCompetences" if edge["importance"] == "ESSENTIAL" else "optionalCompetences"]
        assert "CP-7" in [entry["code"] for entry in listed]
    assert {edge["importance"] for edge in edges} <= {"ESSENTIAL", "OPTIONAL"}


@pytest.mark.usefixtures("indexed")
async def test_profiles_with_a_competence_cause_no_call_once_indexed(server: Server) -> None:
    await server.ask('{ skill(code: "SK-1") { code } }')  # opens the index
    server.upstream_paths()

    data = await server.ask(
        f"""{{ technicalCompetence(uuid: "{CP_11}") {{
          usedInOccupationalProfiles(first: 100) {{ edges {{ importance node {{ code }} }} }} }} }}"""
    )

    edges = data["technicalCompetence"]["usedInOccupationalProfiles"]["edges"]
    assert len(edges) > 3
    assert {edge["importance"] for edge in edges} == {"ESSENTIAL", "OPTIONAL"}
    assert server.upstream_paths() == [f"/releases/3.11/technicalcompetences/{CP_11}"]


async def test_usage_of_a_competence_is_paged(server: Server) -> None:
    query = """query ($after: String) { technicalCompetence(code: "CP-11") {
      usedInOccupationalProfiles(first: 3, after: $after) { totalCount nodes { code } pageInfo { hasNextPage endCursor } }
    } }"""
    first = (await server.ask(query))["technicalCompetence"]["usedInOccupationalProfiles"]
    second = (await server.ask(query, {"after": first["pageInfo"]["endCursor"]}))["technicalCompetence"][
        "usedInOccupationalProfiles"
    ]

    assert first["pageInfo"]["hasNextPage"]
    assert len(first["nodes"]) == 3
    assert {node["code"] for node in first["nodes"]}.isdisjoint(node["code"] for node in second["nodes"])
    assert first["totalCount"] == second["totalCount"] > 3


@pytest.mark.usefixtures("indexed")
async def test_a_cursor_continues_its_list_if_the_index_opens_between_pages(server: Server) -> None:
    query = """query ($id: UUID!, $after: String) { technicalCompetence(uuid: $id) {
      usedInOccupationalProfiles(first: 2, after: $after) { nodes { code } pageInfo { endCursor } } } }"""

    async def page(after: str | None = None) -> tuple[list[str], str]:
        answer = await server.ask(query, {"id": CP_11, "after": after})
        used = answer["technicalCompetence"]["usedInOccupationalProfiles"]
        return [node["code"] for node in used["nodes"]], used["pageInfo"]["endCursor"]

    first, of_list = await page()
    await server.ask('{ skill(code: "SK-1") { code } }')  # opens the index
    server.upstream_paths()
    second, _ = await page(of_list)
    assert server.upstream_paths() == []
    from_index, of_index = await page()

    assert of_index != of_list
    assert from_index == first
    assert (await page(of_index))[0] == second


async def test_missing_and_unknown(server: Server) -> None:
    data = await server.ask(
        '{ a: technicalCompetence(code: "CP-0") { code } b: technicalCompetence(uuid: "00000000-0000-4000-8000-000000000000") { code } }'
    )

    assert data == {"a": None, "b": None}
