"""Releases in GraphQL."""

import pytest

from tests.conftest import Server


async def test_the_releases_are_listed_newest_first_without_loading_any(server: Server) -> None:
    data = await server.ask("{ releases { number } }")

    assert data == {"releases": [{"number": "3.11"}, {"number": "3.10"}, {"number": "3.9"}]}
    assert server.upstream_paths() == ["/releases"]


async def test_all_fields(server: Server) -> None:
    data = await server.ask("{ releases { number isCurrent publishedOn } }")

    assert data["releases"] == [
        {"number": "3.11", "isCurrent": True, "publishedOn": "2022-06-30"},
        {"number": "3.10", "isCurrent": False, "publishedOn": "2022-03-31"},
        {"number": "3.9", "isCurrent": False, "publishedOn": "2021-12-16"},
    ]


async def test_bundled_releases_state_that_they_are_not_of_vdab(server: Server) -> None:
    data = await server.ask("{ releases { source } }")

    assert {release["source"] for release in data["releases"]} == {"sandbox data, not VDAB's"}


async def test_current_resolves_to_its_number_with_one_lookup(server: Server) -> None:
    data = await server.ask(
        '{ release { number id } a: release(number: "current") { id } b: release(number: "3.11") { id } }'
    )

    assert data["release"]["number"] == "3.11"
    assert data["release"]["id"] == data["a"]["id"] == data["b"]["id"]
    assert server.upstream_paths().count("/releases/current") == 1


@pytest.mark.parametrize("number", ["3.8", "9.99", "x", "../3.11", "", "3.11 ", "%2e"])
async def test_an_unknown_release_is_release_not_found_in_every_field(server: Server, number: str) -> None:
    query = """query ($number: String!) {
      release(number: $number) { number }
      occupationalProfile(code: "OP-101", release: $number) { code }
      technicalCompetence(uuid: "8c15a1bf-9699-43ae-b890-f79ac3e5f461", release: $number) { code }
      softSkills(release: $number) { totalCount }
    }"""
    answer = (await server.post(query, {"number": number})).json()

    assert answer["data"] == dict.fromkeys(("release", "occupationalProfile", "technicalCompetence", "softSkills"))
    assert [error["extensions"]["code"] for error in answer["errors"]] == ["RELEASE_NOT_FOUND"] * 4
    assert all(path == "/releases" or path.startswith("/releases/") for path in server.upstream_paths())


async def test_fields_of_a_release_return_concepts_of_that_release(server: Server) -> None:
    data = await server.ask(
        """{ release(number: "3.10") {
          number
          occupationalProfile(code: "OP-101") { release { number } }
          technicalCompetence(code: "CP-7") { release { number } }
          softSkill(code: "SS-1") { release { number } }
          occupationalProfiles(first: 1) { nodes { release { number } } }
          technicalCompetences(first: 1) { nodes { release { number } } }
          softSkills(first: 1) { nodes { release { number } } }
        } }"""
    )

    release = data["release"]
    numbers = [
        release[name]["release"]["number"] for name in ("occupationalProfile", "technicalCompetence", "softSkill")
    ]
    pages = ("occupationalProfiles", "technicalCompetences", "softSkills")
    numbers += [node["release"]["number"] for name in pages for node in release[name]["nodes"]]
    assert numbers == ["3.10"] * 6
    assert not [path for path in server.upstream_paths() if "3.11" in path or "current" in path]


async def test_a_release_is_found_by_its_id(server: Server) -> None:
    release_id = (await server.ask("{ release { id } }"))["release"]["id"]

    assert await server.ask("query ($id: ID!) { node(id: $id) { __typename id } }", {"id": release_id}) == {
        "node": {"__typename": "Release", "id": release_id}
    }
