"""Occupational profiles in GraphQL."""

from typing import Any

from tests.conftest import PROFILES, Server

ALL = """
  __typename id uuid code
  release { number }
  title { nl fr en de }
  description { nl }
  workingContext { nl }
  alternativeNames { uuid code name language }
  essentialCompetences { code skill { code description { nl } regions } knowledgeItems { code description { nl } } }
  optionalCompetences { code skill { description { nl } } }
  softSkills { uuid code description { nl } }
  digitalSkills { uuid code description { nl } regions }
  proofsOfLearning { uuid code title { nl } }
  economicSectors { uuid code title { nl } }
  areasOfInterest { uuid code title { nl } }
  classifications { scheme code }
  lastModified lastPublished
"""


async def uuid_of(server: Server, code: str = "OP-101") -> str:
    data = await server.ask("query ($c: String) { occupationalProfile(code: $c) { uuid } }", {"c": code})
    server.upstream_paths()
    return str(data["occupationalProfile"]["uuid"])


async def by_uuid(server: Server, uuid: str, fields: str = ALL) -> Any:
    query = f"query ($u: UUID) {{ occupationalProfile(uuid: $u) {{ {fields} }} }}"
    return (await server.ask(query, {"u": uuid}))["occupationalProfile"]


async def test_embedded_fields_of_a_profile_fetch_one_document_once(server: Server) -> None:
    uuid = await uuid_of(server)

    profile = await by_uuid(server, uuid)
    assert server.upstream_paths() == [f"/releases/3.11/occupationalprofiles/{uuid}"]
    assert await by_uuid(server, uuid) == profile
    assert server.upstream_paths() == []


async def test_all_fields(server: Server) -> None:
    profile = await by_uuid(server, await uuid_of(server))

    assert profile["title"] == {
        "nl": "Verpleegkundige", "fr": "Infirmier / Infirmière", "en": "Nurse", "de": "Krankenpfleger / Krankenpflegerin"
    }  # fmt: skip
    assert profile["classifications"] == [{"scheme": "ISCO-08", "code": "2221"}]
    assert profile["release"] == {"number": "3.11"}
    assert profile["lastPublished"] == "2022-06-30T00:00:00+00:00"
    empty = [name for name, value in profile.items() if value in (None, [], {})]
    assert empty == []
    assert all(name["name"] and name["language"] in ("NL", "FR", "EN", "DE") for name in profile["alternativeNames"])
    assert all(skill["description"]["nl"] for skill in profile["softSkills"] + profile["digitalSkills"])
    assert all(competence["skill"]["description"]["nl"] for competence in profile["essentialCompetences"])


async def test_a_lookup_by_code_reads_only_the_list_for_its_fields(server: Server) -> None:
    data = await server.ask('{ occupationalProfile(code: " op-101 ") { code uuid title { nl } } }')

    assert data["occupationalProfile"]["title"] == {"nl": "Verpleegkundige"}
    assert server.upstream_paths() == ["/releases/current", "/releases/3.11/occupationalprofiles?page=0&size=500"]


async def test_a_lookup_by_code_loads_the_profile_once_for_other_fields(server: Server) -> None:
    uuid = await uuid_of(server)

    await server.ask(
        '{ occupationalProfile(code: "OP-101") { description { nl } workingContext { nl } lastModified } }'
    )

    assert server.upstream_paths() == [f"/releases/3.11/occupationalprofiles/{uuid}"]


async def test_a_missing_concept_is_null_without_an_error(server: Server) -> None:
    data = await server.ask(
        '{ a: occupationalProfile(code: "OP-0") { code } b: occupationalProfile(uuid: "00000000-0000-4000-8000-000000000000") { code } }'
    )

    assert data == {"a": None, "b": None}


async def test_exactly_one_of_uuid_and_code_is_required(server: Server) -> None:
    query = '{ a: occupationalProfile { code } b: occupationalProfile(code: "OP-1", uuid: "8c15a1bf-9699-43ae-b890-f79ac3e5f461") { code } }'

    assert await server.codes(query) == ["BAD_USER_INPUT", "BAD_USER_INPUT"]
    assert server.upstream_paths() == ["/releases/current"]


async def test_a_malformed_uuid_is_bad_input_as_a_literal_and_as_a_variable(server: Server) -> None:
    literal = await server.errors('{ occupationalProfile(uuid: "8c15") { code } }')
    variable = await server.errors("query ($u: UUID) { occupationalProfile(uuid: $u) { code } }", {"u": "8c15"})

    for odd in (
        "----8c15a1bf969943aeb890f79ac3e5f461",
        "8c15a1bf-9699-43ae-b890-f79a_3e5f461",
        "{8c15a1bf-9699-43ae-b890-f79ac3e5f4}",
    ):
        assert await server.codes("query ($u: UUID) { occupationalProfile(uuid: $u) { code } }", {"u": odd}) == [
            "BAD_USER_INPUT"
        ]
    for (error,) in (literal, variable):
        assert error["extensions"]["code"] == "BAD_USER_INPUT"
        assert "Invalid UUID; expected a form such as" in error["message"]
    assert server.upstream_paths() == []


