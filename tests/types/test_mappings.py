"""Mappings to other classifications, from files of the operator, through GraphQL, linked data and the command line."""

import logging
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from graphql_api.app import create_app
from graphql_api.cli import command
from graphql_api.competent import mappings
from graphql_api.competent.mappings import open_mappings
from graphql_api.errors import SettingsError
from graphql_api.sandbox import Releases
from graphql_api.settings import Settings
from graphql_api.settings.files import MAX_WARNINGS
from tests.conftest import CP_7, Server, running
from tests.work_counter import count_work, measure_work

ESCO = "http://data.europa.eu/esco/skill/"
FILE = f"""#curie_map:
#  esco: {ESCO}
#  ROME: https://example.org/rome/
#mapping_set_title: Hand-made
subject_id\tpredicate_id\tobject_id\tobject_label\tmapping_justification
competent:CP-7\tskos:exactMatch\tesco:a1\trecruit personnel\tsemapv:ManualMappingCuration
{CP_7}\tskos:broadMatch\tROME:M1502\t\tsemapv:ManualMappingCuration
competent:SK-3851\tskos:closeMatch\tesco:a1\trecruit personnel\tsemapv:ManualMappingCuration
competent:OP-101\tskos:sameAs\tesco:a2\tnurse\tsemapv:ManualMappingCuration
competent:CP-99999\tskos:exactMatch\tesco:a1\trecruit\tsemapv:ManualMappingCuration
competent:OP-102\tskos:relatedMatch\tesco:a3\tcare\tsemapv:ManualMappingCuration
"""
SELECTED = "{ scheme uri code label match source }"
TO_ESCO = {"scheme": "ESCO", "uri": f"{ESCO}a1", "code": "a1", "label": "recruit personnel", "source": "Hand-made"}
TO_ROME = {
    "scheme": "ROME",
    "uri": "https://example.org/rome/M1502",
    "code": "M1502",
    "label": None,
    "match": "BROAD",
    "source": "Hand-made",
}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "crosswalk.sssom.tsv"
    path.write_text(FILE, encoding="utf-8")
    return path


@pytest.fixture(params=["on", "off"])
async def mapped_server(
    request: pytest.FixtureRequest, releases: Releases, settings: Settings, file: Path
) -> AsyncIterator[Server]:
    """A server with the file; compiled queries and graphql-core must give the same responses."""
    async with running(releases, replace(settings, mapping=(file,), compiled_queries=request.param)) as server:
        yield server


async def test_a_concept_has_the_mappings_of_its_uuid_and_its_code(mapped_server: Server) -> None:
    data = await mapped_server.ask(f'{{ technicalCompetence(code: "CP-7") {{ mappings {SELECTED} }} }}')

    assert data["technicalCompetence"]["mappings"] == [TO_ROME, TO_ESCO | {"match": "EXACT"}]


async def test_nested_concepts_have_their_mappings(mapped_server: Server) -> None:
    data = await mapped_server.ask(
        f"{{ occupationalProfiles {{ nodes {{ code essentialCompetences {{ code skill {{ code mappings {SELECTED} }} }} }} }} }}"
    )
    skills = [
        competence["skill"]
        for node in data["occupationalProfiles"]["nodes"]
        for competence in node["essentialCompetences"]
        if competence["skill"]
    ]

    assert {skill["code"]: skill["mappings"] for skill in skills if skill["mappings"]} == {
        "SK-3851": [TO_ESCO | {"match": "CLOSE"}]
    }


@pytest.mark.parametrize(
    ("scheme", "matches"), [("esco", ["EXACT"]), ("E S C O", ["EXACT"]), ("ROME", ["BROAD"]), ("O*NET", []), ("", [])]
)
async def test_mappings_can_be_limited_to_one_classification(
    mapped_server: Server, scheme: str, matches: list[str]
) -> None:
    query = 'query ($s: String) { technicalCompetence(code: "CP-7") { mappings(scheme: $s) { match } } }'
    data = await mapped_server.ask(query, {"s": scheme})

    assert [mapping["match"] for mapping in data["technicalCompetence"]["mappings"]] == matches


async def test_concepts_of_a_uri_are_in_file_order(mapped_server: Server) -> None:
    query = """query ($uri: String!) {
      conceptsMappedFrom(uri: $uri) { __typename code mappings(scheme: "ESCO") { match } }
      release(number: "3.10") { conceptsMappedFrom(uri: $uri) { code release { number } } }
    }"""
    data = await mapped_server.ask(query, {"uri": f"{ESCO}a1"})

    assert data["conceptsMappedFrom"] == [
        {"__typename": "TechnicalCompetence", "code": "CP-7", "mappings": [{"match": "EXACT"}]},
        {"__typename": "Skill", "code": "SK-3851", "mappings": [{"match": "CLOSE"}]},
    ]
    assert {concept["release"]["number"] for concept in data["release"]["conceptsMappedFrom"]} == {"3.10"}


async def test_a_uri_without_mappings_has_no_concepts(mapped_server: Server) -> None:
    assert (await mapped_server.ask('{ conceptsMappedFrom(uri: "esco:a1") { code } }'))["conceptsMappedFrom"] == []
    assert await mapped_server.codes('{ conceptsMappedFrom(uri: "%s") { code } }' % ("x" * 1001)) == ["BAD_USER_INPUT"]
    query = f'{{ conceptsMappedFrom(uri: "{ESCO}a1", release: "9.9") {{ code }} }}'
    assert await mapped_server.codes(query) == ["RELEASE_NOT_FOUND"]


