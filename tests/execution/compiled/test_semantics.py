"""Unusual documents and values, by name: responses are the same with compiled queries and without."""

from dataclasses import replace
from typing import Any

import pytest

from tests.execution.compiled.run_examples import Bench
from tests.execution.compiled.scenarios import SCENARIOS, Scenario
from tests.execution.compiled.two_servers import ClientRequest

PROFILE = 'query (VARIABLES) { occupationalProfile(uuid: "UUID") { SELECTION } }'


def of_profile(
    selection: str, variables: str = "", values: dict[str, Any] | None = None, fragments: str = "", **more: Any
) -> ClientRequest:
    """A selection of a profile, whose uuid is filled in later."""
    text = PROFILE.replace("(VARIABLES) ", f"({variables}) " if variables else "").replace("SELECTION", selection)
    return ClientRequest(f"{text} {fragments}".strip(), values, **more)


WORKS = {
    "an empty selection": of_profile("title { nl @skip(if: true) } id @include(if: false)"),
    "nothing of the query": ClientRequest("{ releases @skip(if: true) { id } }"),
    "__typename everywhere": ClientRequest(
        "{ __typename t: __typename occupationalProfiles(first: 1) { __typename edges { __typename node { __typename title { __typename } } } } }"
    ),
    "a field twice, with what merges": of_profile("title { nl } code title { fr nl } ... { title { en } }"),
    "the order is that of the first mention": ClientRequest(
        'query { occupationalProfile(uuid: "UUID") { ...A title { nl } ...B } } fragment A on Concept { code } fragment B on OccupationalProfile { uuid code id title { de fr } }'
    ),
    "lookups by uuid, of a release and of the query": ClientRequest(
        '{ release { a: occupationalProfile(uuid: "UUID") { uuid title { nl } } b: occupationalProfile(uuid: "00000000-0000-4000-8000-000000000000") { id } } c: occupationalProfile(uuid: "UUID", code: null) { id code } d: skill(uuid: "SKILL", release: "current") { code } }'
    ),
    "aliases that change places": of_profile("title: description { nl } description: title { nl } code: id id: code"),
    "one field under two names with two arguments": of_profile(
        "title { a: text(languages: [FR]) b: text(languages: [EN, NL]) c: text }",
        headers={"accept-language": "de, fr;q=0.4"},
    ),
    "no languages at all": of_profile(
        "title { a: text(languages: []) b: localized(languages: []) { text isFallback } c: text(languages: null) }",
        headers={"accept-language": "fr"},
    ),
    "one language without its list": of_profile(
        "title { text(languages: FR) } b: description { localized(languages: $l) { language } }",
        "$l: [Language!]",
        {"l": "EN"},
    ),
    "a language in a list": of_profile(
        "title { text(languages: [$a, NL, $b]) }", "$a: Language!, $b: Language!", {"a": "EN", "b": "FR"}
    ),
    "a variable that is missing": of_profile(
        "title { text(languages: $l) } similarProfiles(first: $n) { score }", "$l: [Language!], $n: Int", {}
    ),
    "a variable that is null": of_profile("title { text(languages: $l) }", "$l: [Language!]", {"l": None}),
    "a default": of_profile("title { text(languages: $l) }", "$l: [Language!] = [EN]"),
    "a default of one without its list": of_profile("title { text(languages: $l) }", "$l: [Language!] = FR"),
    "a default that null stands before": of_profile(
        "title { text(languages: $l) }", "$l: [Language!] = [EN]", {"l": None}
    ),
    "an undeclared variable": of_profile("code", "", {"x": 1, "c": None}),
    "a whole float for an int": ClientRequest(
        "query ($n: Int) { skills(first: $n) { totalCount nodes { code } } }", {"n": 2.0}
    ),
    "a uuid in capitals": ClientRequest("query ($u: UUID) { skill(uuid: $u) { uuid id code } }", {"u": "SKILL"}),
    "a code with spaces around": ClientRequest('{ occupationalProfile(code: "  op-101 ") { code } }'),
    "directives on both": of_profile(
        "code @skip(if: $a) @include(if: $b) ...F @include(if: $b) ... @skip(if: $a) { uuid }",
        "$a: Boolean!, $b: Boolean!",
        {"a": False, "b": True},
        fragments="fragment F on Node { id }",
    ),
    "fragments on interfaces": ClientRequest(
        "query ($ids: [ID!]!) { nodes(ids: $ids) { __typename id ... on Concept { uuid code } ... on Competence { description { nl } regions } ... on OccupationalProfile { title { nl } } ... on TechnicalCompetence { skill { code } } ... on Release { number isCurrent } } }",
        {"ids": "IDS"},
    ),
    "fragments on labels": of_profile(
        "economicSectors { ... on Label { uuid code title { nl } } ...L } areasOfInterest { ...L __typename } proofsOfLearning { ...L }",
        fragments="fragment L on Label { code title { text } __typename }",
    ),
    "null for a condition below what is null": ClientRequest(
        'query ($c: Boolean = true) { skill(code: "XX") { code @include(if: $c) } releases { number } }', {"c": None}
    ),
    "several operations": ClientRequest("query A { releases { number } } query B { release { number id } }", name="B"),
    "what the index knows": ClientRequest(
        '{ search(text: "verzorgende", mode: HYBRID, types: OCCUPATIONAL_PROFILE, languages: [NL]) { totalCount mode reason edges { node { id } match { kind field language text marked } } } suggest(prefix: "v", first: 3) { text language isAlternativeName occupationalProfile { code } } }'
    ),
    "what changed": ClientRequest(
        '{ release { changes(since: "3.10", kinds: [CHANGED, ADDED], first: 3) { totalCount nodes { kind type changedFields before { id } after { id ... on OccupationalProfile { title { nl } } } } } } }'
    ),
    "deep paths": of_profile(
        "essentialCompetences { usedInOccupationalProfiles(first: 2) { nodes { essentialCompetences { code skill { code usedInTechnicalCompetences(first: 1) { nodes { code } } } } } edges { importance cursor } pageInfo { hasNextPage endCursor } } }"
    ),
}
"""Each has data and no error."""

