"""Lists of Release by which profiles are browsed, filters of several values, and facets, compared with the profiles themselves."""

from collections import Counter
from typing import Any

import pytest

from tests.conftest import PROFILES, Server
from tests.index_statements import record_statements

pytestmark = pytest.mark.usefixtures("indexed")

LISTS = {"economicSectors": "sectors", "areasOfInterest": "areasOfInterest", "proofsOfLearning": "proofsOfLearning"}
"""The condition of the filter for each list of terms."""
TERM = "{ uuid code title { nl fr en de } }"
EVERYTHING = f"""{{ occupationalProfiles(first: 500) {{ nodes {{
  code title {{ nl fr en de }} classifications {{ scheme code }}
  {" ".join(f"{name} {TERM}" for name in LISTS)}
}} }} }}"""


async def all_profiles(server: Server) -> list[dict[str, Any]]:
    nodes: list[dict[str, Any]] = (await server.ask(EVERYTHING))["occupationalProfiles"]["nodes"]
    assert len(nodes) == PROFILES
    return nodes


@pytest.mark.parametrize("name", LISTS)
async def test_a_list_has_every_term_once_with_its_profiles(server: Server, name: str) -> None:
    data = await server.ask(
        f"{{ release {{ {name} {{ uuid code title {{ nl fr en de }} profileCount "
        "occupationalProfiles(first: 50) { totalCount nodes { code } } } } }"
    )

    profiles = await all_profiles(server)
    listed = data["release"][name]
    used = {term["code"]: term for profile in profiles for term in profile[name]}
    assert {term["code"]: {key: term[key] for key in ("uuid", "code", "title")} for term in listed} == used
    assert [term["code"] for term in listed] == sorted(used, key=lambda code: (len(code), code))
    for term in listed:
        codes = [profile["code"] for profile in profiles if term["code"] in [own["code"] for own in profile[name]]]
        assert [node["code"] for node in term["occupationalProfiles"]["nodes"]] == codes[:50]
        assert term["profileCount"] == term["occupationalProfiles"]["totalCount"] == len(codes)


@pytest.mark.parametrize("name", LISTS)
async def test_facets_count_under_the_filter_and_not_only_on_the_page(server: Server, name: str) -> None:
    profiles = await all_profiles(server)
    frequent = [code for code, _ in Counter(own["code"] for item in profiles for own in item[name]).most_common(2)]
    matching = [profile for profile in profiles if {own["code"] for own in profile[name]} & {*frequent}]
    data = await server.ask(
        f"query ($values: [String!]) {{ occupationalProfiles(first: 1, filter: {{ {LISTS[name]}: $values }}) {{ totalCount "
        f"facets {{ {' '.join(f'{item} {{ count value {{ code }} }}' for item in LISTS)} "
        "classifications { count value { scheme code } } } } }",
        {"values": frequent},
    )

    facets = data["occupationalProfiles"]["facets"]
    assert data["occupationalProfiles"]["totalCount"] == len(matching)
    for item in (*LISTS, "classifications"):
        counts = Counter(own["code"] for profile in matching for own in profile[item])
        assert {facet["value"]["code"]: facet["count"] for facet in facets[item]} == counts
        assert [facet["count"] for facet in facets[item]] == sorted(counts.values(), reverse=True)


async def test_facets_without_a_filter_count_all_profiles(server: Server) -> None:
    data = await server.ask(
        "{ occupationalProfiles(first: 0) { facets { economicSectors { count value { profileCount } } } } }"
    )

    facets = data["occupationalProfiles"]["facets"]["economicSectors"]
    assert facets
    assert all(facet["count"] == facet["value"]["profileCount"] for facet in facets)


async def test_facets_of_a_level_count_a_profile_once_per_group(server: Server) -> None:
    profiles = await all_profiles(server)
    data = await server.ask(
        '{ occupationalProfiles(first: 1, filter: { text: "verzorgen" }, orderBy: { field: TITLE }) { totalCount '
        "facets { classifications(level: 1) { count value { code } } } } "
        'all: occupationalProfiles(first: 500, filter: { text: "verzorgen" }) { nodes { code } } }'
    )

    codes = {node["code"] for node in data["all"]["nodes"]}
    counts = Counter(
        group
        for profile in profiles
        if profile["code"] in codes
        for group in {own["code"][0] for own in profile["classifications"]}
    )
    facets = data["occupationalProfiles"]["facets"]["classifications"]
    assert {facet["value"]["code"]: facet["count"] for facet in facets} == counts
    assert len(codes) == data["occupationalProfiles"]["totalCount"] > 0


