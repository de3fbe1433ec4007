"""The READMEs: the number of calls that they count, and translations that have the same code, links and headings."""

import re
from pathlib import Path
from typing import Any

import httpx
import pytest
from graphql import build_schema

from graphql_api.sandbox import Releases, create_sandbox
from tests.conftest import Server

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
TRANSLATIONS = [ROOT / "README.nl.md", ROOT / "README.fr.md"]
FENCES = re.compile(r"^```.*?^```$", re.DOTALL | re.MULTILINE)
PROFILE, COMPETENCES = "OP-101", ("essentialCompetences", "specificCompetences")


class RestClient:
    """A client of the Competent API, which counts its calls."""

    def __init__(self, releases: Releases) -> None:
        self.calls = 0
        self._client = httpx.AsyncClient(
            transport=httpx.ASGITransport(create_sandbox(releases)), base_url="http://rest"
        )

    async def get(self, path: str) -> dict[str, Any]:
        self.calls += 1
        response = await self._client.get(path)
        return response.raise_for_status().json()


async def test_readme_counts_the_calls_that_the_rest_api_needs(releases: Releases, server: Server) -> None:
    rest = RestClient(releases)
    hits = await rest.get("/search?searchValue=verpleegkundige&entityTypes=OCCUPATIONAL_PROFILE&language=nl")
    documents = [hit["document"] for hit in hits["_embedded"]["competentSearchResultList"]]
    (uuid,) = [document["id"] for document in documents if document["code"] == PROFILE]
    profile = await rest.get(f"/releases/current/occupationalprofiles/{uuid}")
    embedded = [competence for name in COMPETENCES for competence in profile[name]]
    assert not any("behaviouralIndicators" in competence for competence in embedded)
    paths = [f"/releases/current/technicalcompetences/{competence['id']}" for competence in embedded]
    complete = {document["code"]: document for document in [await rest.get(path) for path in paths]}

    counts = [int(count) for count in re.findall(r"^\| .* \| \**(\d+)\** \|$", README, re.MULTILINE)]
    assert counts == [1, 1, len(paths), rest.calls]
    assert f"each of its {len(paths)} competences" in README
    for path in paths:
        await rest.get(f"{path}/occupationalprofiles/used")
    assert f"{rest.calls} REST\ncalls" in README

    (query,) = re.findall(r"```graphql\n(.*?)```", README, re.DOTALL)
    answer = (await server.post(query)).json()["data"]["occupationalProfile"]
    both = answer["essentialCompetences"] + answer["optionalCompetences"]
    assert {competence["code"]: len(competence["behaviouralIndicators"]) for competence in both} == {
        code: len(document["behaviouralIndicators"]) for code, document in complete.items()
    }


def test_the_domain_diagram_has_types_and_fields_of_the_schema() -> None:
    schema = build_schema((ROOT / "schema.graphql").read_text(encoding="utf-8"))
    drawing = (ROOT / "docs" / "domain.svg").read_text(encoding="utf-8")
    types = re.findall(r'class="type"[^>]*>(\w+)<', drawing)
    fields = {name for type in types for name in schema.type_map[type].fields}
    drawn = {name for text in re.findall(r">([^<]+)</text>", drawing) for name in re.findall(r"\b[a-z]+[A-Z]\w*", text)}

    assert types == [
        "Release",
        "OccupationalProfile",
        "TechnicalCompetence",
        "Skill",
        "Knowledge",
        "BehaviouralIndicator",
    ]
    assert len(drawn) >= 10
    assert drawn <= fields


@pytest.mark.parametrize("file", TRANSLATIONS, ids=lambda file: file.name)
def test_a_translated_readme_has_the_same_code_links_and_headings(file: Path) -> None:
    text = file.read_text(encoding="utf-8")

    assert FENCES.findall(text) == FENCES.findall(README)
    assert shape(text) == shape(README)
    assert {*links_of(text)} ^ {*links_of(README)} == {"README.md", file.name}
    assert re.findall(r"`[^`\n]+`", text) == re.findall(r"`[^`\n]+`", README)


def shape(text: str) -> list[str]:
    """What each line of a README begins with, without its words: headings, rows, list items and pictures."""
    prose = FENCES.sub("```", text)
    return [mark[0] for line in prose.splitlines() if (mark := re.match(r"#+ |\||- |\d\. |!\[|```", line))]


def links_of(text: str) -> list[str]:
    return re.findall(r"\]\(([^)]+)\)", text) + re.findall(r"https?://[^\s`]+", FENCES.sub("", text))
