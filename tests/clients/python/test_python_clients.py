"""Python clients over a real server: gql, and a client that ariadne-codegen writes from schema and operations.

Run by `make test-clients` in an environment of its own, with unittest: these need another graphql-core than the server.
"""

import asyncio
import importlib
import os
import re
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

import tree_sitter_c_sharp
from gql import Client, gql
from gql.transport.exceptions import TransportQueryError
from gql.transport.httpx import HTTPXTransport
from tree_sitter import Language, Parser

ROOT = Path(__file__).parents[3]
PROGRAM = os.environ.get("COMPETENT_GRAPHQL", str(ROOT / ".venv" / "bin" / "competent-graphql"))
PAGE = (ROOT / "docs" / "clients.md").read_text(encoding="utf-8")
NURSE = "Verpleegkundige"


def code(file: str) -> str:
    """The code that the page of clients shows for a file."""
    (text,) = re.findall(rf"^```\w+ {re.escape(file)}\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)
    return text


class PythonClients(unittest.TestCase):
    """All tests use one server."""

    @classmethod
    def setUpClass(cls) -> None:
        clean = {name: value for name, value in os.environ.items() if not name.startswith("COMPETENT_")}
        cls.server = subprocess.Popen([PROGRAM, "serve", "--port", "0"], env=clean, stdout=subprocess.PIPE, text=True)
        lines = [cls.server.stdout.readline() for _ in range(3)]
        cls.url = re.search(r"http://[^/ ]+", lines[0])[0] + "/graphql"

    @classmethod
    def tearDownClass(cls) -> None:
        cls.server.terminate()
        cls.server.communicate()

    def client(self) -> Client:
        return Client(transport=HTTPXTransport(url=self.url, timeout=30), fetch_schema_from_transport=True)

    def test_gql_validates_a_query_against_the_fetched_schema_and_runs_it(self) -> None:
        query = gql("query P($code: String!) { occupationalProfile(code: $code) { code title { nl } } }")
        query.variable_values = {"code": "OP-101"}

        self.assertEqual(self.client().execute(query)["occupationalProfile"]["code"], "OP-101")

    def test_gql_raises_errors_with_their_codes(self) -> None:
        with self.assertRaises(TransportQueryError) as raised:
            self.client().execute(gql("{ occupationalProfile { code } }"))

        self.assertEqual(raised.exception.errors[0]["extensions"]["code"], "BAD_USER_INPUT")

    def test_the_documented_program_prints_the_title_of_an_occupation(self) -> None:
        program = code("occupation.py").replace("http://127.0.0.1:8000/graphql", self.url)
        printed = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout

        self.assertEqual(printed.strip(), NURSE)

    def test_the_c_sharp_program_in_the_documentation_has_no_syntax_error(self) -> None:
        parser = Parser(Language(tree_sitter_c_sharp.language()))
        program = code("Program.cs")

        self.assertFalse(parser.parse(program.encode()).root_node.has_error)
        self.assertTrue(parser.parse(program.replace("});", "}").encode()).root_node.has_error)

    def test_ariadne_codegen_generates_a_typed_method_per_operation(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            operations = sorted((ROOT / "operations").rglob("*.graphql"))
            queries = [
                operation for operation in operations if not re.search(r"^subscription", operation.read_text(), re.M)
            ]
            (Path(folder) / "queries").mkdir()
            for query in queries:
                (Path(folder) / "queries" / query.name).write_text(query.read_text(encoding="utf-8"), encoding="utf-8")
            (Path(folder) / "pyproject.toml").write_text(code("pyproject.toml"), encoding="utf-8")
            (Path(folder) / "schema.graphql").write_bytes((ROOT / "schema.graphql").read_bytes())
            made = subprocess.run(
                [Path(sys.executable).parent / "ariadne-codegen"],
                cwd=folder,
                capture_output=True,
                text=True,
                check=False,
            )
            self.assertEqual(made.returncode, 0, made.stdout + made.stderr)
            sys.path.insert(0, folder)
            try:
                package = importlib.import_module("competent_client")
            finally:
                sys.path.remove(folder)
            releases = asyncio.run(self._releases(package))

        self.assertEqual([release.number for release in releases.releases], ["3.11", "3.10", "3.9"])

    async def _releases(self, package: object) -> object:
        async with package.Client(url=self.url) as client:
            return await client.releases()


if __name__ == "__main__":
    unittest.main()
