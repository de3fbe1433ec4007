"""Both workbooks at real size, served whole, and compared with their rows as read here by other means."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from python_calamine import CalamineWorkbook

from graphql_api.settings import Settings
from tests.conftest import Server
from tests.sandbox.conftest import serving_workbooks

DATA = Path(__file__).parents[3] / "shared" / "data"
NUMBERS = ("3.26", "3.27")
FILES = {number: DATA / f"competent-export-{number}.xlsx" for number in NUMBERS}

pytestmark = [
    pytest.mark.skipif(
        not all(file.exists() for file in FILES.values()), reason="needs the workbooks in ../shared/data"
    ),
    pytest.mark.real,
]

Rows = dict[str, list[list[Any]]]


@pytest.fixture(scope="module")
def rows() -> dict[str, Rows]:
    """The rows of each sheet under the start of its name, without headings."""
    starts = (
        "Occupational Profiles",
        "Occ.Prof - Alt.Names",
        "Occ.Prof - Codes",
        "Occ.Prof - Essential",
        "Occ.Prof - Optional",
    )
    results: dict[str, Rows] = {}
    for number, file in FILES.items():
        book = CalamineWorkbook.from_path(file)
        results[number] = {
            start: book.get_sheet_by_name(
                next(name for name in book.sheet_names if name.startswith(start))
            ).to_python()[1:]
            for start in starts
        }
    return results


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the converted workbooks."""
    return tmp_path_factory.mktemp("cache")


@pytest.fixture
async def workbooks(cache: Path, settings: Settings) -> AsyncIterator[Server]:
    """A server over both workbooks."""
    async with serving_workbooks(FILES.values(), cache, settings) as started:
        yield started


async def test_both_releases_are_served_and_the_highest_is_current(workbooks: Server, rows: dict[str, Rows]) -> None:
    data = await workbooks.ask(
        "{ releases { number isCurrent publishedOn occupationalProfiles(first: 0) { totalCount } technicalCompetences(first: 0) { totalCount } } }"
    )

    assert data["releases"] == [
        {
            "number": number,
            "isCurrent": number == "3.27",
            "publishedOn": rows[number]["Occupational Profiles"][0][15][:10],
            "occupationalProfiles": {"totalCount": len(rows[number]["Occupational Profiles"])},
            "technicalCompetences": {
                "totalCount": len(
                    {row[4] for role in ("Essential", "Optional") for row in rows[number][f"Occ.Prof - {role}"]}
                )
            },
        }
        for number in reversed(NUMBERS)
    ]


@pytest.mark.parametrize("number", NUMBERS)
async def test_a_profile_equals_its_rows(workbooks: Server, rows: dict[str, Rows], number: str) -> None:
    row = rows[number]["Occupational Profiles"][7]
    data = await workbooks.ask(
        """query ($uuid: UUID, $release: String!) { occupationalProfile(uuid: $uuid, release: $release) {
          code title { nl fr en de } description { nl } alternativeNames { code name language } classifications { scheme code }
          essentialCompetences { code } optionalCompetences { code } release { number }
        } }""",
        {"uuid": row[0], "release": number},
    )
    profile = data["occupationalProfile"]

    def own(start: str) -> list[list[Any]]:
        return [item for item in rows[number][start] if item[0] == row[0]]

    def codes(start: str) -> set[str]:
        return {item[5] for item in own(start)}

    assert profile["code"] == row[1]
    assert profile["title"] == {
        language: (row[2 + position].strip() or None) for position, language in enumerate(("nl", "fr", "en", "de"))
    }
    assert profile["release"] == {"number": number}
    assert {(name["code"], name["name"], name["language"].lower()) for name in profile["alternativeNames"]} == {
        (item[5], item[7].strip(), item[6]) for item in own("Occ.Prof - Alt.Names")
    }
    assert [classification["code"] for classification in profile["classifications"]] == [
        str(item[5]) for item in own("Occ.Prof - Codes")
    ]
    assert {competence["code"] for competence in profile["essentialCompetences"]} == codes("Occ.Prof - Essential")
    assert {competence["code"] for competence in profile["optionalCompetences"]} == codes("Occ.Prof - Optional")


@pytest.mark.parametrize("number", NUMBERS)
async def test_a_competence_equals_its_rows_and_lists_all_profiles_with_it(
    workbooks: Server, rows: dict[str, Rows], number: str
) -> None:
    essential, optional = rows[number]["Occ.Prof - Essential"], rows[number]["Occ.Prof - Optional"]
    uuid = essential[100][4]
    data = await workbooks.ask(
        """query ($uuid: UUID, $release: String!) { technicalCompetence(uuid: $uuid, release: $release) {
          code skill { code } knowledgeItems { code description { fr } } behaviouralIndicators { code }
          usedInOccupationalProfiles(first: 500) { edges { importance node { code } } }
        } }""",
        {"uuid": uuid, "release": number},
    )
    competence = data["technicalCompetence"]

    def blocks(role: str) -> set[str]:
        return {row[8] for row in (*essential, *optional) if row[4] == uuid and row[6] == role}

    assert competence["code"] == essential[100][5]
    assert {competence["skill"]["code"]} == blocks("skill")
    assert {item["code"] for item in competence["knowledgeItems"]} == blocks("knowledge")
    assert {indicator["code"] for indicator in competence["behaviouralIndicators"]} == blocks("behavioural indicator")
    used = {(edge["node"]["code"], edge["importance"]) for edge in competence["usedInOccupationalProfiles"]["edges"]}
    assert {code for code, _ in used} == {row[1] for row in (*essential, *optional) if row[4] == uuid}
    assert {code for code, role in used if role == "ESSENTIAL"} == {row[1] for row in essential if row[4] == uuid}


