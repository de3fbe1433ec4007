"""The command line, run in this process."""

import json
from importlib.metadata import version
from pathlib import Path

import pytest
import xlsxwriter
from typer.main import get_group
from typer.testing import CliRunner

from graphql_api.cli import command
from graphql_api.settings import PREFIX


@pytest.fixture(autouse=True)
def no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    """Remove settings of the developer from the environment."""
    import os

    for name in [name for name in os.environ if name.startswith(PREFIX)]:
        monkeypatch.delenv(name)


def run(*arguments: str, stdin: str | None = None) -> tuple[int, str, str]:
    result = CliRunner().invoke(command, arguments, input=stdin, prog_name="competent-graphql")
    return result.exit_code, result.stdout, result.stderr


@pytest.mark.parametrize("group", [[], ["key"]])
def test_the_list_of_commands_truncates_no_summary(group: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    code, out, _ = run(*group, "--help")

    assert code == 0
    assert "..." not in out.partition("Commands:")[2]


PROFILE = '{ occupationalProfile(code: "OP-101") { title { nl } } }'


def test_ask_runs_one_operation_and_exits() -> None:
    code, out, _ = run("ask", PROFILE)

    assert code == 0
    assert json.loads(out) == {"data": {"occupationalProfile": {"title": {"nl": "Verpleegkundige"}}}}


def test_ask_reads_a_file_with_variables_an_operation_and_a_language(tmp_path: Path) -> None:
    file = tmp_path / "q.graphql"
    file.write_text("query A { __typename } query B($c: String) { occupationalProfile(code: $c) { title { text } } }")

    code, out, _ = run(
        "ask", "--file", str(file), "--variables", '{"c": "OP-101"}', "--operation", "B", "--language", "fr"
    )

    assert code == 0
    assert json.loads(out) == {"data": {"occupationalProfile": {"title": {"text": "Infirmier / Infirmière"}}}}


def test_ask_reads_standard_input() -> None:
    assert json.loads(run("ask", "-", stdin=PROFILE)[1])["data"]


def test_ask_exits_with_1_if_the_response_has_errors() -> None:
    code, out, _ = run("ask", '{ release(number: "9.9") { number } }')

    assert code == 1
    assert json.loads(out)["errors"][0]["extensions"]["code"] == "RELEASE_NOT_FOUND"


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["ask"], "pass one operation"),
        (["ask", PROFILE, "--file", "q.graphql"], "pass one operation"),
        (["ask", "--file", "/no/such/file"], "cannot read /no/such/file as UTF-8 text"),
        (["ask", PROFILE, "--variables", "{"], "must be a JSON object"),
        (["ask", PROFILE, "--variables", "[]"], "must be a JSON object"),
        (["ask", PROFILE, "--data", "/no/such.xlsx"], "cannot read the file"),
    ],
)
def test_an_invalid_operation_is_a_one_line_error_with_exit_code_2(arguments: list[str], says: str) -> None:
    code, out, err = run(*arguments)

    assert code == 2
    assert out == ""
    assert says in err
    assert "Traceback" not in err


def test_the_error_for_another_file_names_the_expected_workbook(tmp_path: Path) -> None:
    (tmp_path / "x.xlsx").write_text("no workbook")

    code, _, err = run("ask", PROFILE, "--data", str(tmp_path / "x.xlsx"))

    assert code == 2
    assert "Excel export of Competent is expected" in err


