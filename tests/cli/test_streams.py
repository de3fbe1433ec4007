"""What commands print is UTF-8, wherever they run."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import clean

pytestmark = pytest.mark.slow

ASCII = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
LOCALES = {
    "C": {"LC_ALL": "C"},
    "ASCII": ASCII,
    "cp1252": {"PYTHONIOENCODING": "cp1252"},
    "UTF-16": {"PYTHONIOENCODING": "utf-16"},
    "strict ASCII": {"PYTHONIOENCODING": "ascii:strict"},
}
OPERATION = (
    '{ occupationalProfile(code: "OP-101") { title { fr } } search(text: "infirmière", first: 1) { totalCount } }'
)


def run(*arguments: str, stdin: bytes = b"", **environment: str) -> tuple[int, str, str]:
    """The exit code of a command, and its output and errors read as UTF-8."""
    command = [sys.executable, "-m", "graphql_api", *arguments]
    ended = subprocess.run(command, input=stdin, capture_output=True, env=clean(**environment), check=False)
    return ended.returncode, ended.stdout.decode("utf-8"), ended.stderr.decode("utf-8")


@pytest.mark.parametrize("locale", LOCALES)
def test_ask_reads_and_writes_utf_8_in_any_locale(locale: str) -> None:
    code, out, _ = run("ask", OPERATION.replace("search", "# “é” 😀\nsearch"), **LOCALES[locale])
    piped = run("ask", "-", stdin=OPERATION.encode(), **LOCALES[locale])

    assert code == 0
    assert "Infirmière" in out
    assert json.loads(out)["data"]["search"]["totalCount"] > 0
    assert piped[:2] == (code, out)


@pytest.mark.parametrize("locale", ["strict ASCII"])
@pytest.mark.parametrize("command", [["schema"], ["manifest"], ["doctor"], ["doctor", "--json"], ["--help"]])
def test_output_of_other_commands_is_equal_in_any_locale(locale: str, command: list[str]) -> None:
    usual, odd = run(*command, COLUMNS="80"), run(*command, COLUMNS="80", **LOCALES[locale])

    assert odd == usual


@pytest.mark.parametrize("locale", LOCALES)
def test_an_error_quotes_the_argument_in_any_locale(locale: str) -> None:
    code, out, error = run("ask", "{ __typename }", "--data", "/nothing/café-😀.xlsx", **LOCALES[locale])

    assert (code, out) == (2, "")
    assert "Traceback" not in error
    assert "xlsx" in error


@pytest.mark.parametrize("variables", ['{"c": "\\\\ud800"}', '{"c": "é"}'])
def test_variables_can_contain_any_text(variables: str) -> None:
    query = "query ($c: String) { occupationalProfile(code: $c) { code } }"
    code, out, error = run("ask", query, "--variables", variables.replace("\\\\", "\\"), **ASCII)

    assert "Traceback" not in error
    assert code in (0, 1)
    assert json.loads(out).keys() <= {"data", "errors"}


@pytest.mark.skipif(os.name == "nt", reason="streams are closed by a shell")
@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-"])
def test_a_closed_stream_never_causes_a_traceback(closed: str) -> None:
    command = f"exec {sys.executable} -m graphql_api ask '{{ __typename }}' {closed}"
    ended = subprocess.run(["sh", "-c", command], capture_output=True, env=clean(), check=False)

    assert ended.returncode == 0
    assert b"Traceback" not in ended.stderr
    assert closed == ">&-" or json.loads(ended.stdout) == {"data": {"__typename": "Query"}}


FULL = Path("/dev/full")


@pytest.mark.skipif(not FULL.exists(), reason="this system has no /dev/full")
@pytest.mark.parametrize("command", [["ask", "{ __typename }"], ["schema"], ["doctor"]])
def test_a_full_disk_at_output_is_a_one_line_error(command: list[str]) -> None:
    with FULL.open("wb") as full:
        arguments = [sys.executable, "-m", "graphql_api", *command]
        ended = subprocess.run(arguments, stdout=full, stderr=subprocess.PIPE, env=clean(), check=False)

    assert ended.returncode == 2
    assert ended.stderr == b"competent-graphql: cannot write the output: No space left on device\n"
