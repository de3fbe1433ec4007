"""The example operations of `operations/`, with variables that answer on the data that is running.

An example says what it needs by the names of its variables; their values are taken from the first profile, competence
and soft skill of the current release.
"""

import json
import re
from collections.abc import Awaitable, Callable
from functools import cache
from importlib.resources import files
from typing import Any, NamedTuple

from graphql_api.schema import Answer

Ask = Callable[[str], Awaitable[Answer]]

_FIND = """{
  release { number id }
  occupationalProfiles(first: 1) { nodes { id uuid code essentialCompetences { id uuid code } } }
  softSkills(first: 1) { nodes { uuid code } }
}"""


class Example(NamedTuple):
    """One file of `operations/`: the name of its operation, what its first line says of it, and its text."""

    name: str
    about: str
    query: str

    @property
    def variables(self) -> list[str]:
        """The names of its variables."""
        return re.findall(r"\$(\w+)\s*:", self.query)


@cache
def examples() -> tuple[Example, ...]:
    """All example operations, in the order of their file names."""
    found = (file for file in (files("graphql_api") / "operations").iterdir() if file.name.endswith(".graphql"))
    return tuple(_example(file.read_text(encoding="utf-8")) for file in sorted(found, key=lambda file: file.name))


def _example(text: str) -> Example:
    name = re.search(r"query (\w+)", text)
    assert name is not None
    return Example(name[1], text.splitlines()[0].lstrip("# "), text)


async def values(ask: Ask) -> dict[str, Any]:
    """A value for each variable name that examples use; fewer where the data has none or cannot be had now."""
    data = (await ask(_FIND)).data or {}
    profile = _first(data.get("occupationalProfiles"))
    competence: dict[str, Any] = next(iter(profile.get("essentialCompetences") or ()), {})
    soft_skill = _first(data.get("softSkills"))
    found = {
        "release": (data.get("release") or {}).get("number"),
        "profileCode": profile.get("code"),
        "profileUuid": profile.get("uuid"),
        "competenceCode": competence.get("code"),
        "competenceUuid": competence.get("uuid"),
        "softSkillCode": soft_skill.get("code"),
        "ids": [node["id"] for node in (profile, competence) if "id" in node] or None,
        "languages": ["FR", "NL"],
        "first": 10,
    }
    return {name: value for name, value in found.items() if value is not None}


def _first(connection: dict[str, Any] | None) -> dict[str, Any]:
    return next(iter((connection or {}).get("nodes") or ()), {})


async def tabs(ask: Ask) -> list[dict[str, str]]:
    """The examples as GraphiQL's tabs: title (the name of the operation), query, and variables as JSON text."""
    known = await values(ask)
    return [
        {
            "title": each.name,
            "query": each.query,
            "variables": json.dumps({name: known[name] for name in each.variables if name in known}, indent=2),
        }
        for each in examples()
    ]