FAILS = {
    "nothing where something must be": ClientRequest(
        "query ($ids: [ID!]!) { releases { number } nodes(ids: $ids) { id } }", {"ids": ["x"] * 501}
    ),
    "wrong ids among good ones": ClientRequest(
        "query ($ids: [ID!]!) { nodes(ids: $ids) { id } }", {"ids": ["x", "IDS", "", "U2tpbGw"]}
    ),
    "an error at a field that is named twice": ClientRequest(
        '{ node(id: "x") { id } node(id: "x") { __typename } ... { node(id: "x") { id } } }'
    ),
    "errors at every level": of_profile(
        'similarProfiles(first: 99) { score } digitalSkills { usedInOccupationalProfiles(first: -1) { totalCount } a: usedInTechnicalCompetences(after: "x") { totalCount } } release { skills(first: 1, last: 1) { totalCount } changes(since: "9.9") { totalCount } }'
    ),
    "errors in items of lists": ClientRequest(
        "{ technicalCompetences(first: 3) { nodes { code usedInOccupationalProfiles(first: 501) { totalCount } } } }"
    ),
    "neither uuid nor code": ClientRequest('{ skill { id } b: skill(uuid: "SKILL", code: "x") { id } }'),
    "null for what must be": of_profile("similarProfiles(first: $n) { score }", "$n: Int", {"n": None}),
    "null for a condition": of_profile("code title @include(if: $c) { nl }", "$c: Boolean = true", {"c": None}),
    "null for a condition deeper": of_profile("code title { nl @skip(if: $c) }", "$c: Boolean = true", {"c": None}),
    "null for a condition of the query": ClientRequest(
        "query ($c: Boolean = true) { releases @include(if: $c) { id } }", {"c": None}
    ),
    "both uuid and code, of a release": ClientRequest(
        '{ release { occupationalProfile(uuid: "UUID", code: "x") { id } skill { id } } }'
    ),
    "no such release": ClientRequest(
        '{ release(number: "9.9") { id } a: skills(release: "9.9") { totalCount } b: skills(release: "../x") { totalCount } c: skill(release: "9.9", code: "x") { id } }'
    ),
    "a cursor of another list": ClientRequest(
        "query ($c: String) { skills(after: $c) { totalCount } knowledgeItems(after: $c, first: 2) { totalCount nodes { code } } }",
        {"c": "CURSOR"},
    ),
    "an invalid uuid": ClientRequest("query ($u: UUID) { skill(uuid: $u) { id } }", {"u": "x"}),
    "an invalid uuid as a literal": ClientRequest('{ skill(uuid: "x") { id } }'),
    "an invalid date": ClientRequest(
        "query ($d: Date) { occupationalProfiles(filter: {changedSince: $d}) { totalCount } }", {"d": "2020-02-30"}
    ),
    "too large a number": ClientRequest("query ($n: Int) { skills(first: $n) { totalCount } }", {"n": 2**31}),
    "a text for a number": ClientRequest("query ($n: Int) { skills(first: $n) { totalCount } }", {"n": "2"}),
    "a language there is not": of_profile("title { text(languages: $l) }", "$l: [Language!]", {"l": ["NL", "nl"]}),
    "a null in a list": of_profile("title { text(languages: $l) }", "$l: [Language!]", {"l": ["NL", None]}),
    "a field that an input lacks": ClientRequest(
        "query ($f: OccupationalProfileFilter) { occupationalProfiles(filter: $f) { totalCount } }", {"f": {"x": 1}}
    ),
    "an input without what it needs": ClientRequest(
        "query ($o: OccupationalProfileOrder) { occupationalProfiles(orderBy: $o) { totalCount } }", {"o": {}}
    ),
    "a null for what has a default": ClientRequest(
        "query ($o: OccupationalProfileOrder) { occupationalProfiles(orderBy: $o) { totalCount } }",
        {"o": {"field": "CODE", "language": None}},
    ),
    "an invalid id in a filter": ClientRequest(
        "query ($id: ID!) { occupationalProfiles(filter: {uses: {id: $id}}) { totalCount } }", {"id": "x"}
    ),
    "a variable that is missing where one must be": ClientRequest("query ($u: UUID!) { skill(uuid: $u) { id } }", {}),
    "a number for an id": ClientRequest("query ($id: ID!) { nodes(ids: [$id]) { id } }", {"id": 5}),
    "no such operation": ClientRequest("query A { releases { id } } query B { releases { id } }", name="C"),
    "no operation chosen": ClientRequest("query A { releases { id } } query B { releases { id } }"),
    "too many unknown fields": ClientRequest("{ " + " ".join(f"x{number}" for number in range(30)) + " }"),
}
"""Each has an error."""


