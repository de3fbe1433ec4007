"""References, gaps, matches, similar profiles and career paths at real size, compared with the rows of the workbooks.

The rows are read here by other means, and all figures are computed from them on plain sets and fractions.
"""

from collections import defaultdict
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import pytest
from python_calamine import CalamineWorkbook

from graphql_api.settings import Settings
from tests.conftest import Server
from tests.sandbox.conftest import serving_workbooks
from tests.sandbox.test_workbooks import FILES, NUMBERS

pytestmark = [
    pytest.mark.skipif(
        not all(file.exists() for file in FILES.values()), reason="needs the workbooks in ../shared/data"
    ),
    pytest.mark.real,
    pytest.mark.xdist_group("comparisons in the workbooks"),
]

LISTS = {
    "skill": "skills",
    "knowledge": "knowledgeItems",
    "behavioural indicator": "behaviouralIndicators",
}
"""Lists of CompetenceGroup by the type of a block in the workbook."""
GROUP = "{ technicalCompetences { code } skills { code } knowledgeItems { code } behaviouralIndicators { code } softSkills { code } digitalSkills { code } }"


@dataclass
class Rows:
    """What each profile of a workbook holds: the weight of each code, by profile and list of CompetenceGroup."""

    held: dict[str, dict[str, dict[str, int]]] = field(default_factory=lambda: defaultdict(lambda: defaultdict(dict)))
    uuids: dict[str, str] = field(default_factory=dict)
    """Uuids by code."""

    @classmethod
    def of(cls, file: Path) -> "Rows":
        book, rows = CalamineWorkbook.from_path(file), cls()
        for name in book.sheet_names:
            sheet = book.get_sheet_by_name(name).to_python()[1:]
            for start, weight in (("Occ.Prof - Optional", 1), ("Occ.Prof - Essential", 2)):
                if name.startswith(start):
                    for row in sheet:
                        rows.hold(row[1], "technicalCompetences", row[5], row[4], weight)
                        rows.hold(row[1], LISTS[row[6]], row[8], row[7], weight)
            for start, group in (("Occ.Prof - Soft", "softSkills"), ("Occ.Prof - Digital", "digitalSkills")):
                if name.startswith(start):
                    for row in sheet:
                        rows.hold(row[1], group, row[5], row[4], 1)
            if name.startswith("Occupational Profiles"):
                for row in sheet:
                    rows.uuids[row[1]] = row[0]
                    _ = rows.held[row[1]]
        return rows

    def hold(self, profile: str, group: str, code: str, uuid: str, weight: int) -> None:
        held = self.held[profile][group]
        held[code] = max(weight, held.get(code, 0))
        self.uuids[code] = uuid

    def coverage(self, start: str, goal: str) -> Fraction:
        has, needs = (self.held[profile]["technicalCompetences"] for profile in (start, goal))
        return Fraction(sum(weight for code, weight in needs.items() if code in has), sum(needs.values()))

    def similar(self, profile: str, group: str) -> list[tuple[str, Fraction, set[str]]]:
        own, results = self.held[profile][group], []
        for other, held in self.held.items():
            theirs = held[group]
            both = own.keys() & theirs.keys()
            if other != profile and both:
                lesser = sum(min(own[code], theirs[code]) for code in both)
                greater = sum(max(own.get(code, 0), theirs.get(code, 0)) for code in own.keys() | theirs.keys())
                results.append((other, Fraction(lesser, greater), both))
        return sorted(results, key=lambda result: (-result[1], number(result[0])))


def number(code: str) -> int:
    return int(code.partition("-")[2])


