"""Each block of code in the documentation is run or parsed by a test: the list of which, and the tests of those without a home elsewhere."""

import json
import re
import runpy
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import yaml
from graphql import GraphQLSchema, build_schema, parse, validate

from graphql_api.competent.sssom import Mapped, read_mappings
from graphql_api.http.auth.rate_limit import RateLimitState
from tests.conftest import CP_7, Server
from tests.execution.cost.test_cost import cost
from tests.export.conftest import exported
from tests.test_docs import PAGES as ENGLISH
from tests.test_docs import ROOT

PAGES = [*ENGLISH, ROOT / "README.nl.md", ROOT / "README.fr.md", ROOT / "SECURITY.md"]
HERE = Path(__file__).name
TESTED_BY = {
    "graphql": "test_docs.py",
    "http": "test_docs.py",
    "sh": "test_commands.py",
    "diff": "test_how_to.py",
    "python": "test_how_to.py",
    "text": HERE,
    "json": HERE,
    "command-line.md: text": "test_docs.py",
    "mappings.md: text": HERE,
    "agents.md: json": "http/mcp/test_server.py",
    "operations.md: json": "http/test_request_logging.py",
    "linked-data.md: json linked": "http/pages/test_linked_data.py",
    "federation.md: json vacancy": "clients/federation.test.js",
    "federation.md: graphql federation vacancy": "clients/federation.test.js",
    "federation.md: graphql router": "clients/federation.test.js",
    "federation.md: graphql federation": "schema/test_federation.py",
    "federation.md: graphql subgraph": "schema/test_federation.py",
    "federation.md: yaml": HERE,
    "queries.md: gql": "server/test_text_matches.py",
    "reverse-proxy.md: nginx": "server/test_reverse_proxy.py",
    "sandbox-data.md: toml": HERE,
    "stay-in-sync.md: py stay-in-sync": "server/test_stay_in_sync.py",
    "stay-in-sync.md: text crontab": "server/test_stay_in_sync.py",
    "subscriptions.md: graphql live": "http/streaming/test_sse.py",
    "subscriptions.md: js subscription.mjs": "clients/live.test.js",
    "js first-query.mjs": "clients/documented.test.js",
    "clients.md: js occupation.mjs": "clients/documented.test.js",
    "clients.md: js urql.mjs": "clients/documented.test.js",
    "clients.md: java Occupation.java": "clients/documented.test.js",
    "clients.md: php occupation.php": "clients/documented.test.js",
    "clients.md: ts codegen.ts": "clients/react.test.js",
    "clients.md: tsx src/Occupation.tsx": "clients/react.test.js",
    "clients.md: tsx src/App.tsx": "clients/react.test.js",
    "clients.md: ts src/cache.ts": "clients/apollo.test.js",
    "clients.md: json relay.config.json": "clients/relay.test.js",
    "clients.md: js src/environment.js": "clients/relay.test.js",
    "clients.md: js src/Occupations.js": "clients/relay.test.js",
    "clients.md: python occupation.py": "clients/python/test_python_clients.py",
    "clients.md: toml pyproject.toml": "clients/python/test_python_clients.py",
    "clients.md: csharp Program.cs": "clients/python/test_python_clients.py",
}
"""The test of a kind of block: of all those with these words after ```, or of those on one page."""
RESPONSES = {"graphql", "http"}
"""A block of JSON after one of these is its response, and is tested with it."""


class Block(NamedTuple):
    """A block of code in a page; `before` is what the block before it is, if nothing is between the two."""

    page: Path
    info: str
    code: str
    before: str | None

    @property
    def test(self) -> str | None:
        if self.info in ("json", "http") and self.before in RESPONSES:
            return TESTED_BY[str(self.before)]
        return TESTED_BY.get(f"{self.page.name}: {self.info}", TESTED_BY.get(self.info))


def blocks(page: Path) -> Iterator[Block]:
    text, end, before = page.read_text(encoding="utf-8"), 0, None
    for match in re.finditer(r"^( *)```([^\n]*)\n(.*?)^\1```$", text, re.DOTALL | re.MULTILINE):
        yield Block(page, match[2], match[3], None if text[end : match.start()].strip() else before)
        end, before = match.end(), match[2]


BLOCKS = [block for page in PAGES for block in blocks(page)]


def code_of(page: str, info: str) -> list[str]:
    """The blocks of this kind on a page."""
    return [block.code for block in BLOCKS if block.page.name == page and block.info == info]


def test_every_block_of_code_in_the_documentation_has_a_test() -> None:
    assert len(BLOCKS) >= 150
    assert [(block.page.name, block.info) for block in BLOCKS if block.test is None] == []


