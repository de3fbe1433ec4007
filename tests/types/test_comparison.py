"""The gap between profiles, similar ones, matches, and filters in GraphQL."""

from typing import Any

import pytest

from tests.conftest import CP_7, Server

GROUP = "{ technicalCompetences { code } skills { code } knowledgeItems { code } behaviouralIndicators { code } softSkills { code } digitalSkills { code } }"


async def whole(server: Server, code: str) -> dict[str, Any]:
    data = await server.ask(
        """query ($code: String) { occupationalProfile(code: $code) { id softSkills { code } digitalSkills { code }
          essentialCompetences { id code skill { id code } knowledgeItems { id code } behaviouralIndicators { code } }
          optionalCompetences { id code skill { id code } knowledgeItems { id code } behaviouralIndicators { code } }
        } }""",
        {"code": code},
    )
    return dict(data["occupationalProfile"])


def sets(profile: dict[str, Any]) -> dict[str, set[str]]:
    competences = profile["essentialCompetences"] + profile["optionalCompetences"]
    return {
        "technicalCompetences": {competence["code"] for competence in competences},
        "skills": {competence["skill"]["code"] for competence in competences},
        "knowledgeItems": {item["code"] for competence in competences for item in competence["knowledgeItems"]},
        "behaviouralIndicators": {
            item["code"] for competence in competences for item in competence["behaviouralIndicators"]
        },
        "softSkills": {skill["code"] for skill in profile["softSkills"]},
        "digitalSkills": {skill["code"] for skill in profile["digitalSkills"]},
    }


def weights(profile: dict[str, Any]) -> dict[str, int]:
    optional = {competence["code"]: 1 for competence in profile["optionalCompetences"]}
    return optional | {competence["code"]: 2 for competence in profile["essentialCompetences"]}


def codes(group: dict[str, list[dict[str, str]]]) -> dict[str, set[str]]:
    return {name: {item["code"] for item in things} for name, things in group.items()}


async def test_the_gap_agrees_with_the_two_profiles(server: Server) -> None:
    here, there = await whole(server, "OP-101"), await whole(server, "OP-102")
    gap = (
        await server.ask(
            f"""query ($from: ID!, $to: ID!) {{ competenceGap(from: $from, to: $to) {{
              from {{ code title {{ nl }} }} to {{ code }} coverage shared {GROUP} missing {GROUP} surplus {GROUP}
            }} }}""",
            {"from": here["id"], "to": there["id"]},
        )
    )["competenceGap"]

    has, needs = sets(here), sets(there)
    assert (gap["from"]["code"], gap["to"]["code"]) == ("OP-101", "OP-102")
    assert codes(gap["shared"]) == {name: has[name] & needs[name] for name in has}
    assert codes(gap["missing"]) == {name: needs[name] - has[name] for name in has}
    assert codes(gap["surplus"]) == {name: has[name] - needs[name] for name in has}
    weight = weights(there)
    shared = has["technicalCompetences"]
    assert gap["coverage"] == pytest.approx(
        sum(weight[code] for code in weight if code in shared) / sum(weight.values())
    )
    assert 0 < gap["coverage"] < 1


async def test_from_a_profile_to_itself_nothing_is_missing(server: Server) -> None:
    profile = await whole(server, "OP-101")
    gap = (
        await server.ask(
            "query ($a: ID!) { competenceGap(from: $a, to: $a) { coverage missing { skills { code } softSkills { code } } } }",
            {"a": profile["id"]},
        )
    )["competenceGap"]

    assert gap == {"coverage": 1.0, "missing": {"skills": [], "softSkills": []}}


async def test_similar_profiles_have_the_shared_competences(server: Server) -> None:
    query = """{ occupationalProfile(code: "OP-101") { similarProfiles(first: 5) {
      score profile { code } sharedCompetences { code }
    } } }"""
    matches = (await server.ask(query))["occupationalProfile"]["similarProfiles"]
    own = weights(await whole(server, "OP-101"))

    assert [result["score"] for result in matches] == sorted((result["score"] for result in matches), reverse=True)
    for item in matches:
        other = weights(await whole(server, item["profile"]["code"]))
        either = own.keys() | other.keys()
        lesser = sum(min(own.get(code, 0), other.get(code, 0)) for code in either)
        greater = sum(max(own.get(code, 0), other.get(code, 0)) for code in either)
        assert item["score"] == pytest.approx(lesser / greater)
        assert {one["code"] for one in item["sharedCompetences"]} == own.keys() & other.keys()


async def test_profiles_are_matched_by_the_concepts_of_a_person(server: Server) -> None:
    profile = await whole(server, "OP-101")
    have = [competence["id"] for competence in profile["essentialCompetences"]]
    query = f"""query ($have: [ID!]!, $first: Int) {{ profilesForCompetences(have: $have, first: $first) {{
      totalCount edges {{ cursor node {{ profile {{ code }} coverage matched {GROUP} missing {GROUP} }} }}
    }} }}"""
    result = (await server.ask(query, {"have": have, "first": 100}))["profilesForCompetences"]

    nodes = [edge["node"] for edge in result["edges"]]
    assert len(nodes) == result["totalCount"]
    assert nodes[0]["profile"]["code"] == "OP-101"
    held = {competence["code"] for competence in profile["essentialCompetences"]}
    for node in nodes:
        weight = weights(await whole(server, node["profile"]["code"]))
        covered = sum(weight[code] for code in weight if code in held)
        assert node["coverage"] == pytest.approx(covered / sum(weight.values()))
        assert codes(node["matched"])["technicalCompetences"] == held & weight.keys()
        assert codes(node["missing"])["technicalCompetences"] == weight.keys() - held


