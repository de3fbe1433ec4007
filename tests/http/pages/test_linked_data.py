"""URLs of concepts, as SKOS."""

import asyncio
import json
import re
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import urljoin

import pytest
from rdflib import RDF, SKOS, Namespace, URIRef

from graphql_api.export.skos import TERMS_BY_NAME, TYPES_BY_NAME
from graphql_api.http.pages import linked_data
from graphql_api.sandbox import Fault, Releases
from graphql_api.settings import Settings
from tests.conftest import CP_7, Server, running
from tests.export.graphs import json_ld_graph, turtle_graph

pytestmark = pytest.mark.usefixtures("indexed")

HYDRA = Namespace("http://www.w3.org/ns/hydra/core#")
LD = {"Accept": "application/ld+json"}
PAGE = (Path(__file__).parents[3] / "docs" / "linked-data.md").read_text(encoding="utf-8")
COMPETENCE = f"/id/3.11/technical-competence/{CP_7}"


async def document_at(server: Server, path: str) -> dict[str, Any]:
    response = await server.client.get(path, headers=LD)
    assert response.status_code == 200, response.text
    assert response.headers["content-type"] == "application/ld+json"
    document: dict[str, Any] = response.json()
    return document


def addresses(document: dict[str, Any], at: str) -> list[str]:
    """The URLs of its ids and links, resolved as in JSON-LD: against `@base`, or the URL of the document."""
    base = urljoin(f"http://server.test{at}", document["@context"]["@base"])
    linked = {
        name for name, term in document["@context"].items() if isinstance(term, dict) and term.get("@type") == "@id"
    }
    results = [document["@id"]]
    for name in linked & document.keys():
        results += ids(document[name])
    return [urljoin(base, result) for result in results]


@pytest.fixture
async def small_server(few_releases: Releases, settings: Settings, tmp_path: Path) -> AsyncIterator[Server]:
    """A server over releases with few profiles."""
    async with running(few_releases, replace(settings, cache_dir=tmp_path)) as server:
        yield server


def ids(value: Any) -> list[str]:
    """The ids of linked nodes, which are alone or in a list, with a label or without."""
    return [item if isinstance(item, str) else item["@id"] for item in (value if isinstance(value, list) else [value])]


async def profile_of(server: Server) -> dict[str, Any]:
    query = """{ occupationalProfile(code: "OP-101") {
        uuid code title { nl fr de } alternativeNames { name language } essentialCompetences { uuid } softSkills { uuid }
        classifications { scheme code } } }"""
    data: dict[str, Any] = (await server.ask(query))["occupationalProfile"]
    return data


async def test_a_profile_has_its_labels_its_relations_and_its_isco_group(server: Server) -> None:
    profile = await profile_of(server)
    path = f"/id/3.11/occupational-profile/{profile['uuid']}"
    document = await document_at(server, path)

    assert document["@type"] == ["skos:Concept", "esco:Occupation"]
    assert document["notation"] == "OP-101"
    assert document["prefLabel"].items() >= profile["title"].items()
    names = {(name, language) for language, names in document["altLabel"].items() for name in names}
    assert names == {(name["name"], (name["language"] or "@none").lower()) for name in profile["alternativeNames"]}
    competences = [f"3.11/technical-competence/{competence['uuid']}" for competence in profile["essentialCompetences"]]
    assert ids(document["relatedEssentialSkill"]) == competences
    assert all(link["prefLabel"]["nl"] and link["notation"] for link in document["relatedEssentialSkill"])
    assert document["topConceptOf"] == document["inScheme"] == "3.11"
    assert set(ids(document["related"])) >= {f"3.11/soft-skill/{skill['uuid']}" for skill in profile["softSkills"]}
    codes = [
        classification["code"] for classification in profile["classifications"] if classification["scheme"] == "ISCO-08"
    ]
    assert codes
    assert document["broadMatch"] == [f"http://data.europa.eu/esco/isco/C{code}" for code in codes]