@pytest.mark.parametrize("way", ["option", "setting"])
def test_lenient_serves_a_workbook_without_its_invalid_rows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, way: str
) -> None:
    monkeypatch.setenv("COMPETENT_CACHE_DIR", str(tmp_path / "cache"))
    file = tmp_path / "export.xlsx"
    profile = ["11111111-1111-4111-8111-111111111111", "OP-1", "Bakker", *[""] * 11, 20260624, "2026-06-24T22:00:00Z"]
    with xlsxwriter.Workbook(file) as book:
        sheet = book.add_worksheet("Occupational Profiles 3.27")
        for at, row in enumerate((["Id"], profile, ["?", "OP-2"])):
            sheet.write_row(at, 0, row)
    query = "{ release { publishedOn } occupationalProfiles { nodes { code lastModified } } }"

    code, _, err = run("ask", query, "--data", str(file))
    assert (code, "row 3, column A: the profile's uuid '?' is not a UUID" in err, "--lenient" in err) == (2, True, True)

    options = ["--lenient"] if way == "option" else []
    if way == "setting":
        monkeypatch.setenv("COMPETENT_LENIENT", "on")
    code, out, _ = run("ask", query, "--data", str(file), *options)
    assert code == 0
    assert json.loads(out)["data"] == {
        "release": {"publishedOn": "2026-06-25"},
        "occupationalProfiles": {"nodes": [{"code": "OP-1", "lastModified": "2026-06-24T00:00:00+00:00"}]},
    }
    assert "row 3, column A" in caplog.text


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("COMPETENT_PROT", "1", "COMPETENT_PROT is not a setting"),
        ("COMPETENT_UPSTREAM_URL", "https://competent.example", "requires a key"),
        ("COMPETENT_STORE", "redis://x", "COMPETENT_STORE must be"),
        ("COMPETENT_STORE", "sqlite:/dev/null/x", "store"),
    ],
)
def test_an_unusable_setting_stops_every_start(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, says: str
) -> None:
    monkeypatch.setenv(name, value)
    for arguments in (["ask", PROFILE], ["serve", "--port", "0"]):
        code, _, err = run(*arguments)

        assert code == 2
        assert says in err


@pytest.mark.parametrize("arguments", [["ask", PROFILE], ["doctor"], ["mirror"], ["serve", "--port", "0"]])
def test_a_proxy_that_cannot_be_used_stops_every_command(
    arguments: list[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("COMPETENT_UPSTREAM_URL", "https://competent.invalid")
    monkeypatch.setenv("COMPETENT_API_KEY", "k3y")
    monkeypatch.setenv("COMPETENT_CACHE_DIR", str(tmp_path))
    monkeypatch.setenv("https_proxy", "socks5://user:s3cret@proxy.invalid")

    code, out, err = run(*arguments)

    assert code == 2
    assert "https_proxy names a SOCKS proxy" in err
    assert "s3cret" not in out + err


@pytest.mark.slow
def test_mirror_crawls_a_release_once_and_reports_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COMPETENT_CACHE_DIR", str(tmp_path))

    assert run("mirror") == (0, "Release 3.11 is stored.\n", "")
    assert run("mirror", "--release", "3.10")[:2] == (0, "Release 3.10 is stored.\n")
    assert len(list((tmp_path / "index").glob("*.sqlite"))) == 2

    code, _, err = run("mirror", "--release", "9.9")
    assert code == 2
    assert "Release not found" in err


def test_a_breaking_schema_is_reported_and_exits_with_1(tmp_path: Path) -> None:
    _, today, _ = run("schema")
    old = tmp_path / "old.graphql"

    old.write_text(today, encoding="utf-8")
    assert run("schema", "--since", str(old))[:2] == (0, "")

    old.write_text(today.replace("  isCurrent: Boolean", "  wasCurrent: Boolean"), encoding="utf-8")
    assert run("schema", "--since", str(old))[:2] == (1, "breaking: Field Release.wasCurrent was removed.\n")

    old.write_text("type {", encoding="utf-8")
    code, _, errors = run("schema", "--since", str(old))
    assert code == 2
    assert "not a GraphQL schema" in errors


def test_schema_prints_the_sdl() -> None:
    code, out, _ = run("schema")

    assert code == 0
    assert "type OccupationalProfile implements Concept & Node {" in out


def test_every_command_and_option_has_a_help() -> None:
    for name, value in get_group(command).commands.items():  # type: ignore[attr-defined]
        assert value.help, name
        assert [option.name for option in value.params if not option.help] == []
        assert " ".join(value.help.split("\n\n")[0].split()) in " ".join(run(name, "--help")[1].split())


def test_the_version_is_shown() -> None:
    assert run("--version") == (0, f"competent-graphql {version('competent-graphql')}\n", "")