def with_existing_ids(request: ClientRequest, bench: Bench) -> ClientRequest:
    """Fill in ids that exist."""
    samples = bench.data.samples
    values = {
        "UUID": samples.uuids["OccupationalProfile"][0],
        "SKILL": samples.uuids["Skill"][0].upper(),
        "CURSOR": samples.cursors["skills"][0],
    }
    query = request.query
    for name in ("UUID", "SKILL"):
        query = query.replace(f'"{name}"', f'"{values[name]}"')
    variables = request.variables and {
        name: _filled(value, values, samples.any_ids()) for name, value in request.variables.items()
    }
    return ClientRequest(
        query, variables, request.name, request.headers | {"accept": "application/graphql-response+json"}, request.get
    )


def _filled(value: Any, values: dict[str, str], ids: list[str]) -> Any:
    if value == "IDS":
        return ids
    if isinstance(value, list):
        return [item for one in value for item in (ids if one == "IDS" else [one])]
    return values.get(value, value) if isinstance(value, str) else value


@pytest.mark.slow
@pytest.mark.parametrize("scenario", [SCENARIOS[0], SCENARIOS[1]], ids=lambda item: item.name)
@pytest.mark.parametrize("group", [WORKS, FAILS], ids=["works", "fails"])
def test_unusual_documents_and_values_have_equal_responses(
    bench: Bench, group: dict[str, ClientRequest], scenario: Scenario
) -> None:
    requests = {name: with_existing_ids(item, bench) for name, item in group.items()}

    replies = bench.compare(scenario, 3, [*requests.values(), *(replace(item, get=True) for item in requests.values())])

    if not scenario.damaged:
        failed = [
            name for name, item in requests.items() if b'"errors":' in replies[item.query, str(item.variables)].body
        ]
        assert failed == (list(FAILS) if group is FAILS else [])


def test_long_responses_are_compressed_equally(bench: Bench) -> None:
    headers = {"accept-encoding": "gzip, br"}
    lengths = [
        f"{{ skills(first: {first}) {{ nodes {{ id uuid code description {{ nl fr }} }} }} }}"
        for first in (1, 3, 6, 500)
    ]
    requests = [ClientRequest(length, headers=headers, get=get) for length in lengths for get in (False, True)]

    replies = bench.compare(SCENARIOS[0], 0, requests)

    encodings = [replies[length, "None"].headers.get("content-encoding") for length in lengths]
    assert (encodings[0], encodings[-1]) == (None, "gzip")