async def test_a_profile_has_its_working_context_sectors_and_areas_of_interest(server: Server) -> None:
    query = """{ occupationalProfile(code: "OP-101") { uuid workingContext { nl fr }
        economicSectors { uuid code title { nl } } areasOfInterest { uuid } proofsOfLearning { uuid } } }"""
    profile = (await server.ask(query))["occupationalProfile"]
    document = await document_at(server, f"/id/3.11/occupational-profile/{profile['uuid']}")
    names = {"economicSectors": "economic-sector", "areasOfInterest": "area-of-interest"}
    expected = [
        f"3.11/{name}/{term['uuid']}"
        for field, name in (names | {"proofsOfLearning": "proof-of-learning"}).items()
        for term in profile[field]
    ]
    sector = profile["economicSectors"][0]

    assert document["note"].items() >= profile["workingContext"].items()
    assert sorted(ids(document["subject"])) == sorted(expected)
    (link,) = [item for item in document["subject"] if item["@id"].endswith(sector["uuid"])]
    assert (link["notation"], link["prefLabel"]["nl"]) == (sector["code"], sector["title"]["nl"])
    page = await document_at(server, f"/id/3.11/economic-sector/{sector['uuid']}")
    assert page.items() >= (link | {"@type": "skos:Concept", "inScheme": "3.11"}).items()
    for other in ("economic-sector/00000000-0000-4000-8000-000000000000", f"area-of-interest/{sector['uuid']}"):
        assert (await server.client.get(f"/id/3.11/{other}", headers=LD)).status_code == 404


async def test_every_local_id_resolves_to_its_document(server: Server) -> None:
    profile = await profile_of(server)
    path = f"/id/3.11/occupational-profile/{profile['uuid']}"
    ids = addresses(await document_at(server, path), path)
    ids += addresses(await document_at(server, COMPETENCE), COMPETENCE)

    ours = [result.removeprefix("http://server.test") for result in ids if result.startswith("http://server.test")]
    assert {item.split("/")[3] for item in ours if item.count("/") == 4} >= {
        "occupational-profile", "technical-competence", "skill", "knowledge", "behavioural-indicator", "soft-skill",
        "economic-sector", "area-of-interest", "proof-of-learning",
    }  # fmt: skip
    for value in ours:
        assert addresses(await document_at(server, value), value)[0] == f"http://server.test{value}"


async def test_the_documented_example_equals_the_response(server: Server) -> None:
    (example,) = re.findall(r"```json linked\n(.*?)```", PAGE, re.DOTALL)
    document = await document_at(server, COMPETENCE)

    assert json.loads(example).items() <= document.items()
    assert len(document["hasPart"]) > 3


def test_every_type_is_in_the_docs() -> None:
    assert all(f"/{type_name}/UUID" in PAGE for type_name in (*TYPES_BY_NAME, *TERMS_BY_NAME))


async def test_a_release_is_a_scheme(server: Server) -> None:
    document = await document_at(server, "/id/3.11")

    assert document["@type"] == ["skos:ConceptScheme", "hydra:Collection"]
    assert addresses(document, "/id/3.11")[0] == "http://server.test/id/3.11"


async def test_ids_begin_with_the_public_url(releases: Releases, settings: Settings) -> None:
    async with running(releases, replace(settings, public_url="https://example.org/competent/")) as server:
        bodies = [
            await server.client.get("/id/3.11", headers=LD | {"Host": host}) for host in ("a.example", "b.example")
        ]
        await server.app.state.services.indexes.ready("3.10")
        ended = await server.ask('{ occupationalProfile(code: "OP-116", release: "3.10") { uuid } }')
        gone = await server.client.get(f"/id/3.11/occupational-profile/{ended['occupationalProfile']['uuid']}")

    assert bodies[0].content == bodies[1].content
    assert addresses(bodies[0].json(), "/id/3.11")[0] == "https://example.org/competent/id/3.11"
    assert " https://example.org/competent/id/3.11/occupational-profile/" in gone.json()["errors"][0]["message"]


@pytest.mark.parametrize(
    ("path", "number"),
    [
        ("/id/current", "/id/3.11"),
        ("/id/current.ttl", "/id/3.11.ttl"),
        (COMPETENCE.replace("3.11", "current"), COMPETENCE),
        (COMPETENCE.replace("3.11", "current") + ".jsonld", COMPETENCE + ".jsonld"),
    ],
)
async def test_current_redirects_to_the_number(server: Server, path: str, number: str) -> None:
    response = await server.client.get(path, headers=LD)

    assert response.status_code == 302
    assert urljoin(path, response.headers["location"]) == number
    assert "max-age=2592000" not in response.headers["cache-control"]


