"""The example operations of `operations/`, by task, with variables that return results on the current data.

The name of a variable determines its value, taken from the first profiles and their competences in the current release.
"""

import json
import re
from collections.abc import Awaitable, Mapping, Sequence
from functools import cache
from hashlib import sha256
from importlib.resources import files
from typing import NamedTuple, Protocol, TypedDict

from graphql_api.competent.hal import Document
from graphql_api.execution.operations import Executed
from graphql_api.execution.personal_text import takes_personal_text

TASKS = {
    "lookup": "Look up an occupation or a competence",
    "find": "Search and browse",
    "compare": "Compare, and find what fits",
    "releases": "Releases and what changed",
    "translate": "Translations and other classifications",
}
"""The folders of `operations/` in order, each with the task of its examples."""

_FIND = """query Examples($languages: [Language!]) {
  release { number }
  releases { number }
  occupationalProfiles(first: 2) { nodes {
    id uuid code title { text(languages: $languages) } classifications { scheme code }
    essentialCompetences { id uuid code skill { uuid } }
  } }
  softSkills(first: 1) { nodes { code } }
}"""


class RunQuery(Protocol):
    """Runs an operation in this process."""

    def __call__(self, query: str, variables: dict[str, object] | None = None, /) -> Awaitable[Executed]:
        """The result of a query with variables."""


class Example(NamedTuple):
    """One file of `operations/`: its task, name of the operation, description (its first line), and the whole text."""

    task: str
    name: str
    about: str
    query: str

    @property
    def variables(self) -> list[str]:
        """The names of its variables."""
        return re.findall(r"\$(\w+)\s*:", self.query)

    def values_of(self, values: Mapping[str, object]) -> dict[str, object]:
        """Values for its variables, without those that are not in `values`."""
        return {name: values[name] for name in self.variables if name in values}

    @property
    def text(self) -> str:
        """The operation without the description line."""
        return self.query.partition("\n")[2].strip()

    @property
    def operation_type(self) -> str:
        """`query` or `subscription`."""
        return self.text.partition(" ")[0]

    @property
    def needs_vectors(self) -> bool:
        """Whether it has an error on servers that cannot compare the meaning of texts."""
        return takes_personal_text(self.query)


@cache
def examples() -> tuple[Example, ...]:
    """All example operations, by task, then in the order of their file names."""
    folder = files("graphql_api.http.pages") / "operations"
    return tuple(
        _example(task, file.read_text(encoding="utf-8"))
        for name, task in TASKS.items()
        for file in sorted((folder / name).iterdir(), key=lambda file: file.name)
        if file.name.endswith(".graphql")
    )


def manifest(form: str = "apollo") -> dict[str, object]:
    """The examples as a manifest of persisted documents; ids are SHA-256 hashes of the texts.

    `form` is `apollo`, or `map` for `{id: text}` as written by GraphQL Code Generator's client preset and Relay's compiler.

    Source: https://www.apollographql.com/docs/graphos/platform/security/persisted-queries
    """
    documents = {sha256(example.query.encode()).hexdigest(): example for example in examples()}
    if form == "map":
        return {id: example.query for id, example in documents.items()}
    return {
        "format": "apollo-persisted-query-manifest",
        "version": 1,
        "operations": [
            {"id": id, "name": example.name, "type": example.operation_type, "body": example.query}
            for id, example in documents.items()
        ],
    }


def _example(task: str, text: str) -> Example:
    name = re.search(r"^(?:query|subscription) (\w+)", text, re.MULTILINE)
    assert name is not None
    return Example(task, name[1], text.splitlines()[0].lstrip("# "), text)


async def values(ask: RunQuery, languages: Sequence[str] = ("FR", "NL")) -> dict[str, object]:
    """Values for the variables that examples use, by name; those without data, or whose query failed, are left out.

    `languages` are those of texts, preferred first.
    """
    data = (await ask(_FIND, {"languages": list(languages)})).data or {}
    profiles = _nodes(data, "occupationalProfiles")
    profile = profiles[0] if profiles else {}
    competences = profile.get("essentialCompetences") or [{}]
    release = (data.get("release") or {}).get("number")
    title = (profile.get("title") or {}).get("text")
    candidates = {
        "release": release,
        "since": next((item["number"] for item in data.get("releases") or () if item["number"] != release), release),
        "profileCode": profile.get("code"),
        "competenceUuid": competences[0].get("uuid"),
        "skillUuid": (competences[0].get("skill") or {}).get("uuid"),
        "softSkillCode": next((item["code"] for item in _nodes(data, "softSkills")), None),
        "ids": [item["id"] for item in (profile, competences[0]) if "id" in item] or None,
        "refs": _refs(profile, *competences[:3]) or None,
        "have": _refs(*competences[:3]) or None,
        "from": next(iter(_refs(profile)), None),
        "to": next(iter(_refs(*profiles[-1:])), None),
        "isco": [item["code"][:1] for item in profile.get("classifications") or () if item["scheme"] == "ISCO-08"]
        or None,
        "searchText": title,
        "text": title,
        "typed": title and title[:3],
        "languages": list(languages),
        "first": 10,
        "scheme": "ESCO",
    }
    return {name: value for name, value in candidates.items() if value is not None}


def _refs(*concepts: Document) -> list[dict[str, object]]:
    """References to concepts by code."""
    return [{"code": concept["code"]} for concept in concepts if concept.get("code")]


def _nodes(data: Document, name: str) -> list[Document]:
    return list((data.get(name) or {}).get("nodes") or ())


class ListedExample(TypedDict):
    """An example for GraphiQL; `variables` is JSON text."""

    name: str
    about: str
    query: str
    variables: str


class ExampleGroup(TypedDict):
    """The examples of a task."""

    title: str
    examples: list[ListedExample]


class ExampleList(TypedDict):
    """What GraphiQL opens with: the examples, and the response to the first one, if it may be shown."""

    groups: list[ExampleGroup]
    response: dict[str, object] | None


async def example_list(ask: RunQuery, languages: Sequence[str], *, with_response: bool) -> ExampleList:
    """The examples by task, with variables for a reader of these languages.

    The response is the one that the reader would get by running the first example; None if that has errors.
    """
    all_values = await values(ask, languages)
    groups = {task: ExampleGroup(title=task, examples=[]) for task in TASKS.values()}
    for example in examples():
        variables = json.dumps(example.values_of(all_values), indent=2, ensure_ascii=False)
        listed = ListedExample(name=example.name, about=example.about, query=example.query, variables=variables)
        groups[example.task]["examples"].append(listed)
    response: dict[str, object] | None = None
    if with_response:
        first = examples()[0]
        result = await ask(first.query, first.values_of(all_values))
        response = None if result.errors else {"data": result.data}
    return {"groups": list(groups.values()), "response": response}