@pytest.fixture(scope="module")
def rows() -> dict[str, Rows]:
    return {release: Rows.of(file) for release, file in FILES.items()}


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the converted workbooks and their indexes."""
    return tmp_path_factory.mktemp("cache")


@pytest.fixture
async def server(cache: Path, settings: Settings) -> AsyncIterator[Server]:
    async with serving_workbooks(FILES.values(), cache, settings) as started:
        yield started


def codes(group: dict[str, list[dict[str, str]]]) -> dict[str, set[str]]:
    return {name: {item["code"] for item in items} for name, items in group.items()}


@pytest.mark.parametrize("release", NUMBERS)
async def test_a_gap_by_codes_equals_the_rows(server: Server, rows: dict[str, Rows], release: str) -> None:
    query = f"""query ($from: ConceptRef!, $to: ConceptRef!, $release: String) {{
      competenceGap(from: $from, to: $to, release: $release) {{
        coverage shared {GROUP} missing {GROUP} surplus {GROUP} }} }}"""
    of = rows[release]
    largest = sorted(of.held, key=lambda code: len(of.held[code]["technicalCompetences"]))[-3:]
    for start, goal in (*pairwise(largest), ("OP-1", "OP-10")):
        variables = {"from": {"code": start}, "to": {"uuid": of.uuids[goal]}, "release": release}
        gap = (await server.ask(query, variables))["competenceGap"]
        has, needs = of.held[start], of.held[goal]

        assert gap["coverage"] == pytest.approx(float(of.coverage(start, goal)))
        for name in codes(gap["shared"]):
            mine, theirs = has[name].keys(), needs[name].keys()
            assert codes(gap["shared"])[name] == mine & theirs
            assert codes(gap["missing"])[name] == theirs - mine
            assert codes(gap["surplus"])[name] == mine - theirs


@pytest.mark.parametrize("group", [*LISTS.values(), "technicalCompetences", "softSkills", "digitalSkills"])
async def test_coverage_of_matches_by_codes_equals_the_rows(server: Server, rows: dict[str, Rows], group: str) -> None:
    of = rows["3.27"]
    have = sorted(of.held["OP-1"][group])[:4]
    query = """query ($have: [ConceptRef!]!) { profilesForCompetences(have: $have, first: 500) {
      totalCount nodes { profile { code } coverage } } }"""
    page = (await server.ask(query, {"have": [{"code": code} for code in have]}))["profilesForCompetences"]
    expected = {
        code: sum(held[group].get(one, 0) for one in have) / sum(held[group].values())
        for code, held in of.held.items()
        if not held[group].keys().isdisjoint(have)
    }

    assert page["totalCount"] == len(expected)
    assert len(page["nodes"]) == min(len(expected), 500)
    for node in page["nodes"]:
        assert node["coverage"] == pytest.approx(expected[node["profile"]["code"]])


@pytest.mark.parametrize("release", NUMBERS)
async def test_similar_profiles_equal_the_rows(server: Server, rows: dict[str, Rows], release: str) -> None:
    """Of all profiles without a common competence, which are compared by skills, and of as many others."""
    query = """query ($code: String, $release: String!) { occupationalProfile(code: $code, release: $release) {
      similarProfiles(first: 50) { score basis profile { code } sharedCompetences { code } sharedSkills { code } } } }"""
    of = rows[release]
    apart = [code for code in of.held if not of.similar(code, "technicalCompetences")]
    assert len(apart) >= 15
    for code in (*apart, *[code for code in of.held if code not in apart][: len(apart)]):
        group, shared = ("skills", "sharedSkills") if code in apart else ("technicalCompetences", "sharedCompetences")
        profile = (await server.ask(query, {"code": code, "release": release}))["occupationalProfile"]
        results = profile["similarProfiles"]
        expected = of.similar(code, group)[:50]

        assert [item["profile"]["code"] for item in results] == [other for other, *_ in expected]
        assert [item["score"] for item in results] == pytest.approx([float(score) for _, score, _ in expected])
        assert {item["basis"] for item in results} <= {"SKILLS" if code in apart else "TECHNICAL_COMPETENCES"}
        assert [{one["code"] for one in item[shared]} for item in results] == [both for *_, both in expected]


async def test_career_paths_are_the_best_according_to_the_rows(server: Server, rows: dict[str, Rows]) -> None:
    query = """query ($from: ConceptRef!, $to: ConceptRef!) { careerPaths(from: $from, to: $to, first: 10) {
      effort steps { from { code } to { code } gap { coverage missing { technicalCompetences { code } } } } } }"""
    of = rows["3.27"]
    near = {code: {other for other, *_ in of.similar(code, "technicalCompetences")} for code in of.held}
    pairs = sorted(
        ((start, goal) for start in near for goal in near if start < goal),
        key=lambda pair: -len(near[pair[0]] & near[pair[1]]),
    )
    for start, goal in (*pairs[:200:40], pairs[-1]):  # with the most profiles between, and without any
        between = sorted((near[start] & near[goal]) - {start, goal}, key=number)
        paths = [(start, goal), *((start, other, goal) for other in between)]
        efforts = [sum(1 - of.coverage(a, b) for a, b in pairwise(path)) for path in paths]
        best = sorted(range(len(paths)), key=lambda n: (efforts[n], n))[:10]
        assert len(between) > 10 or (start, goal) == pairs[-1]
        results = (await server.ask(query, {"from": {"code": start}, "to": {"code": goal}}))["careerPaths"]

        assert [path["effort"] for path in results] == pytest.approx([float(efforts[n]) for n in best])
        assert [
            (path["steps"][0]["from"]["code"], *(step["to"]["code"] for step in path["steps"])) for path in results
        ] == [paths[n] for n in best]
        for step in (step for path in results for step in path["steps"]):
            has, needs = (of.held[step[end]["code"]]["technicalCompetences"] for end in ("from", "to"))
            assert {one["code"] for one in step["gap"]["missing"]["technicalCompetences"]} == needs.keys() - has.keys()


async def test_ids_of_the_older_workbook_are_translated_according_to_the_rows(
    server: Server, rows: dict[str, Rows]
) -> None:
    """Of 500 concepts of 3.26, those whose uuid 3.27 still has are found; each other is null, with its own error."""
    of_old, of_new = rows["3.26"], rows["3.27"]
    gone = [code for code, uuid in of_old.uuids.items() if uuid not in of_new.uuids.values()]
    sample = [*gone[:15], *sorted(of_old.uuids.keys() - set(gone))[:485]]
    query = """query ($refs: [ConceptRef!]!, $release: String) {
      concepts(refs: $refs, release: $release) { id uuid code release { number } } }"""
    olds = (await server.ask(query, {"refs": [{"code": code} for code in sample], "release": "3.26"}))["concepts"]
    refs = [{"id": concept["id"]} for concept in olds]
    body = (await server.post(query, {"refs": refs, "release": "3.27"})).json()

    assert [concept["uuid"] for concept in olds] == [of_old.uuids[code] for code in sample]
    assert len(gone) > 15
    assert body["data"]["concepts"][:15] == [None] * 15
    assert [error["extensions"]["entries"] for error in body["errors"]] == [[f"refs[{n}]"] for n in range(15)]
    assert [concept["uuid"] for concept in body["data"]["concepts"][15:]] == [
        of_old.uuids[code] for code in sample[15:]
    ]
    assert {concept["release"]["number"] for concept in body["data"]["concepts"][15:]} == {"3.27"}