def test_every_test_of_a_block_exists_and_mentions_it() -> None:
    infos = {f"{block.page.name}: {block.info}" for block in BLOCKS} | {block.info for block in BLOCKS}
    assert TESTED_BY.keys() <= infos
    for info, name in TESTED_BY.items():
        test, (page, _, expectation) = (ROOT / "tests" / name).read_text(encoding="utf-8"), info.rpartition(": ")
        assert any(word in test for word in (page or f"```{expectation}", expectation.split()[-1])), info


GRAPHQL_IN_CODE = re.compile(r"(?:query|fragment|subscription) \w+ ?[({].*?^ *}$", re.DOTALL | re.MULTILINE)


@pytest.fixture(scope="module")
def graph() -> GraphQLSchema:
    return build_schema((ROOT / "schema.graphql").read_text(encoding="utf-8"))


@pytest.mark.parametrize(
    "info", ["java Occupation.java", "csharp Program.cs", "php occupation.php", "python occupation.py"]
)
def test_queries_in_the_code_of_other_languages_are_valid(graph: GraphQLSchema, info: str) -> None:
    (code,) = code_of("clients.md", info)
    (query,) = GRAPHQL_IN_CODE.findall(code)

    assert validate(graph, parse(query)) == []


async def test_the_first_query_of_the_readme_returns_the_printed_response(server: Server) -> None:
    (command, *_) = [code for code in code_of("README.md", "sh") if code.startswith("curl")]
    words = shlex.split(command.replace("\\\n", " "))
    (answer,) = code_of("README.md", "json")

    assert (await server.post(json.loads(words[words.index("-d") + 1])["query"])).json() == json.loads(answer)


@pytest.mark.slow
async def test_the_lines_of_an_export_are_as_documented(server: Server) -> None:
    (shown,) = code_of("export.md", "text")
    lines = [json.loads(line) for line in (await exported(server, "3.11")).splitlines()]
    for text in shown.splitlines():
        complete = re.sub(r"([,{\[])…", r"\1", text)
        expected = json.loads(re.sub(r",(?=[}\]])", "", complete))
        (line,) = [
            line for line in lines if (line["type"], line.get("code")) == (expected["type"], expected.get("code"))
        ]
        assert has_keys(expected, line), (expected, line)


def has_keys(expected: Any, actual: Any) -> bool:
    """Whether an object has these keys in this order, and so have those in it."""
    if isinstance(expected, list):
        return isinstance(actual, list) and all(has_keys(item, actual[0]) for item in expected)
    if not isinstance(expected, dict):
        return isinstance(actual, type(expected))
    names = [name for name in actual if name in expected]
    return names == list(expected) and all(has_keys(expected[name], actual[name]) for name in expected)


def test_the_file_of_mappings_in_the_documentation_can_be_read() -> None:
    file, _ = code_of("mappings.md", "text")
    mapped = list(read_mappings(file.encode()))

    assert [(type(row), row.subject, row.scheme) for row in mapped if isinstance(row, Mapped)] == [
        (Mapped, "CP-7", "ESCO"),
        (Mapped, CP_7, "ROME"),
    ]
    assert len(mapped) == 2


def test_the_headers_of_quotas_have_the_documented_form() -> None:
    requests, costs = code_of("access.md", "text")
    for text, state in (
        (requests, RateLimitState(True, 300, 299, 60)),
        (costs, RateLimitState(True, 500_000, 497_448, 60, "cost")),
    ):
        assert dict(line.split(": ") for line in text.splitlines()) == state.headers


def test_the_refused_operation_on_the_limits_page_has_its_stated_cost() -> None:
    page = (ROOT / "docs" / "limits.md").read_text(encoding="utf-8")
    (query,) = re.findall(r"`({ occupationalProfiles\(first: 500\).*)`", page)
    (error,) = code_of("limits.md", "json")

    assert f"costs {cost(query):,} units" in json.loads(error)["message"]
    fits = int(re.findall(r"`first: (\d+)`", json.loads(error)["message"])[0])
    assert cost(query.replace("500", str(fits))) <= 50_000 < cost(query.replace("500", str(fits + 1)))


def test_the_configuration_of_the_router_forwards_the_language() -> None:
    (text,) = code_of("federation.md", "yaml")

    (rule,) = yaml.safe_load(text)["headers"]["subgraphs"]["competent"]["request"]
    assert rule == {"propagate": {"named": "accept-language"}}


def test_the_entry_on_the_page_on_sandbox_data_can_be_read(tmp_path: Path) -> None:
    (entry,) = code_of("sandbox-data.md", "toml")
    terms = '[KN-1]\nnl = "deegsoorten"\n[SS-1]\nnl = "Zorg"\nfr = "Soin"\n'
    (tmp_path / "entry.toml").write_text(entry + terms, encoding="utf-8")
    faults = runpy.run_path(str(ROOT / ".ci" / "check_data.py"))["faults"](tmp_path)

    assert [fault for fault in faults if "essential competences" not in fault] == []
