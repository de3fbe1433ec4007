"""Turtle and JSON-LD: the same graph, with the triples of the documents, valid SKOS for any texts."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rdflib import DCTERMS, RDF, SKOS, Graph, Literal, URIRef

from graphql_api.competent.declarations import OCCUPATIONAL_PROFILE, SKILL, TECHNICAL_COMPETENCE
from graphql_api.competent.mappings import Mappings
from graphql_api.competent.sssom import Mapped, MappingMatch
from graphql_api.export import ReleaseFacts, turtle
from graphql_api.export.skos import ConceptNodes, scheme_node
from tests.conftest import Server
from tests.export.conftest import exported
from tests.export.graphs import BASE, expected_triples, json_ld_graph, triples_by_type, turtle_graph, violations

A, B, C = (f"00000000-0000-4000-8000-00000000000{number}" for number in range(3))


@pytest.fixture
async def lines(original: Server) -> list[dict[str, Any]]:
    _, *concepts = [json.loads(line) for line in (await exported(original, "3.11")).splitlines()]
    return concepts


async def test_the_triples_of_each_type_are_as_expected(original: Server, lines: list[dict[str, Any]]) -> None:
    graph = turtle_graph(await exported(original, "3.11", "turtle"))

    assert triples_by_type(graph) == expected_triples(lines)
    assert len(triples_by_type(graph)) == 11, "eight types of concepts, and three of terms"
    assert set(graph.subjects(RDF.type, SKOS.ConceptScheme)) == {URIRef(f"{BASE}3.11")}
    of_scheme = len(list(graph.predicate_objects(URIRef(f"{BASE}3.11"))))
    assert len(graph) == sum(triples_by_type(graph).values()) + of_scheme
    assert of_scheme == 4 + sum(line["type"] == "OccupationalProfile" for line in lines)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:ConjunctiveGraph is deprecated")  # rdflib's own reader of JSON-LD uses it
async def test_json_ld_and_turtle_are_the_same_graph_and_valid_skos(original: Server) -> None:
    graph = turtle_graph(await exported(original, "3.11", "turtle"))

    assert set(json_ld_graph(await exported(original, "3.11", "json-ld"))) == set(graph)
    assert violations(graph) == []


@pytest.mark.parametrize(
    "wrong",
    [
        'skos:prefLabel "x"@nl',
        'skos:altLabel "a"@nl',
        "a skos:ConceptScheme",
        'dct:modified "yesterday"^^xsd:dateTime',
        'skos:notation "CP-2"',
        "skos:inScheme <other>",
        "skos:topConceptOf <3.11>",
        "dct:hasPart <3.11/skill/unknown>",
        "skos:exactMatch <http://example.org/1> ; skos:broadMatch <http://example.org/1>",
        "skos:closeMatch <urn:x>",
    ],
)
def test_the_shacl_shapes_detect_invalid_data(wrong: str) -> None:
    document = {"id": A, "code": "CP-1", "skill": {"id": B, "description": {"nl": "a"}}}
    nodes = ConceptNodes("3.11", Mappings(), labelled=False)
    parts = [
        turtle.document(node, BASE)
        for node in (
            {**scheme_node(ReleaseFacts("3.11")), "hasTopConcept": [f"3.11/occupational-profile/{C}"]},
            nodes.concept(TECHNICAL_COMPETENCE, document),
            nodes.concept(SKILL, {"id": B, "description": {"nl": "a"}}),
            nodes.concept(OCCUPATIONAL_PROFILE, {"id": C, "title": {"nl": "b"}}),
        )
    ]

    assert violations(turtle_graph("".join(parts))) == []
    broken = "".join([*parts, f"<3.11/technical-competence/{A}> {wrong} .\n"])
    assert len(violations(turtle_graph(broken))) >= 1


@pytest.mark.slow
@given(st.text(st.characters(codec="utf-8")))
def test_any_text_round_trips_through_turtle(text: str) -> None:
    node = {"@id": "x", "notation": text, "prefLabel": {"nl": text, "fr": f"{text}\\"}, "altLabel": {"@none": [text]}}
    graph = turtle_graph(turtle.document(node, BASE))

    assert set(graph) == {
        (URIRef(f"{BASE}x"), predicate, value)
        for predicate, value in [
            (SKOS.notation, Literal(text)),
            (SKOS.prefLabel, Literal(text, "nl")),
            (SKOS.prefLabel, Literal(f"{text}\\", "fr")),
            (SKOS.altLabel, Literal(text)),
        ]
    }


@pytest.mark.parametrize(
    "text", ['"""', "\\", '\\"', "a\nb", "a\r\nb", "\t", "\x00\x07\x1f\x7f", '" . <x> <y> "', "🦄", "\u2028", "\\u0041"]
)
def test_hostile_texts_are_escaped_in_turtle(text: str) -> None:
    scheme = turtle.document(scheme_node(ReleaseFacts("3.11", source=text, license=text, attribution=text)), BASE)
    graph = turtle_graph(scheme)
    (license,) = graph.objects(None, DCTERMS.license)

    assert list(graph.objects(None, DCTERMS.source)) == [Literal(text)]
    assert list(graph.objects(license, SKOS.prefLabel)) == [Literal(text)]
    assert len(graph) == 7


