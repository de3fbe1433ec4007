"""The GraphQL operation that makes a page, and the forms in which the page shows it."""

import json
import shlex
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pprint import pformat
from urllib.parse import urlencode


@dataclass(frozen=True, slots=True)
class PageOperation:
    """A GraphQL document with its variables; `variables` has only those with a value."""

    query: str
    all_variables: dict[str, object]
    private: tuple[str, ...] = ()
    """Variables that may not be in an address."""

    @property
    def variables(self) -> dict[str, object]:
        """The variables that have a value."""
        return {name: value for name, value in self.all_variables.items() if value is not None}

    @property
    def json(self) -> str:
        """The variables as indented JSON."""
        return _indented(self.variables)

    @property
    def graphiql(self) -> str:
        """The fragment of the URL that opens the operation in GraphiQL, without private variables."""
        public = {name: value for name, value in self.variables.items() if name not in self.private}
        return urlencode({"query": self.query, "variables": _indented(public)})

    def curl(self, base: str) -> str:
        """A shell command that sends it. Without the URL of the server's root, it uses the variable `SERVER`."""
        body = json.dumps({"query": self.query, "variables": self.variables}, ensure_ascii=False)
        return f'curl "{base or "$SERVER/"}graphql" --json {shlex.quote(body)}'

    def fetch(self, base: str) -> str:
        """JavaScript that sends it, likewise."""
        url = json.dumps(f"{base}graphql") if base else "`${server}/graphql`"
        query = self.query.replace("\\", r"\\").replace("`", r"\`").replace("${", r"\${")
        return (
            f"const query = `{query}`;\nconst variables = {self.json};\n"
            f"const response = await fetch({url}, {{\n"
            '  method: "POST",\n  headers: { "content-type": "application/json" },\n'
            "  body: JSON.stringify({ query, variables }),\n});\nconst { data, errors } = await response.json();"
        )

    def python(self, base: str) -> str:
        """Python that sends it, likewise."""
        url = repr(f"{base}graphql") if base else 'f"{server}/graphql"'
        body = pformat({"query": self.query, "variables": self.variables}, sort_dicts=False, width=100)
        return f"import httpx\n\nbody = {body}\nresponse = httpx.post({url}, json=body).json()"


def _indented(variables: dict[str, object]) -> str:
    return json.dumps(variables, ensure_ascii=False, indent=2)


@cache
def document(name: str, field: str = "") -> str:
    """The document `operations/{name}.graphql`, with the root field of a concept type in place of `FIELD`."""
    file = files("graphql_api.http.pages.explorer") / "operations" / f"{name}.graphql"
    return file.read_text(encoding="utf-8").replace("FIELD", field)
