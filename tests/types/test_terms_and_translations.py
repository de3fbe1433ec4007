"""The terms of use of a release, and its translation coverage."""

from collections.abc import Iterator
from contextlib import closing
from dataclasses import fields, replace
from typing import Any

import pytest

from graphql_api.competent.declarations import CONCEPT_TYPES, ConceptType
from graphql_api.sandbox import Releases
from graphql_api.sandbox.bundled_data import bundled_datasets
from graphql_api.sandbox.document_store import documents_in_memory
from graphql_api.settings import Settings
from tests.conftest import Server, running

TERMS = "{ release { source license attribution } }"
DEFAULTS = {field.name: field.default for field in fields(Settings) if field.name in ("license", "attribution")}
LINKED = {"Accept": "application/ld+json"}
HTML = {"Accept": "text/html"}


@pytest.fixture
def of_vdab() -> Iterator[Releases]:
    """Releases without a source, like those of Competent."""
    with closing(
        Releases(documents_in_memory(replace(dataset, source=None)) for dataset in bundled_datasets())
    ) as opened:
        yield opened


async def test_bundled_data_claims_no_terms_of_vdab(server: Server) -> None:
    data = (await server.ask(TERMS))["release"]
    linked = (await server.client.get("/id/3.11", headers=LINKED)).json()
    pages = [(await server.client.get(path, headers=HTML)).text for path in ("/", "/llms.txt", "/id/3.11")]

    assert data == {"source": "sandbox data, not VDAB's", "license": None, "attribution": None}
    assert "license" not in linked
    assert "attribution" not in linked
    assert not any("Open data" in page for page in pages)


async def test_data_of_competent_has_the_terms_of_the_vdab_portal(of_vdab: Releases, settings: Settings) -> None:
    async with running(of_vdab, replace(settings, store="memory:")) as server:
        await server.app.state.services.indexes.ready("3.11")
        data = (await server.ask(TERMS))["release"]
        summary = (await server.client.get("/", headers={"Accept": "application/json"})).json()
        linked = (await server.client.get("/id/3.11", headers=LINKED)).json()
        profile = (await server.ask('{ occupationalProfile(code: "OP-101") { uuid } }'))["occupationalProfile"]
        concept = await server.client.get(f"/id/3.11/occupational-profile/{profile['uuid']}", headers=LINKED)
        pages = [(await server.client.get(path, headers=HTML)).text for path in ("/", "/llms.txt", "/id/3.11")]

    assert data == {"source": None, **DEFAULTS}
    assert "according to VDAB's developer portal" in data["license"]
    assert {name: summary["release"][name] for name in DEFAULTS} == DEFAULTS
    for document in (linked, concept.json()):
        assert document["license"] == {"@type": "dct:LicenseDocument", "skos:prefLabel": data["license"]}
        assert document["attribution"] == "Competent, VDAB"
        assert document["@context"]["license"]["@id"] == "dct:license"
    assert all("Open data without restrictions on use" in page and "Competent, VDAB" in page for page in pages)


async def test_the_operator_can_set_other_terms(of_vdab: Releases, settings: Settings) -> None:
    url = "https://example.org/terms?a=1&b"
    async with running(of_vdab, replace(settings, store="memory:", license=url, attribution="")) as server:
        await server.app.state.services.indexes.ready("3.11")
        data = (await server.ask(TERMS))["release"]
        linked = (await server.client.get("/id/3.11", headers=LINKED)).json()
        page = (await server.client.get("/id/3.11", headers=HTML)).text

    assert data == {"source": None, "license": url, "attribution": None}
    assert linked["license"] == {"@id": url}
    assert '<a href="https://example.org/terms?a=1&amp;b">' in page


@pytest.mark.parametrize("compiled", ["on", "off"])
async def test_coverage_counts_the_translations_in_the_data(
    releases: Releases, settings: Settings, compiled: str
) -> None:
    async with running(releases, replace(settings, compiled_queries=compiled)) as server:
        rows = await coverage(server)
        labels = {type.name: await labels_of(server, type) for type in CONCEPT_TYPES}

    assert len(rows) == 4 * len(CONCEPT_TYPES)
    for (name, language), (total, translated) in rows.items():
        assert total == len(labels[name]) > 0
        assert translated == sum(bool(label.get(language)) for label in labels[name]), (name, language)
    assert any(0 < translated < total for total, translated in rows.values())


async def labels_of(server: Server, type: ConceptType) -> list[dict[str, str | None]]:
    """The label of each concept of a type, read page by page; competence sets have no pages."""
    if type.name == "CompetenceSet":
        sets = (await server.ask("{ competenceSets { title { nl fr en de } } }"))["competenceSets"]
        return [one["title"] or {} for one in sets]
    paths = {"OccupationalProfile": "title", "TechnicalCompetence": "skill { description"}
    path = paths.get(type.name, "description")
    selection = f"nodes {{ {path} {{ nl fr en de }} {'}' * path.count('{')} }}"
    query = f"query ($after: String) {{ page: {type.listing}(first: 500, after: $after) {{ {selection} pageInfo {{ endCursor hasNextPage }} }} }}"
    labels: list[dict[str, str | None]] = []
    page: Any = {"hasNextPage": True, "endCursor": None}
    while page["hasNextPage"]:
        data = (await server.ask(query, {"after": page["endCursor"]}))["page"]
        for node in data["nodes"]:
            (value,) = node.values()
            labels.append(value.get("description", value) if value else {})
        page = data["pageInfo"]
    return [label or {} for label in labels]


async def coverage(server: Server) -> dict[tuple[str, str], tuple[int, int]]:
    data = await server.ask("{ release { translationCoverage { type language total translated } } }")
    names = {type.name.upper(): type.name for type in CONCEPT_TYPES}
    return {
        (names[row["type"].replace("_", "")], row["language"].lower()): (row["total"], row["translated"])
        for row in data["release"]["translationCoverage"]
    }


async def test_coverage_of_a_removed_release_is_an_error(server: Server) -> None:
    query: Any = '{ release(number: "1.0") { translationCoverage { total } } }'

    assert await server.codes(query) == ["RELEASE_NOT_FOUND"]