async def test_an_isco_group_counts_all_profiles_below_it(server: Server) -> None:
    group = "code uri profileCount broader { code } occupationalProfiles(first: 2) { totalCount nodes { code } }"
    data = await server.ask(
        f"{{ release {{ classifications {{ {group} narrower {{ {group} narrower {{ {group} narrower {{ {group} narrower {{ code }} "
        "} } } } } }"
    )

    profiles = await all_profiles(server)
    codes = {profile["code"]: {own["code"] for own in profile["classifications"]} for profile in profiles}
    level, digits = data["release"]["classifications"], 1
    while digits <= 4:
        beginnings = {code[:digits] for own in codes.values() for code in own}
        assert [group["code"] for group in level] == sorted(beginnings)
        for group in level:
            below = [code for code, own in codes.items() if any(one.startswith(group["code"]) for one in own)]
            assert [node["code"] for node in group["occupationalProfiles"]["nodes"]] == below[:2]
            assert group["profileCount"] == group["occupationalProfiles"]["totalCount"] == len(below)
            assert group["uri"] == f"http://data.europa.eu/esco/isco/C{group['code']}"
            assert group["broader"] == (None if digits == 1 else {"code": group["code"][:-1]})
        level, digits = [narrow for group in level for narrow in group["narrower"]], digits + 1
    assert level == []


async def test_classifications_below_a_group_or_in_another_scheme(server: Server) -> None:
    data = await server.ask(
        """{ release { below: classifications(broader: "22") { code broader { code narrower { code } } }
          spelled: classifications(scheme: "isco08", broader: "22") { code }
          unit: classifications(broader: "2221") { code } none: classifications(broader: "x") { code }
          other: classifications(scheme: "sector") { code } odd: classifications(scheme: "\\u0000") { code } } }"""
    )

    release = data["release"]
    assert [group["code"] for group in release["below"]] == ["222", "226"] or release["below"]
    assert all(group["broader"]["code"] == "22" for group in release["below"])
    assert release["below"][0]["broader"]["narrower"] == [{"code": group["code"]} for group in release["below"]]
    assert release["spelled"] == [{"code": group["code"]} for group in release["below"]]
    assert release["unit"] == release["none"] == release["other"] == release["odd"] == []


async def test_a_value_of_a_profile_lists_all_profiles_with_it(server: Server) -> None:
    data = await server.ask(
        """{ occupationalProfile(code: "OP-101") {
          economicSectors { code profileCount occupationalProfiles(first: 1) { totalCount facets { economicSectors { count } } } }
          classifications { code profileCount broader { profileCount broader { code profileCount } } } } }"""
    )

    profiles = await all_profiles(server)
    for sector in data["occupationalProfile"]["economicSectors"]:
        count = sum(sector["code"] in [own["code"] for own in profile["economicSectors"]] for profile in profiles)
        assert sector["profileCount"] == sector["occupationalProfiles"]["totalCount"] == count
        assert sector["occupationalProfiles"]["facets"]["economicSectors"][0] == {"count": count}
    for group in data["occupationalProfile"]["classifications"]:
        assert group["profileCount"] <= group["broader"]["profileCount"] <= group["broader"]["broader"]["profileCount"]


async def test_values_of_a_condition_are_alternatives_and_conditions_restrict(server: Server) -> None:
    profiles = await all_profiles(server)
    query = "query ($filter: OccupationalProfileFilter) { occupationalProfiles(first: 500, filter: $filter) { nodes { code } } }"

    def codes(name: str, profile: dict[str, Any]) -> set[str]:
        return {own["code"] for own in profile[name]}

    for filter, applies in (
        ({"sectors": []}, lambda profile: True),
        ({"sectors": ["ES-1", "es-2"]}, lambda profile: codes("economicSectors", profile) & {"ES-1", "ES-2"}),
        ({"proofsOfLearning": ["PL-1"]}, lambda profile: "PL-1" in codes("proofsOfLearning", profile)),
        (
            {"sectors": ["ES-1", "ES-2"], "iscoPrefix": ["22", "53"]},
            lambda profile: (
                codes("economicSectors", profile) & {"ES-1", "ES-2"}
                and any(code[:2] in ("22", "53") for code in codes("classifications", profile))
            ),
        ),
        ({"has": ["DE"]}, lambda profile: profile["title"]["de"]),
        ({"has": ["DE", "EN"]}, lambda profile: profile["title"]["de"] or profile["title"]["en"]),
        ({"missing": ["DE", "EN"]}, lambda profile: not (profile["title"]["de"] and profile["title"]["en"])),
        ({"missing": ["EN"], "has": ["NL"]}, lambda profile: profile["title"]["nl"] and not profile["title"]["en"]),
        ({"regions": ["Brussel"]}, lambda profile: False),
        ({"sectors": ["%", "", "ES-1 OR 1=1"], "areasOfInterest": ["\0"]}, lambda profile: False),
    ):
        data = await server.ask(query, {"filter": filter})
        expected = [profile["code"] for profile in profiles if applies(profile)]
        assert [node["code"] for node in data["occupationalProfiles"]["nodes"]] == expected, filter