async def test_without_files_no_concept_has_mappings(server: Server) -> None:
    data = await server.ask('{ skill(code: "SK-3851") { mappings { uri } } conceptsMappedFrom(uri: "x") { code } }')

    assert data == {"skill": {"mappings": []}, "conceptsMappedFrom": []}


async def test_linked_data_has_the_mappings_as_skos(mapped_server: Server) -> None:
    answer = await mapped_server.client.get(
        f"/id/3.11/technical-competence/{CP_7}", headers={"Accept": "application/ld+json"}
    )
    document = answer.json()

    assert document["exactMatch"] == [f"{ESCO}a1"]
    assert document["broadMatch"] == ["https://example.org/rome/M1502"]
    assert document["@context"]["exactMatch"] == {"@id": "skos:exactMatch", "@type": "@id"}
    page = (
        await mapped_server.client.get(f"/id/3.11/technical-competence/{CP_7}", headers={"Accept": "text/html"})
    ).text
    assert f'<a href="{ESCO}a1">' in page


async def test_reading_mappings_stays_within_the_announced_cost(
    releases: Releases, settings: Settings, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    work = count_work(monkeypatch)
    rows = "".join(
        f"competent:SK-{number}\tskos:closeMatch\tesco:many\t\tsemapv:ManualMappingCuration\n" for number in range(4000)
    )
    file.write_text(FILE + rows, encoding="utf-8")
    query = f'{{ conceptsMappedFrom(uri: "{ESCO}many") {{ code mappings {{ scheme uri }} }} }}'
    async with running(releases, replace(settings, mapping=(file,), compiled_queries="off")) as server:
        await server.app.state.services.indexes.ready("3.11")
        cost, errors = await measure_work(server, work, query)
        data = await server.ask(query)

    assert errors == []
    assert 0 < len(data["conceptsMappedFrom"]) <= 100
    assert work.units <= cost


def test_invalid_rows_are_logged_by_line_and_the_rest_is_served(file: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        opened = open_mappings([file])

    assert len(opened) == 5
    assert [record.getMessage()[:38] for record in caplog.records] == ["crosswalk.sssom.tsv, line 9: predicate"]


def test_many_invalid_rows_are_only_counted(file: Path, caplog: pytest.LogCaptureFixture) -> None:
    file.write_text(FILE + "bad\tbad\tbad\tbad\tbad\n" * 500, encoding="utf-8")
    with caplog.at_level(logging.WARNING):
        open_mappings([file, file])

    assert len(caplog.records) == 2 * (MAX_WARNINGS + 1)
    assert "501 rows are skipped in all" in caplog.records[MAX_WARNINGS].getMessage()


def test_a_row_in_two_files_is_one_mapping(file: Path) -> None:
    assert len(open_mappings([file, file])) == 5


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "No such file or directory"),
        ("subject_id,object_id\n", "it has no column subject_id, predicate_id, object_id, mapping_justification"),
        ("x" * 30_000_000, "it has more than 20,000,000 bytes"),
    ],
)
def test_a_file_that_cannot_be_used_stops_the_start(
    settings: Settings, tmp_path: Path, content: str | None, message: str
) -> None:
    path = tmp_path / "private" / "some.tsv"
    if content is not None:
        path.parent.mkdir()
        path.write_text(content, encoding="utf-8")
    with pytest.raises(SettingsError) as raised:
        create_app(replace(settings, mapping=(path,)))

    assert f"cannot use the mappings in some.tsv: {message}" in str(raised.value)
    assert "private" not in str(raised.value)


def test_too_many_mappings_stop_the_start(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mappings, "MAX_MAPPINGS", 4)
    with pytest.raises(SettingsError, match="has 5 mappings; the limit is 4"):
        open_mappings([file])


def run_check(*arguments: str) -> Any:
    return CliRunner().invoke(command, ["check", *arguments])


@pytest.mark.slow
def test_the_check_lists_bad_rows_and_unknown_concepts(
    file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COMPETENT_CACHE_DIR", str(tmp_path / "cache"))
    bad = run_check("--mapping", str(file))

    assert bad.exit_code == 1
    assert bad.stdout.splitlines() == [
        f"{file}:9: predicate_id 'skos:sameAs' is not one of skos:exactMatch, skos:closeMatch, skos:broadMatch, "
        "skos:narrowMatch, skos:relatedMatch",
        f"{file}:10: CP-99999 is not in release 3.11",
        f"{file}: mappings of concepts in release 3.11: 4",
    ]
    page = (Path(__file__).parents[2] / "docs" / "mappings.md").read_text(encoding="utf-8")
    assert f"```text\n{bad.stdout.replace(str(file), 'esco.sssom.tsv')}```" in page
    file.write_text("".join(FILE.splitlines(keepends=True)[:8]), encoding="utf-8")
    assert run_check("--mapping", str(file)).exit_code == 0
    assert run_check("--mapping", str(file), "--release", "9.9").exit_code == 2
    assert run_check().exit_code == 2