def test_a_url_cannot_break_out_of_its_iri() -> None:
    graph = turtle_graph(turtle.document({"@id": 'x> <y> "z', "member": ["http://a/{b}|`^\\ \n"]}, BASE))

    assert len(graph) == 1
    (address,) = graph.objects()
    assert str(address) == "http://a/%7Bb%7D%7C%60%5E%5C%20%0A"


@pytest.mark.parametrize(
    ("license", "is_address"),
    [("https://example.org/terms?a=1", True), ("https://example.org and more", False), ("Open data", False)],
)
def test_a_licence_is_a_url_or_a_text(license: str, is_address: bool) -> None:
    graph = turtle_graph(turtle.document(scheme_node(ReleaseFacts("3.11", license=license)), BASE))
    (value,) = graph.objects(None, DCTERMS.license)

    assert (value == URIRef(license)) == is_address
    assert list(graph.objects(value, SKOS.prefLabel)) == ([] if is_address else [Literal(license)])


def node_graph(mapped: list[tuple[MappingMatch, str]], **fields: Any) -> Graph:
    mappings = Mappings(Mapped(A, "x", uri, None, None, match, None) for match, uri in mapped)
    node = ConceptNodes("3.11", mappings, labelled=True).concept(OCCUPATIONAL_PROFILE, {"id": A, **fields})
    return turtle_graph(turtle.document(node, BASE))


def test_an_exact_match_excludes_a_broader_one() -> None:
    esco = "http://data.europa.eu/esco/isco/C2221"
    graph = node_graph(
        [(MappingMatch.EXACT, esco), (MappingMatch.CLOSE, esco), (MappingMatch.RELATED, esco)],
        classifications=[{"scheme": "ISCO-08", "code": "2221"}, {"scheme": "ISCO-08", "code": "2222"}],
    )

    assert list(graph.objects(None, SKOS.exactMatch)) == list(graph.objects(None, SKOS.closeMatch)) == [URIRef(esco)]
    assert list(graph.objects(None, SKOS.relatedMatch)) == []
    assert list(graph.objects(None, SKOS.broadMatch)) == [URIRef(f"{esco[:-1]}2")]


def test_an_alternative_name_equal_to_the_title_is_omitted() -> None:
    names = [("Kok", "nl"), ("Kok", "fr"), ("Chef", "nl"), ("Chef", "nl"), ("Kok", None)]
    graph = node_graph(
        [], title={"nl": "Kok"}, alternativeNames=[{"name": name, "language": language} for name, language in names]
    )

    assert set(graph.objects(None, SKOS.altLabel)) == {Literal("Kok", "fr"), Literal("Chef", "nl"), Literal("Kok")}


def test_links_have_labels_in_a_document_of_one_concept() -> None:
    skill = {"id": B, "code": "SK-1", "description": {"nl": "Koken"}}
    graph = node_graph([], softSkills=[{"id": C}], essentialCompetences=[{"id": C, "code": "CP-1", "skill": skill}])
    competence = URIRef(f"{BASE}3.11/technical-competence/{C}")

    assert set(graph.predicate_objects(competence)) == {
        (SKOS.notation, Literal("CP-1")),
        (SKOS.prefLabel, Literal("Koken", "nl")),
    }
