"""Ordinary queries over the small releases: all example operations, and further ones."""

from typing import Any

from graphql_api.http.pages.examples import examples

BoundQuery = tuple[str, dict[str, Any]]
"""A document and its variables."""

MORE = {
    "AllOfAProfile": """query ($profileCode: String!) { occupationalProfile(code: $profileCode) {
        id uuid code title { nl fr } lastModified lastPublished release { number isCurrent }
        alternativeNames { uuid code name language } proofsOfLearning { uuid code } economicSectors { uuid code } areasOfInterest { uuid code }
        essentialCompetences { id code } optionalCompetences { uuid skill { uuid code regions } knowledgeItems { code } behaviouralIndicators { uuid code } }
        softSkills { uuid code description { nl } regions } } }""",
    "ProfileByUuid": "query ($profileUuid: UUID!) { byUuid: occupationalProfile(uuid: $profileUuid) { id code optionalCompetences { id } } }",
    "CompetenceByCode": """query ($competenceCode: String!) { technicalCompetence(code: $competenceCode) { id uuid code
        usedInOccupationalProfiles(first: 2) { totalCount nodes { id code } pageInfo { hasNextPage } } } }""",
    "Unused": """query ($unused: String!) { technicalCompetence(code: $unused) { code skill { description { nl } }
        usedInOccupationalProfiles { totalCount nodes { id } } } }""",
    "SoftSkill": """query ($softSkillUuid: UUID!) { softSkill(uuid: $softSkillUuid) { id code description { nl } regions
        usedInOccupationalProfiles { totalCount nodes { code } } } }""",
    "SoftSkills": "{ softSkills { totalCount nodes { uuid code description { nl } regions } } }",
    "Nothing": """{ occupationalProfile(code: "OP-0") { id }
        technicalCompetence(uuid: "00000000-0000-4000-8000-000000000000") { id }
        softSkill(uuid: "00000000-0000-4000-8000-000000000000") { id }
        skill(code: "SK-0") { id } node(id: "U29mdFNraWxsOjkuOTowMDAwMDAwMC0wMDAwLTQwMDAtODAwMC0wMDAwMDAwMDAwMDA") { id } }""",
    "NoSuchRelease": """{ release(number: "9.9") { number } softSkills(release: "9.9") { totalCount } }""",
    "OlderRelease": """query ($since: String!) { release(number: $since) { id number isCurrent publishedOn
        occupationalProfiles(last: 1) { totalCount nodes { code title { nl } } } } }""",
    "Pages": """{ a: technicalCompetences(first: 3) { totalCount nodes { id code } } b: technicalCompetences(last: 3) { nodes { id code } }
        occupationalProfiles(first: 2) { totalCount nodes { uuid code title { nl } } } }""",
    "Blocks": "{ skills { totalCount nodes { uuid code regions } } knowledgeItems(first: 3) { totalCount nodes { id } } digitalSkills { nodes { code description { nl } } } }",
    "WithoutAnIndex": """query ($profileCode: String!, $profileUuid: UUID!, $competenceUuid: UUID!, $softSkillUuid: UUID!, $unused: String!, $since: String!) {
        releases { number isCurrent publishedOn }
        occupationalProfile(code: $profileCode) {
            id code title { nl fr } lastModified classifications { code }
            essentialCompetences { id code behaviouralIndicators { code } usedInOccupationalProfiles { totalCount nodes { code } } }
            optionalCompetences { uuid skill { uuid code regions } knowledgeItems { code } }
            softSkills { id code description { nl } }
        }
        byUuid: occupationalProfile(uuid: $profileUuid) { code optionalCompetences { code } }
        technicalCompetence(uuid: $competenceUuid) { code skill { description { nl } } usedInOccupationalProfiles { edges { importance node { title { nl } } } } }
        unused: technicalCompetence(code: $unused) { id usedInOccupationalProfiles { totalCount } }
        softSkill(uuid: $softSkillUuid) { id code description { nl } }
        softSkills { totalCount nodes { uuid code } }
        nothing: technicalCompetence(uuid: "00000000-0000-4000-8000-000000000000") { id }
        noRelease: softSkills(release: "9.9") { totalCount }
        older: release(number: $since) { number isCurrent occupationalProfiles { totalCount nodes { code title { nl } } } }
        first: technicalCompetences(first: 3) { totalCount nodes { code } }
        last: technicalCompetences(last: 3) { nodes { id code } }
    }""",
    "Filtered": """query ($sector: String!) { occupationalProfiles(filter: { sectors: [$sector] }) { totalCount nodes { code } }
        late: occupationalProfiles(filter: { changedSince: "2000-01-01" }) { totalCount } }""",
}

IN_PAIRS = "WithoutAnIndex"
"""The query tested with pairs of mutations: all kinds of documents and lists. It needs an index only if something is missing."""

VARIABLES = """{ occupationalProfiles(first: 1) { nodes { uuid economicSectors { uuid } softSkills { uuid } optionalCompetences { code } } } }"""


def bound_queries(values: dict[str, Any], more: dict[str, Any]) -> dict[str, BoundQuery]:
    """All queries by name with their variables, which come from the examples and from the response to `VARIABLES`."""
    (profile,) = more["occupationalProfiles"]["nodes"]
    arguments = {
        **values,
        "profileUuid": profile["uuid"],
        "sector": profile["economicSectors"][0]["uuid"],
        "softSkillUuid": profile["softSkills"][0]["uuid"],
        "competenceCode": profile["optionalCompetences"][0]["code"],
        "unused": "CP-7",
    }
    texts = {
        example.name: example.query
        for example in examples()
        if "\nquery " in example.query and not example.needs_vectors
    }
    texts |= MORE
    return {
        name: (text, {key: value for key, value in arguments.items() if f"${key}:" in text.replace(" :", ":")})
        for name, text in texts.items()
    }


def leaves(value: Any, path: tuple[Any, ...] = ()) -> dict[tuple[Any, ...], Any]:
    """All leaves of a response by path, and the length of each list."""
    if isinstance(value, dict):
        return {below: item for key, one in value.items() for below, item in leaves(one, (*path, key)).items()}
    if isinstance(value, list):
        results: dict[tuple[Any, ...], Any] = {(*path, "length"): len(value)}
        for position, entry in enumerate(value):
            results |= leaves(entry, (*path, position))
        return results
    return {path: value}