@pytest.mark.parametrize("path", [COMPETENCE, "/id/3.11?page=2"])
async def test_a_pinned_document_has_a_long_max_age_and_an_etag_of_its_form(server: Server, path: str) -> None:
    tags = set()
    for accept in ("application/ld+json", "text/turtle", "text/html"):
        response = await server.client.get(path, headers={"Accept": accept})
        tags.add(response.headers["etag"])
        second = await server.client.get(path, headers={"Accept": accept, "If-None-Match": response.headers["etag"]})

        assert int(response.headers["cache-control"].partition("max-age=")[2]) > 3600
        assert "Accept" in response.headers["vary"].split(", ")
        assert (second.status_code, second.content) == (304, b"")
    assert len(tags) == 3


@pytest.mark.filterwarnings("ignore:ConjunctiveGraph is deprecated")  # rdflib's own reader of JSON-LD uses it
async def test_turtle_and_json_ld_are_the_same_graph_with_addresses_of_their_url(server: Server) -> None:
    path = f"/id/3.11/occupational-profile/{(await profile_of(server))['uuid']}"
    for url in (f"http://server.test{path}", f"http://server.test{COMPETENCE}", "http://server.test/id/3.11?page=3"):
        turtle = await server.client.get(url, headers={"Accept": "text/turtle"})
        graph = turtle_graph(turtle.content, url)

        assert set(graph) == set(json_ld_graph((await server.client.get(url, headers=LD)).content, url))
        assert URIRef(url.partition("?")[0]) in set(graph.subjects())


@pytest.mark.slow
async def test_all_concepts_can_be_crawled_from_the_scheme(
    small_server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(linked_data, "PAGE_SIZE", 50)
    url, members, top, last = "http://server.test/id/3.11", list[URIRef](), set[Any](), None
    while url:
        graph = turtle_graph((await small_server.client.get(url, headers={"Accept": "text/turtle"})).content, url)
        (scheme,) = graph.subjects(RDF.type, SKOS.ConceptScheme)
        (view,) = graph.objects(scheme, HYDRA.view)
        here = list(graph.objects(scheme, HYDRA.member))
        assert all((member, SKOS.prefLabel, None) in graph for member in here)
        members += here
        top |= set(graph.objects(scheme, SKOS.hasTopConcept))
        last = graph.value(view, HYDRA.last)
        url = str(graph.value(view, HYDRA.next) or "")
    export = turtle_graph(
        (await small_server.client.get("/export/3.11.ttl")).content, "http://server.test/export/3.11.ttl"
    )

    assert str(view) == str(last)
    assert int(graph.value(scheme, HYDRA.totalItems)) == len(members) == len(set(members)) > 200
    assert set(members) == set(export.subjects(RDF.type, SKOS.Concept))
    assert top == set(export.objects(scheme, SKOS.hasTopConcept)) == set(export.subjects(SKOS.topConceptOf))
    for member in sorted(members)[::40]:
        document = turtle_graph(
            (await small_server.client.get(member, headers={"Accept": "text/turtle"})).content, member
        )
        assert set(export.predicate_objects(member)) <= set(document.predicate_objects(member))


@pytest.mark.parametrize(
    ("page", "status"), [("0", 400), ("-1", 400), ("x", 400), ("1e3", 400), ("9" * 40, 400), ("", 400), ("9999", 404)]
)
async def test_a_page_out_of_range_is_an_error(server: Server, page: str, status: int) -> None:
    response = await server.client.get(f"/id/3.11?page={page}", headers=LD)

    assert response.status_code == status
    assert response.json()["errors"][0]["extensions"]["code"] == "BAD_REQUEST"


async def test_pages_of_an_incomplete_release_are_not_cached(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    index = await server.app.state.services.loaders().index("3.11")
    monkeypatch.setattr(index, "missing", 1)

    assert (await server.client.get("/id/3.11", headers=LD)).headers["cache-control"] == "no-store"


@pytest.mark.parametrize(
    ("accept", "gives"),
    [
        ("*/*", "application/ld+json"),
        ("application/json", "application/json"),
        ("text/html,application/xhtml+xml,*/*;q=0.8", "text/html; charset=utf-8"),
        ("text/turtle, application/ld+json;q=0.5", "text/turtle; charset=utf-8"),
        ("application/rdf+xml, text/turtle;q=0.5", "text/turtle; charset=utf-8"),
    ],
)
async def test_the_accept_header_selects_the_format(server: Server, accept: str, gives: str) -> None:
    assert (await server.client.get(COMPETENCE, headers={"Accept": accept})).headers["content-type"] == gives


@pytest.mark.parametrize("path", [COMPETENCE, "/id/3.11", "/id/3.11?page=2"])
async def test_the_suffix_of_a_url_selects_the_format_over_the_accept_header(server: Server, path: str) -> None:
    name, mark, query = path.partition("?")
    page = (await server.client.get(path, headers={"Accept": "text/html"})).text
    for ending, media_type, charset in (
        ("jsonld", "application/ld+json", ""),
        ("ttl", "text/turtle", "; charset=utf-8"),
    ):
        url = f"{name}.{ending}{mark}{query}"
        negotiated = await server.client.get(path, headers={"Accept": media_type})
        for accept in ("text/html,*/*;q=0.8", "application/rdf+xml"):
            response = await server.client.get(url, headers={"Accept": accept})
            assert response.headers["content-type"] == media_type + charset
            assert response.content == negotiated.content
            assert "Accept" not in response.headers.get("vary", "").split(", ")
            assert response.headers["cache-control"] == negotiated.headers["cache-control"]
        shown = {urljoin(path, href).removesuffix("?page=1") for href in re.findall(r'<a href="([^"]+)"', page)}
        assert url in shown


async def test_an_unknown_suffix_is_404(server: Server) -> None:
    for path in (f"{COMPETENCE}.xml", f"{COMPETENCE}.ttl.ttl", f"{COMPETENCE}.", "/id/3.11.rdf", "/id/.ttl"):
        assert (await server.client.get(path, headers=LD)).status_code == 404, path


async def test_an_unsupported_format_is_406(server: Server) -> None:
    response = await server.client.get(COMPETENCE, headers={"Accept": "application/rdf+xml"})

    assert response.status_code == 406
    assert "application/ld+json" in response.json()["errors"][0]["message"]
    assert server.upstream_paths() == []


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("/id/3.11/technical-competence/00000000-0000-4000-8000-000000000000", "BAD_REQUEST"),
        ("/id/3.11/technical-competence/CP-7", "BAD_REQUEST"),
        (f"/id/3.11/occupation/{CP_7}", "BAD_REQUEST"),
        (f"/id/3.11/skill/{CP_7}", "BAD_REQUEST"),
        ("/id/..%2f..%2fx", "BAD_REQUEST"),
        ("/id/-x-", "BAD_REQUEST"),
        ("/id/9.99", "RELEASE_NOT_FOUND"),
        (f"/id/9.99/technical-competence/{CP_7}", "RELEASE_NOT_FOUND"),
    ],
)
async def test_a_missing_concept_is_404_with_a_code(server: Server, path: str, code: str) -> None:
    response = await server.client.get(path, headers=LD)

    assert response.status_code == 404
    assert response.json()["errors"][0]["extensions"]["code"] == code
    assert "max-age" not in response.headers.get("cache-control", "")


