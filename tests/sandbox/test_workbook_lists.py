"""Lists, filters, facets, ISCO-08 groups and competence sets at real size, compared with the rows of the workbooks.

The rows are read here by other means, and all counts are made from them with plain sets.
"""

from collections import Counter, defaultdict
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
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
    pytest.mark.xdist_group("lists in the workbooks"),
]

SHEETS = {
    "economicSectors": "Econ.Sectors",
    "areasOfInterest": "Areas of Interest",
    "proofsOfLearning": "ProofsOfLearning",
}
CONDITIONS = {
    "economicSectors": "sectors",
    "areasOfInterest": "areasOfInterest",
    "proofsOfLearning": "proofsOfLearning",
}
TITLES = FILES[NUMBERS[0]].parent / "isco-08.csv"


@dataclass
class Rows:
    """The codes of the values of each profile of a workbook, by list; and the skills of each competence set."""

    held: dict[str, dict[str, set[str]]] = field(default_factory=lambda: defaultdict(lambda: defaultdict(set)))
    skills: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))

    @classmethod
    def of(cls, file: Path) -> "Rows":
        book, rows = CalamineWorkbook.from_path(file), cls()
        for name in book.sheet_names:
            sheet = book.get_sheet_by_name(name).to_python()[1:]
            for row in sheet if name.startswith("Occupational Profiles") else ():
                rows.held[row[1]]["title"] = {
                    language for language, text in zip(("NL", "FR", "EN", "DE"), row[2:6], strict=True) if text
                }
            for group, sheet_name in SHEETS.items():
                for row in sheet if name.startswith(f"Occ.Prof - {sheet_name}") else ():
                    rows.held[row[1]][group].add(row[5])
            for row in sheet if name.startswith("Occ.Prof - Codes") else ():
                rows.held[row[1]]["classifications"].add(str(row[5]))
            for row in sheet if name.startswith("Occ.Prof - Competentiesets") else ():
                rows.held[row[1]]["competenceSets"].add(row[5])
                rows.skills[row[5]].add(row[11])
        return rows

    def counts(self, group: str, profiles: set[str] | None = None) -> Counter[str]:
        """The number of profiles (of these, if given) by code."""
        held = (values for code, values in self.held.items() if profiles is None or code in profiles)
        return Counter(value for values in held for value in values[group])


@pytest.fixture(scope="module")
def rows() -> dict[str, Rows]:
    return {release: Rows.of(file) for release, file in FILES.items()}


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the converted workbooks and their indexes."""
    return tmp_path_factory.mktemp("cache")


@pytest.fixture
async def server(cache: Path, settings: Settings) -> AsyncIterator[Server]:
    titles = TITLES if TITLES.exists() else None
    async with serving_workbooks(FILES.values(), cache, settings, titles=titles) as started:
        yield started


@pytest.mark.parametrize("release", NUMBERS)
async def test_lists_count_the_profiles_of_the_rows(server: Server, rows: dict[str, Rows], release: str) -> None:
    for group in (*SHEETS, "competenceSets"):
        data = await server.ask(
            f"query ($number: String!) {{ release(number: $number) {{ {group} {{ code profileCount }} }} }}",
            {"number": release},
        )
        assert {item["code"]: item["profileCount"] for item in data["release"][group]} == rows[release].counts(group)


@pytest.mark.parametrize("release", NUMBERS)
async def test_isco_groups_count_the_profiles_of_the_rows(server: Server, rows: dict[str, Rows], release: str) -> None:
    data = await server.ask(
        """query ($number: String!) { release(number: $number) { classifications { code profileCount title { nl }
          narrower { code profileCount narrower { code profileCount } } } } }""",
        {"number": release},
    )
    level = data["release"]["classifications"]
    for digits in (1, 2, 3):
        held = (values["classifications"] for values in rows[release].held.values())
        counts = Counter(group for codes in held for group in {code[:digits] for code in codes})
        assert {group["code"]: group["profileCount"] for group in level} == counts
        level = [narrow for group in level for narrow in group.get("narrower", ())]
    if TITLES.exists():
        assert all(group["title"]["nl"] for group in data["release"]["classifications"])


@pytest.mark.parametrize("release", NUMBERS)
async def test_filters_and_facets_agree_with_the_rows(server: Server, rows: dict[str, Rows], release: str) -> None:
    of = rows[release]
    for group, condition in CONDITIONS.items():
        values = [code for code, _ in of.counts(group).most_common(3)]
        data = await server.ask(
            f"""query ($release: String!, $filter: OccupationalProfileFilter) {{
              occupationalProfiles(release: $release, first: 500, filter: $filter) {{ totalCount nodes {{ code }}
                facets {{ {" ".join(f"{name} {{ count value {{ code }} }}" for name in SHEETS)}
                  classifications {{ count value {{ code }} }} }} }} }}""",
            {"release": release, "filter": {condition: values, "iscoPrefix": ["2", "3", "71"], "has": ["FR"]}},
        )
        expected = {
            code
            for code, held in of.held.items()
            if held[group] & {*values}
            and any(isco.startswith(("2", "3", "71")) for isco in held["classifications"])
            and "FR" in held["title"]
        }
        page = data["occupationalProfiles"]
        assert {node["code"] for node in page["nodes"]} == expected
        assert page["totalCount"] == len(expected) > 0
        for name in (*SHEETS, "classifications"):
            counts = {facet["value"]["code"]: facet["count"] for facet in page["facets"][name]}
            assert counts == of.counts(name, expected)


@pytest.mark.parametrize("release", NUMBERS)
async def test_titles_present_or_missing_agree_with_the_rows(
    server: Server, rows: dict[str, Rows], release: str
) -> None:
    query = """query ($release: String!, $filter: OccupationalProfileFilter) {
      occupationalProfiles(release: $release, first: 0, filter: $filter) { totalCount } }"""
    for language in ("NL", "FR", "EN", "DE"):
        having = sum(language in held["title"] for held in rows[release].held.values())
        for condition, count in (("has", having), ("missing", len(rows[release].held) - having)):
            data = await server.ask(query, {"release": release, "filter": {condition: [language]}})
            assert data["occupationalProfiles"]["totalCount"] == count


@pytest.mark.parametrize("release", NUMBERS)
async def test_competence_sets_unite_the_skills_of_the_rows(
    server: Server, rows: dict[str, Rows], release: str
) -> None:
    data = await server.ask(
        """query ($release: String!) { competenceSets(release: $release) { code skills { code }
          usedInOccupationalProfiles(first: 50) { totalCount nodes { code } } } }""",
        {"release": release},
    )
    sets = {one["code"]: one for one in data["competenceSets"]}
    assert {code: {skill["code"] for skill in one["skills"]} for code, one in sets.items()} == rows[release].skills
    for code, one in sets.items():
        profiles = sorted(
            (profile for profile, held in rows[release].held.items() if code in held["competenceSets"]),
            key=lambda profile: int(profile.partition("-")[2]),
        )
        assert [node["code"] for node in one["usedInOccupationalProfiles"]["nodes"]] == profiles[:50]
        assert one["usedInOccupationalProfiles"]["totalCount"] == len(profiles)
