"""The gap between profiles, similar ones, matches, and filters in GraphQL."""

from typing import Any

import pytest

from tests.conftest import Server

GROUP = "{ technicalCompetences { code } skills { code } knowledgeItems { code } behaviouralIndicators { code } softSkills { code } digitalSkills { code } }"


async def profile_with_competences(server: Server, code: str) -> dict[str, Any]:
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
    here, there = await profile_with_competences(server, "OP-101"), await profile_with_competences(server, "OP-102")
    gap = (
        await server.ask(
            f"""query ($from: ConceptRef!, $to: ConceptRef!) {{ competenceGap(from: $from, to: $to) {{
              from {{ code title {{ nl }} }} to {{ code }} coverage shared {GROUP} missing {GROUP} surplus {GROUP}
            }} }}""",
            {"from": {"id": here["id"]}, "to": {"id": there["id"]}},
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


async def test_a_gap_from_a_profile_to_itself_is_empty(server: Server) -> None:
    gap = (
        await server.ask(
            "query ($a: ConceptRef!) { competenceGap(from: $a, to: $a) { coverage missing { skills { code } softSkills { code } } } }",
            {"a": {"code": "OP-101"}},
        )
    )["competenceGap"]

    assert gap == {"coverage": 1.0, "missing": {"skills": [], "softSkills": []}}


async def test_similar_profiles_have_the_shared_competences(server: Server) -> None:
    query = """{ occupationalProfile(code: "OP-101") { similarProfiles(first: 5) {
      score profile { code } sharedCompetences { code }
    } } }"""
    matches = (await server.ask(query))["occupationalProfile"]["similarProfiles"]
    own = weights(await profile_with_competences(server, "OP-101"))

    assert [result["score"] for result in matches] == sorted((result["score"] for result in matches), reverse=True)
    for item in matches:
        other = weights(await profile_with_competences(server, item["profile"]["code"]))
        either = own.keys() | other.keys()
        lesser = sum(min(own.get(code, 0), other.get(code, 0)) for code in either)
        greater = sum(max(own.get(code, 0), other.get(code, 0)) for code in either)
        assert item["score"] == pytest.approx(lesser / greater)
        assert {one["code"] for one in item["sharedCompetences"]} == own.keys() & other.keys()


async def test_profiles_are_matched_by_the_concepts_of_a_person(server: Server) -> None:
    profile = await profile_with_competences(server, "OP-101")
    have = [{"code": competence["code"]} for competence in profile["essentialCompetences"]]
    query = f"""query ($have: [ConceptRef!]!, $first: Int) {{ profilesForCompetences(have: $have, first: $first) {{
      totalCount edges {{ cursor node {{ profile {{ code }} coverage matched {GROUP} missing {GROUP} }} }}
    }} }}"""
    result = (await server.ask(query, {"have": have, "first": 100}))["profilesForCompetences"]

    nodes = [edge["node"] for edge in result["edges"]]
    assert len(nodes) == result["totalCount"]
    assert nodes[0]["profile"]["code"] == "OP-101"
    held = {competence["code"] for competence in profile["essentialCompetences"]}
    for node in nodes:
        weight = weights(await profile_with_competences(server, node["profile"]["code"]))
        covered = sum(weight[code] for code in weight if code in held)
        assert node["coverage"] == pytest.approx(covered / sum(weight.values()))
        assert codes(node["matched"])["technicalCompetences"] == held & weight.keys()
        assert codes(node["missing"])["technicalCompetences"] == weight.keys() - held


async def test_every_type_of_competence_counts(server: Server) -> None:
    """Coverage over one type is the weight of the concept in the profile, as a share of all of that type."""
    profile = await profile_with_competences(server, "OP-101")
    own = sets(profile)
    essential = sets({**profile, "optionalCompetences": []})
    for name, all_codes in own.items():
        code = min(all_codes)
        weight = {code: 2 if name not in DIRECT and code in essential[name] else 1 for code in all_codes}
        query = """query ($have: [ConceptRef!]!) { profilesForCompetences(have: $have, first: 500) {
          totalCount nodes { coverage profile { code } } } }"""
        result = (await server.ask(query, {"have": [{"code": code}]}))["profilesForCompetences"]

        (match,) = [node for node in result["nodes"] if node["profile"]["code"] == "OP-101"]
        assert match["coverage"] == pytest.approx(weight[code] / sum(weight.values())), name
        assert result["totalCount"] == len(await users(server, name, code)), name


DIRECT = ("softSkills", "digitalSkills")


async def users(server: Server, name: str, code: str) -> set[str]:
    """The codes of the profiles that hold a concept, from the profiles themselves."""
    page = (await server.ask("{ occupationalProfiles(first: 500) { nodes { code } } }"))["occupationalProfiles"]
    profiles = {node["code"]: sets(await profile_with_competences(server, node["code"])) for node in page["nodes"]}
    return {profile for profile, held in profiles.items() if code in held[name]}


async def test_only_a_profile_without_common_competences_is_compared_by_skills(server: Server) -> None:
    query = """query ($code: String) { occupationalProfile(code: $code) { code similarProfiles(first: 50) {
      score basis profile { code } sharedCompetences { code } sharedSkills { code }
    } } }"""
    page = (await server.ask("{ occupationalProfiles(first: 500) { nodes { code } } }"))["occupationalProfiles"]
    nodes = [(await server.ask(query, {"code": node["code"]}))["occupationalProfile"] for node in page["nodes"]]
    profiles = {node["code"]: await profile_with_competences(server, node["code"]) for node in nodes}
    competences = {code: weights(profile) for code, profile in profiles.items()}
    skills = {code: skill_weights(profile) for code, profile in profiles.items()}
    bases = set()

    for node in nodes:
        own = competences[node["code"]]
        is_alone = all(own.keys().isdisjoint(other) for code, other in competences.items() if code != node["code"])
        name, of = ("sharedSkills", skills) if is_alone else ("sharedCompetences", competences)
        for item in node["similarProfiles"]:
            mine, theirs = of[node["code"]], of[item["profile"]["code"]]
            both, either = mine.keys() & theirs.keys(), mine.keys() | theirs.keys()
            lesser = sum(min(mine[code], theirs[code]) for code in both)
            greater = sum(max(mine.get(code, 0), theirs.get(code, 0)) for code in either)
            assert item["basis"] == ("SKILLS" if is_alone else "TECHNICAL_COMPETENCES")
            assert {one["code"] for one in item[name]} == both
            assert item["score"] == pytest.approx(lesser / greater)
            assert not item["sharedCompetences" if is_alone else "sharedSkills"]
            bases.add(item["basis"])
        if is_alone:
            similar = [
                c for c, other in skills.items() if c != node["code"] and other.keys() & skills[node["code"]].keys()
            ]
            assert len(node["similarProfiles"]) == min(len(similar), 50)

    assert "TECHNICAL_COMPETENCES" in bases


def skill_weights(profile: dict[str, Any]) -> dict[str, int]:
    weight: dict[str, int] = {}
    for name, value in (("optionalCompetences", 1), ("essentialCompetences", 2)):
        weight |= {competence["skill"]["code"]: value for competence in profile[name]}
    return weight


FILTERED = """query ($filter: OccupationalProfileFilter, $order: OccupationalProfileOrder) {
  occupationalProfiles(first: 500, filter: $filter, orderBy: $order) { totalCount nodes {
    code title { fr nl } classifications { scheme code } economicSectors { code } areasOfInterest { code } lastModified
    essentialCompetences { code } optionalCompetences { code }
  } }
}"""


async def filtered_profiles(
    server: Server, filter: dict[str, Any] | None, order: dict[str, Any] | None = None
) -> list[dict[str, Any]]:
    page = (await server.ask(FILTERED, {"filter": filter, "order": order}))["occupationalProfiles"]
    assert page["totalCount"] == len(page["nodes"])
    return list(page["nodes"])


async def test_filters_agree_with_the_profiles(server: Server) -> None:
    everything = await filtered_profiles(server, None)

    def those(expected: Any) -> list[str]:
        return [node["code"] for node in everything if expected(node)]

    for filter, expected in (
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
        results = [node["code"] for node in await filtered_profiles(server, filter)]
        assert results == those(expected), filter
        assert results or filter == {"iscoPrefix": "%"}


async def test_the_filter_uses_accepts_any_reference(server: Server) -> None:
    query = '{ technicalCompetence(code: "CP-7", release: "3.10") { id uuid knowledgeItems { id } } }'
    old = (await server.ask(query))["technicalCompetence"]
    new = (await server.ask(query.replace("3.10", "3.11")))["technicalCompetence"]
    for used in (
        {"id": old["id"]},
        {"id": new["id"]},
        {"uuid": new["uuid"]},
        {"code": "cp-7"},
        {"id": new["knowledgeItems"][0]["id"]},
        {"code": "KN-799"},
    ):
        assert [node["code"] for node in await filtered_profiles(server, {"uses": used})] == ["OP-115", "OP-313"]


@pytest.mark.parametrize("used", [{"id": "x"}, {"code": "CP-0"}, {"code": "OP-101"}, {}, "CP-7", {"code": None}])
async def test_the_filter_uses_refuses_types_that_profiles_do_not_use(server: Server, used: Any) -> None:
    (error,) = await server.errors(FILTERED, {"filter": {"uses": used}})

    assert error["extensions"]["code"] == "BAD_USER_INPUT"
    assert "uses" in error["message"]
    assert error["extensions"].get("entries", ["uses"]) == ["uses"]


async def test_a_text_filter_is_combined_with_other_conditions(server: Server) -> None:
    both = await filtered_profiles(server, {"text": "recruiter", "iscoPrefix": "2423"})

    assert {node["code"] for node in both} <= {
        node["code"] for node in await filtered_profiles(server, {"text": "recruiter"})
    }
    assert "OP-313" in {node["code"] for node in both}


async def test_profiles_are_ordered_by_title_in_a_language_or_by_code(server: Server) -> None:
    from graphql_api.index.tokenizer import fold

    by_title = [
        node["title"]["fr"] for node in await filtered_profiles(server, None, {"field": "TITLE", "language": "FR"})
    ]
    by_code = [node["code"] for node in await filtered_profiles(server, None, {"field": "CODE", "descending": True})]

    assert by_title == sorted(by_title, key=fold)
    assert by_code == [node["code"] for node in await filtered_profiles(server, None)][::-1]