async def test_profiles_with_code_and_title_fetch_only_list_pages(server: Server) -> None:
    data = await server.ask("{ occupationalProfiles(first: 100) { totalCount nodes { code title { nl fr } } } }")

    assert len(data["occupationalProfiles"]["nodes"]) == data["occupationalProfiles"]["totalCount"] == PROFILES
    assert server.upstream_paths() == ["/releases/current", "/releases/3.11/occupationalprofiles?page=0&size=500"]


async def test_fields_missing_in_a_page_fetch_one_document_per_profile(server: Server) -> None:
    await server.ask("{ occupationalProfiles(first: 5) { nodes { description { nl } softSkills { code } } } }")

    wholes = [path for path in server.upstream_paths() if path.count("/") == 4]
    assert len(wholes) == len(set(wholes)) == 5


async def test_profiles_are_paged_forward_and_backward(server: Server) -> None:
    forward: list[str] = []
    arguments = "first: 10"
    while arguments:
        page = (
            await server.ask(
                f"{{ occupationalProfiles({arguments}) {{ nodes {{ code }} pageInfo {{ hasNextPage endCursor }} }} }}"
            )
        )["occupationalProfiles"]
        forward += [node["code"] for node in page["nodes"]]
        arguments = f'first: 10, after: "{page["pageInfo"]["endCursor"]}"' if page["pageInfo"]["hasNextPage"] else ""
    last = (
        await server.ask(
            "{ occupationalProfiles(last: 3) { nodes { code } pageInfo { hasNextPage hasPreviousPage startCursor } } }"
        )
    )["occupationalProfiles"]
    before = (
        await server.ask(
            f'{{ occupationalProfiles(last: 2, before: "{last["pageInfo"]["startCursor"]}") {{ edges {{ node {{ code }} }} }} }}'
        )
    )["occupationalProfiles"]

    assert len(forward) == len(set(forward)) == PROFILES
    assert [node["code"] for node in last["nodes"]] == forward[-3:]
    assert (last["pageInfo"]["hasNextPage"], last["pageInfo"]["hasPreviousPage"]) == (False, True)
    assert [edge["node"]["code"] for edge in before["edges"]] == forward[-5:-3]


async def test_invalid_paging_arguments_fail_only_their_field(server: Server) -> None:
    answer = (
        await server.post(
            """{
              a: occupationalProfiles(first: -1) { totalCount }
              b: occupationalProfiles(first: 501) { totalCount }
              c: occupationalProfiles(first: 1, last: 1) { totalCount }
              d: occupationalProfiles(after: "forged") { totalCount }
              e: occupationalProfiles(first: 1) { totalCount }
            }"""
        )
    ).json()

    assert answer["data"] == {"a": None, "b": None, "c": None, "d": None, "e": {"totalCount": PROFILES}}
    assert sorted(error["path"] for error in answer["errors"]) == [["a"], ["b"], ["c"], ["d"]]
    assert {error["extensions"]["code"] for error in answer["errors"]} == {"BAD_USER_INPUT"}


async def test_the_language_argument_overrides_the_header(server: Server) -> None:
    query = '{ occupationalProfile(code: "OP-101") { title { a: text b: text(languages: [DE, NL]) localized(languages: []) { language } } } }'

    title = (await server.ask(query, accept_language="fr-BE, en;q=0.5"))["occupationalProfile"]["title"]
    assert title == {
        "a": "Infirmier / Infirmière", "b": "Krankenpfleger / Krankenpflegerin", "localized": {"language": "NL"}
    }  # fmt: skip
    assert (await server.ask(query))["occupationalProfile"]["title"]["a"] == "Verpleegkundige"


async def test_a_missing_language_is_null_and_text_falls_back(server: Server) -> None:
    nodes = (
        await server.ask(
            "{ occupationalProfiles(first: 500) { nodes { title { nl de localized(languages: [DE]) { text language isFallback } } } } }"
        )
    )["occupationalProfiles"]["nodes"]
    without = [node["title"] for node in nodes if node["title"]["de"] is None]

    assert without
    assert all(title["localized"] == {"text": title["nl"], "language": "NL", "isFallback": True} for title in without)


async def test_an_older_release_has_its_own_profiles(server: Server) -> None:
    query = """query ($release: String!) {
      occupationalProfiles(first: 500, release: $release) { nodes { id uuid code title { nl } } }
    }"""
    old, new = [
        {node["code"]: node for node in (await server.ask(query, {"release": number}))["occupationalProfiles"]["nodes"]}
        for number in ("3.10", "3.11")
    ]

    assert old.keys() - new.keys()
    assert new.keys() - old.keys()
    assert old["OP-101"]["uuid"] == new["OP-101"]["uuid"]
    assert old["OP-101"]["id"] != new["OP-101"]["id"]
    assert any(old[code]["title"] != new[code]["title"] for code in old.keys() & new.keys())