async def test_skills_knowledge_and_soft_skills_count_too(server: Server) -> None:
    profile = await whole(server, "OP-101")
    soft = (await server.ask('{ softSkill(code: "SS-1") { id } }'))["softSkill"]["id"]
    for have in (
        [profile["essentialCompetences"][0]["skill"]["id"]],
        [profile["essentialCompetences"][0]["knowledgeItems"][0]["id"]],
        [soft],
    ):
        result = (
            await server.ask(
                "query ($have: [ID!]!) { profilesForCompetences(have: $have) { totalCount nodes { coverage profile { code } } } }",
                {"have": have},
            )
        )["profilesForCompetences"]
        assert result["totalCount"] > 0
        assert all(0 < node["coverage"] <= 1 for node in result["nodes"])


async def test_invalid_ids_have_distinct_errors(server: Server) -> None:
    profile, old = [
        (
            await server.ask(
                'query ($r: String!) { occupationalProfile(code: "OP-101", release: $r) { id } }', {"r": number}
            )
        )["occupationalProfile"]["id"]
        for number in ("3.11", "3.10")
    ]
    competence = (await server.ask(f'{{ technicalCompetence(uuid: "{CP_7}") {{ id }} }}'))["technicalCompetence"]["id"]
    gap = "query ($a: ID!, $b: ID!) { competenceGap(from: $a, to: $b) { coverage } }"
    match = "query ($have: [ID!]!) { profilesForCompetences(have: $have) { totalCount } }"

    for ends in (("x", profile), (profile, competence), (profile, old)):
        assert await server.codes(gap, {"a": ends[0], "b": ends[1]}) == ["BAD_USER_INPUT"]
    for have in ([], ["x"], [profile], [competence] * 501):
        assert await server.codes(match, {"have": have}) == ["BAD_USER_INPUT"]


async def test_a_gap_with_a_profile_that_does_not_exist_is_null(server: Server) -> None:
    import base64

    gone = (
        base64.urlsafe_b64encode(b"OccupationalProfile:3.11:00000000-0000-4000-8000-000000000000").decode().rstrip("=")
    )
    elsewhere = (
        base64.urlsafe_b64encode(b"OccupationalProfile:1.0:00000000-0000-4000-8000-000000000000").decode().rstrip("=")
    )
    for one in (gone, elsewhere):
        data = await server.ask("query ($a: ID!) { competenceGap(from: $a, to: $a) { coverage } }", {"a": one})
        assert data == {"competenceGap": None}


FILTERED = """query ($filter: OccupationalProfileFilter, $order: OccupationalProfileOrder) {
  occupationalProfiles(first: 500, filter: $filter, orderBy: $order) { totalCount nodes {
    code title { fr nl } classifications { scheme code } economicSectors { code } areasOfInterest { code } lastModified
    essentialCompetences { code } optionalCompetences { code }
  } }
}"""


async def filtered(
    server: Server, filter: dict[str, Any] | None, order: dict[str, Any] | None = None
) -> list[dict[str, Any]]:
    page = (await server.ask(FILTERED, {"filter": filter, "order": order}))["occupationalProfiles"]
    assert page["totalCount"] == len(page["nodes"])
    return list(page["nodes"])


async def test_filters_agree_with_the_profiles(server: Server) -> None:
    everything = await filtered(server, None)

    def those(wanted: Any) -> list[str]:
        return [node["code"] for node in everything if wanted(node)]

    for filter, wanted in (
        (
            {"iscoPrefix": "22"},
            lambda node: any(classification["code"].startswith("22") for classification in node["classifications"]),
        ),
        (
            {"iscoPrefix": ["2221", "9999"]},
            lambda node: any(classification["code"] == "2221" for classification in node["classifications"]),
        ),
        (
            {"sectors": ["ES-8", "es-1"]},
            lambda node: {"ES-8", "ES-1"} & {sector["code"] for sector in node["economicSectors"]},
        ),
        ({"areasOfInterest": "ai-1"}, lambda node: "AI-1" in [item["code"] for item in node["areasOfInterest"]]),
        ({"changedSince": "2021-01-01"}, lambda node: node["lastModified"] >= "2021-01-01"),
        ({"iscoPrefix": "%"}, lambda node: False),
    ):
        results = [node["code"] for node in await filtered(server, filter)]
        assert results == those(wanted), filter
        assert results or filter == {"iscoPrefix": "%"}


async def test_the_filter_uses_takes_any_id(server: Server) -> None:
    data = await server.ask('{ technicalCompetence(code: "CP-7") { id knowledgeItems { id } } }')
    for used in (data["technicalCompetence"]["id"], data["technicalCompetence"]["knowledgeItems"][0]["id"]):
        assert [node["code"] for node in await filtered(server, {"uses": used})] == ["OP-115", "OP-313"]
    assert await server.codes(FILTERED, {"filter": {"uses": "x"}}) == ["BAD_USER_INPUT"]


async def test_a_filter_by_text_and_another_condition_meets_both(server: Server) -> None:
    both = await filtered(server, {"text": "recruiter", "iscoPrefix": "2423"})

    assert {node["code"] for node in both} <= {node["code"] for node in await filtered(server, {"text": "recruiter"})}
    assert "OP-313" in {node["code"] for node in both}


async def test_profiles_are_ordered_by_title_in_a_language_or_by_code(server: Server) -> None:
    from graphql_api.index.tokenizer import fold

    by_title = [node["title"]["fr"] for node in await filtered(server, None, {"field": "TITLE", "language": "FR"})]
    by_code = [node["code"] for node in await filtered(server, None, {"field": "CODE", "descending": True})]

    assert by_title == sorted(by_title, key=fold)
    assert by_code == [node["code"] for node in await filtered(server, None)][::-1]
