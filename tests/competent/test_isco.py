"""The tree of ISCO-08, and titles of its groups from a file."""

import logging
from dataclasses import replace
from pathlib import Path

import pytest

from graphql_api.competent.isco import broader_of, is_group, uri_of
from graphql_api.competent.isco_titles import read_titles, titles_in
from graphql_api.errors import SettingsError
from graphql_api.sandbox import Releases
from graphql_api.settings import Settings
from graphql_api.settings.files import MAX_WARNINGS
from tests.conftest import running

SHARED = Path(__file__).parents[2].parent / "shared" / "data" / "isco-08.csv"


def test_the_digits_of_an_isco_code_are_its_position_in_the_tree() -> None:
    assert [broader_of("ISCO-08", code) for code in ("2221", "222", "22", "2", "0110")] == [
        "222",
        "22",
        "2",
        None,
        "011",
    ]
    assert uri_of("ISCO-08", "0110") == "http://data.europa.eu/esco/isco/C0110"
    assert uri_of("ISCO-08", "2") == "http://data.europa.eu/esco/isco/C2"


@pytest.mark.parametrize(
    ("scheme", "code"),
    [("ROME", "2221"), ("ISCO-08", "2221.1"), ("ISCO-08", ""), ("ISCO-08", "²²"), ("ISCO-08", "22211")],
)
def test_other_codes_have_no_position_in_the_isco_tree(scheme: str, code: str) -> None:
    assert not is_group(scheme, code)
    assert uri_of(scheme, code) is broader_of(scheme, code) is None


def test_titles_are_read_by_column_name() -> None:
    file = read_titles('\ufeffEN,Code,extra\r\nNurses,2221,x\r\n" Health, care ",22,y\r\n')

    assert file.titles == {"2221": {"en": "Nurses"}, "22": {"en": "Health, care"}}
    assert file.problems == []


def test_an_unusable_line_is_named_and_the_rest_is_used() -> None:
    file = read_titles("code,nl,fr\n2221,Verpleegkundigen,Infirmiers\nX1,a,b\n22,,\n2221,again,\n\n2,c,d,e,f\n5\n")

    assert file.titles == {"2221": {"nl": "Verpleegkundigen", "fr": "Infirmiers"}, "2": {"nl": "c", "fr": "d"}}
    assert file.problems == [
        (3, "'X1' is no code of ISCO-08 (one to four digits)"),
        (4, "the group 22 has no title"),
        (5, "the code 2221 has a title already"),
        (8, "the group 5 has no title"),
    ]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "first line"),
        (b"uuid,title\n1,x\n", "first line"),
        (b"code;nl;fr\n2;a;b\n", "first line"),
        (b"code,nl\n2,\xff\n", "UTF-8"),
        (b'code,nl\n2,"open\n', "unexpected end"),
        (b"code,nl\n" + b"2,x\n" * 1_500_000, "bytes"),
    ],
    ids=["empty", "other columns", "semicolons", "Latin-1", "open quote", "too large"],
)
def test_a_file_that_cannot_be_used_stops_the_start(tmp_path: Path, content: bytes, reason: str) -> None:
    path = tmp_path / "titles.csv"
    path.write_bytes(content)

    with pytest.raises(SettingsError, match=reason):
        titles_in(path)
    with pytest.raises(SettingsError, match="cannot use"):
        titles_in(tmp_path / "missing.csv")


def test_the_log_names_the_first_lines_and_counts_the_rest(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "titles.csv"
    path.write_text("code,nl\n2,x\n" + "?,x\n" * (MAX_WARNINGS + 1))

    with caplog.at_level(logging.WARNING):
        assert titles_in(path) == {"2": {"nl": "x"}}
    assert len(caplog.messages) == MAX_WARNINGS + 1
    assert (
        caplog.messages[0] == "titles.csv, line 3: '?' is no code of ISCO-08 (one to four digits); the row is skipped"
    )
    assert caplog.messages[-1] == f"titles.csv: {MAX_WARNINGS + 1} rows are skipped in all"


@pytest.mark.slow
@pytest.mark.usefixtures("indexed")
async def test_isco_groups_have_the_titles_of_the_file(tmp_path: Path, releases: Releases, settings: Settings) -> None:
    path = tmp_path / "titles.csv"
    path.write_text("code,nl,en\n2,Intellectuele beroepen,Professionals\n2221,Verpleegkundigen,\n")
    query = """{ release { classifications { code title { nl en de text(languages: [FR]) } } }
      occupationalProfiles(first: 500, filter: { iscoPrefix: "2221" }) {
        nodes { classifications { code title { nl } broader { title { nl } } } } } }"""
    async with running(releases, replace(settings, titles=path)) as server:
        data = await server.ask(query)

    titles = {group["code"]: group["title"] for group in data["release"]["classifications"]}
    expected = {"nl": "Intellectuele beroepen", "en": "Professionals", "de": None, "text": "Intellectuele beroepen"}
    assert titles.pop("2") == expected
    assert {*titles.values()} == {None}
    groups = [group for node in data["occupationalProfiles"]["nodes"] for group in node["classifications"]]
    assert {"code": "2221", "title": {"nl": "Verpleegkundigen"}, "broader": {"title": None}} in groups


@pytest.mark.skipif(not SHARED.exists(), reason="needs the titles beside the project")
def test_the_published_titles_are_all_read() -> None:
    file = read_titles(SHARED.read_text(encoding="utf-8"))

    assert (len(file.titles), file.problems) == (619, [])
    assert file.titles["2221"]["en"] == "Nursing professionals"