async def test_each_value_list_has_its_own_cursors(server: Server) -> None:
    query = """query ($after: String) { release { economicSectors { occupationalProfiles(first: 1, after: $after) {
      nodes { code } pageInfo { hasNextPage endCursor } } } } }"""
    first, other, *_ = (await server.ask(query))["release"]["economicSectors"]
    cursor = first["occupationalProfiles"]["pageInfo"]["endCursor"]
    answer = (await server.post(query, {"after": cursor})).json()

    second = answer["data"]["release"]["economicSectors"][0]["occupationalProfiles"]
    assert second["nodes"] != first["occupationalProfiles"]["nodes"]
    assert other["occupationalProfiles"]["pageInfo"]["endCursor"] != cursor
    assert answer["errors"][0]["extensions"]["code"] == "BAD_USER_INPUT"
    assert answer["errors"][0]["path"] == ["release", "economicSectors", 1, "occupationalProfiles"]


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("{ occupationalProfiles { facets { classifications(level: 5) { count } } } }", "`level` is 5"),
        ("{ occupationalProfiles { facets { classifications(level: 0) { count } } } }", "`level` is 0"),
        (
            "{ occupationalProfiles(filter: { sectors: [" + '"x" ' * 501 + "] }) { totalCount } }",
            "501 values",
        ),
        (
            '{ occupationalProfile(code: "OP-101") { classifications { occupationalProfiles(first: 501) { totalCount } } } }',
            "`first` is 501",
        ),
        ('{ occupationalProfiles(filter: { has: ["nl"] }) { totalCount } }', "Language"),
        ('{ occupationalProfiles(filter: { sector: "ES-1" }) { totalCount } }', "sector"),
    ],
)
async def test_errors_name_the_invalid_input(server: Server, query: str, message: str) -> None:
    error, *_ = await server.errors(query)

    assert error["extensions"]["code"] in ("BAD_USER_INPUT", "GRAPHQL_VALIDATION_FAILED")
    assert message in error["message"]


async def test_a_failing_facet_does_not_affect_the_others(server: Server) -> None:
    answer = (
        await server.post(
            "{ occupationalProfiles { facets { classifications(level: 9) { count } areasOfInterest { count } } } }"
        )
    ).json()

    facets = answer["data"]["occupationalProfiles"]["facets"]
    assert facets["classifications"] is None
    assert facets["areasOfInterest"]
    assert [error["extensions"]["code"] for error in answer["errors"]] == ["BAD_USER_INPUT"]


async def test_counts_take_a_constant_number_of_queries(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    statements = record_statements(monkeypatch)
    await server.ask('{ skill(code: "SK-1") { code } }')  # opens the index
    statements.clear()
    counts = "code profileCount"
    await server.ask(
        f"{{ release {{ economicSectors {{ {counts} }} areasOfInterest {{ {counts} }} proofsOfLearning {{ {counts} }} "
        f"classifications {{ {counts} narrower {{ {counts} narrower {{ {counts} }} }} }} }} "
        f"occupationalProfiles(first: 50) {{ facets {{ economicSectors {{ count value {{ {counts} }} }} }} "
        f"nodes {{ economicSectors {{ {counts} }} classifications {{ {counts} }} }} }} }}"
    )

    assert len(statements) == 2  # the profiles in order, and their values

    statements.clear()
    await server.ask(
        '{ a: occupationalProfiles(filter: { sectors: ["ES-1"], has: [NL] }) { totalCount facets { areasOfInterest { count } } } }'
    )
    assert not [statement for statement in statements if "facet" in statement]


async def test_profiles_of_all_values_are_read_once(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    statements = record_statements(monkeypatch)
    await server.ask('{ skill(code: "SK-1") { code } }')
    statements.clear()
    data = await server.ask("{ release { economicSectors { occupationalProfiles(first: 5) { nodes { code } } } } }")

    codes = [
        node["code"]
        for sector in data["release"]["economicSectors"]
        for node in sector["occupationalProfiles"]["nodes"]
    ]
    assert len(codes) > len({*codes})
    assert len(statements) == 2 + len({*codes})
