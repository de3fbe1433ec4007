"""The documentation is true: its queries answer as printed; help texts and tables match the code."""

import json
import os
import re
import runpy
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from graphql_api.cli.doctor import CHECKS
from graphql_api.competent.declarations import OCCUPATIONAL_PROFILE
from graphql_api.competent.routes import ROUTES
from graphql_api.sandbox.faults import EFFECTS
from tests.conftest import Server

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
QUERIES = [
    pytest.param(query, answer, id=f"{page.name}:{number}")
    for page in PAGES
    for number, (query, answer) in enumerate(
        re.findall(r"```graphql\n(.*?)```(?:\n\n```json\n(.*?)```)?", page.read_text(encoding="utf-8"), re.DOTALL)
    )
]


def agrees(documented: Any, actual: Any) -> bool:
    """Whether a response matches the documented one, whose objects may omit keys and whose lists may end in `…`."""
    if isinstance(documented, dict) and isinstance(actual, dict):
        return all(name in actual and agrees(value, actual[name]) for name, value in documented.items())
    if isinstance(documented, list) and isinstance(actual, list):
        more = documented[-1:] == ["…"]
        documented = documented[:-1] if more else documented
        return (len(actual) > len(documented) if more else len(actual) == len(documented)) and all(
            map(agrees, documented, actual)
        )
    return bool(documented == actual)


@pytest.mark.parametrize(("query", "answer"), QUERIES)
async def test_documented_queries_return_the_documented_responses(server: Server, query: str, answer: str) -> None:
    for number in ("3.10", "3.11"):  # an operation waits for an index no longer than its deadline
        await server.app.state.services.indexes.ready(number)
    response = (await server.post(query)).json()

    if answer:
        documented = json.loads(answer)
        assert agrees(documented, response), response
        assert ("errors" in documented) == ("errors" in response)
    else:
        assert "errors" not in response


def test_the_docs_have_enough_queries() -> None:
    assert len(QUERIES) >= 8
    assert sum(bool(query.values[1]) for query in QUERIES) >= 6


@pytest.mark.slow
@pytest.mark.parametrize(
    "name",
    [
        "serve",
        "ask",
        "mirror",
        "export",
        "sandbox",
        "schema",
        "manifest",
        "mcp",
        "health",
        "key new",
        "key list",
        "key revoke",
    ],
)
def test_documented_help_equals_the_output_of_the_command(name: str) -> None:
    page = (ROOT / "docs" / "command-line.md").read_text(encoding="utf-8")
    printed = subprocess.run(
        [sys.executable, "-m", "graphql_api", *name.split(), "--help"],
        capture_output=True,
        text=True,
        check=True,
        env=os.environ | {"COLUMNS": "100"},
    ).stdout.replace("python -m graphql_api", "competent-graphql")

    (help_text,) = re.findall(rf"## competent-graphql {name}\n\n```text\n(.*?)```", page, re.DOTALL)
    assert help_text.strip() == printed.strip()


@pytest.mark.parametrize("name", ["settings", "metrics", "export"])
def test_generated_tables_in_the_docs_are_current(name: str) -> None:
    generate = runpy.run_path(str(ROOT / ".ci" / "generate_docs.py"))[f"{name}_page"]
    page = (ROOT / "docs" / f"{name}.md").read_text(encoding="utf-8")

    assert page.count("| `") >= 20
    assert page == generate(page), "run `make docs`"


def test_documented_upstream_routes_equal_those_of_the_code() -> None:
    page = (ROOT / "docs" / "upstream.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `(/[^`]*)` \| (seen|assumed) \|$", page, re.MULTILINE)

    assert rows == [(route.template, route.sure) for route in ROUTES]


def test_documented_certainty_of_profile_keys_equals_that_of_the_code() -> None:
    page = (ROOT / "docs" / "upstream.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| (?:a|the rest of a) profile: (.*) \| (seen|assumed) \|", page, re.MULTILINE)
    documented = {(key, sure) for keys, sure in rows for key in re.findall(r"`(\w+)`", keys)}

    declared = {(field.hal_keys[0], field.sure) for field in OCCUPATIONAL_PROFILE.fields if field.name != "code"}
    assert declared <= documented
    assert {key for key, _ in documented - declared} == {"iscoCodes", "skill", "knowledgeItems"}


def test_documented_consequences_equal_those_of_the_doctor() -> None:
    page = (ROOT / "docs" / "upstream.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| (.*) \| (.*) \|$", page.partition("## If an assumption")[2], re.MULTILINE)

    assert rows[1:] == [(check.assumed, ("**needed**: " if check.needed else "") + check.otherwise) for check in CHECKS]


def test_every_sandbox_fault_is_in_the_docs() -> None:
    page = (ROOT / "docs" / "sandbox.md").read_text(encoding="utf-8")
    for fault, means in EFFECTS.items():
        assert f"| `{fault}` | {means} |" in page


def test_every_tested_client_is_in_the_docs() -> None:
    page = (ROOT / "docs" / "clients.md").read_text(encoding="utf-8")
    clients = [
        file.name
        for file in (ROOT / "tests" / "clients").rglob("*test*")
        if not {"node_modules", "__pycache__"} & {*file.parts}
    ]

    assert len(clients) >= 12
    assert [name for name in clients if not name.endswith((".js", ".py")) or name not in page] == []


def test_every_module_is_in_the_diagram() -> None:
    picture = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    package = ROOT / "graphql_api"
    modules = [file for file in package.iterdir() if file.suffix == ".py" or (file / "__init__.py").exists()]

    missing = [module.name for module in modules if module.name not in picture and module.stem != "__init__"]
    assert missing == []


def test_every_file_in_the_diagram_exists() -> None:
    page = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    folders = (ROOT / "graphql_api", ROOT / "tests")
    files = {file.relative_to(ROOT).as_posix() for folder in folders for file in folder.rglob("*.py")}
    named = re.findall(r"`([\w/]+\.py)`", page)

    assert len(named) > 30
    assert [name for name in named if not any(f"/{file}".endswith(f"/{name}") for file in files)] == []


EXCHANGES = re.findall(
    r"```http\n(.*?)```\n\n```http\n(.*?)```", (ROOT / "docs" / "http.md").read_text(encoding="utf-8"), re.DOTALL
)


def parts_of(message: str) -> tuple[str, dict[str, str], str]:
    """First line, headers and body of a message as the docs write it."""
    head, _, body = message.partition("\n\n")
    first, *lines = head.strip().splitlines()
    return first, dict(line.split(": ", 1) for line in lines), body.strip()


async def test_documented_exchanges_get_the_documented_responses(server: Server) -> None:
    assert len(EXCHANGES) >= 8
    for request, response in EXCHANGES:  # in their order: a query is left before it is asked for
        target, headers, body = parts_of(request)
        status, expected, answer = parts_of(response)
        result = await server.client.request(*target.split(" ", 1), headers=headers, content=body.encode() or None)

        assert result.status_code == int(status), target
        for name, value in expected.items():
            assert result.headers[name] == value, (target, name)
        assert agrees(json.loads(answer), result.json()), (target, result.json())