async def test_a_nested_query_at_real_size_fetches_each_document_once(workbooks: Server) -> None:
    query = """{ occupationalProfile(code: "OP-1") { essentialCompetences {
      skill { description { fr } } behaviouralIndicators { description { fr } }
      usedInOccupationalProfiles(first: 100) { nodes { code title { nl } } }
    } } }"""
    data = await workbooks.ask(query)
    paths = workbooks.upstream_paths()

    competences = data["occupationalProfile"]["essentialCompetences"]
    pages = [path for path in paths if "?page=" in path]
    assert len(pages) == 1  # the code stands on the first of two
    assert len(paths) == len(set(paths)) == 2 + len(pages) + 2 * len(competences)

    assert await workbooks.ask(query) == data
    assert workbooks.upstream_paths() == []


async def test_index_counts_equal_the_rows(workbooks: Server, rows: dict[str, Rows]) -> None:
    kinds = {"skills": "skill", "knowledgeItems": "knowledge", "behaviouralIndicators": "behavioural indicator"}
    for number in NUMBERS:
        blocks = [row for row_type in ("Essential", "Optional") for row in rows[number][f"Occ.Prof - {row_type}"]]
        data = await workbooks.ask(
            "query ($r: String!) {"
            + " ".join(f"{item}(release: $r, first: 0) {{ totalCount }}" for item in kinds)
            + "}",
            {"r": number},
        )
        assert {item: data[item]["totalCount"] for item in kinds} == {
            value: len({row[7] for row in blocks if row[6] == row_type}) for value, row_type in kinds.items()
        }


async def test_reverse_links_equal_the_rows(workbooks: Server, rows: dict[str, Rows]) -> None:
    essential, optional = rows["3.27"]["Occ.Prof - Essential"], rows["3.27"]["Occ.Prof - Optional"]
    for row in essential[5:20000:1500]:
        field = {"skill": "skill", "knowledge": "knowledge", "behavioural indicator": "behaviouralIndicator"}[row[6]]
        data = await workbooks.ask(
            f"""query ($u: UUID) {{ {field}(uuid: $u) {{
              usedInTechnicalCompetences(first: 500) {{ totalCount nodes {{ code }} }}
              usedInOccupationalProfiles(first: 500) {{ totalCount edges {{ importance node {{ code }} }} }}
            }} }}""",
            {"u": row[7]},
        )
        where = [item for item in (*essential, *optional) if item[7] == row[7]]
        assert data[field]["usedInTechnicalCompetences"]["totalCount"] == len({item[5] for item in where})
        codes = {item[1] for item in where}
        assert data[field]["usedInOccupationalProfiles"]["totalCount"] == len(codes)
        if len(codes) <= 500:
            edges = {
                (edge["node"]["code"], edge["importance"])
                for edge in data[field]["usedInOccupationalProfiles"]["edges"]
            }
            strong = {item[1] for item in essential if item[7] == row[7]}
            assert edges == {(code, "ESSENTIAL" if code in strong else "OPTIONAL") for code in codes}


async def test_changes_between_the_releases_equal_the_rows(workbooks: Server, rows: dict[str, Rows]) -> None:
    old, new = ({row[0]: row for row in rows[number]["Occupational Profiles"]} for number in NUMBERS)
    query = """query ($kinds: [ChangeKind!]) { release(number: "3.27") { changes(since: "3.26", types: [OCCUPATIONAL_PROFILE], kinds: $kinds, first: 500) {
      nodes { before { uuid } after { uuid } changedFields }
    } } }"""
    edges = {
        role: (await workbooks.ask(query, {"kinds": [role]}))["release"]["changes"]["nodes"]
        for role in ("ADDED", "REMOVED", "CHANGED")
    }
    moved = {
        node["before"]["uuid"]: node["after"]["uuid"] for node in edges["CHANGED"] if "uuid" in node["changedFields"]
    }

    assert {node["after"]["uuid"] for node in edges["ADDED"]} == new.keys() - old.keys() - set(moved.values())
    assert {node["before"]["uuid"] for node in edges["REMOVED"]} == old.keys() - new.keys() - moved.keys()
    titles = {
        node["after"]["uuid"]
        for node in edges["CHANGED"]
        if any(field.startswith("title.") for field in node["changedFields"])
    }
    assert titles == {
        uuid
        for uuid in old.keys() & new.keys()
        if [cell.strip() for cell in old[uuid][2:6]] != [cell.strip() for cell in new[uuid][2:6]]
    }


async def test_every_alternative_name_finds_its_profile(workbooks: Server, rows: dict[str, Rows]) -> None:
    query = """query ($text: String!) { search(text: $text, types: [OCCUPATIONAL_PROFILE], first: 5) { edges { node { uuid } match { text } } } }"""
    names = rows["3.27"]["Occ.Prof - Alt.Names"]
    owners: dict[str, set[str]] = {}
    for row in names:
        owners.setdefault(row[7].strip().lower(), set()).add(row[0])
    lost = []
    for row in names[:: len(names) // 200]:
        if len(owners[row[7].strip().lower()]) > 5:
            continue  # more profiles are called so than places are looked at
        result = (await workbooks.ask(query, {"text": row[7]}))["search"]["edges"]
        if row[0] not in [edge["node"]["uuid"] for edge in result]:
            lost.append((row[7], row[1]))

    assert lost == []