async def test_with_upstream_down_linked_data_is_an_error_and_never_partial(server: Server) -> None:
    server.faults.add(Fault("**", "status", status=503))
    response = await server.client.get(COMPETENCE.replace("3.11", "3.10"), headers=LD)

    assert response.status_code == 503
    assert response.json()["errors"][0]["extensions"]["code"] == "UPSTREAM_UNAVAILABLE"


async def test_browsers_get_a_page_with_the_same_links_and_no_script(server: Server) -> None:
    response = await server.client.get(COMPETENCE, headers={"Accept": "text/html"})
    links = [urljoin(COMPETENCE, match) for match in re.findall(r'href="([^"]+)"', response.text)]
    document = await document_at(server, COMPETENCE)

    assert response.headers["content-security-policy"].startswith("default-src 'none'; ")
    assert {f"/id/{item}" for item in ids(document["hasPart"])} <= set(links)
    assert all(f">{link['prefLabel']['nl']}</a>" in response.text for link in document["hasPart"])
    for link in links:
        assert (await server.client.get(link)).status_code == 200, link


async def test_a_request_that_waits_upstream_counts_as_waiting(releases: Releases, settings: Settings) -> None:
    server = Server(releases, replace(settings, max_operations=2))  # of which one may wait
    async with server.client:
        server.faults.add(Fault("/releases/3.11/technicalcompetences/*", "hang"))
        waiting = asyncio.create_task(server.client.get(COMPETENCE, headers=LD))
        while not server.upstream_paths():
            await asyncio.sleep(0)

        other = await server.client.get(COMPETENCE.replace("3.11", "3.10"), headers=LD)

        assert other.status_code == 503
        assert other.json()["errors"][0]["extensions"]["code"] == "UPSTREAM_UNAVAILABLE"
        assert server.upstream_paths() == []
        server.faults.clear()
        assert (await waiting).status_code == 200
    await server.app.state.services.aclose()
