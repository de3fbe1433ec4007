"""RDF graphs of exports and pages, and what they are expected to hold."""

from collections import Counter
from collections.abc import Iterable
from itertools import pairwise
from pathlib import Path
from typing import Any

from pyshacl import validate
from rdflib import RDF, SKOS, Graph, URIRef

from graphql_api.competent.declarations import Concepts, Terms, concept_type
from graphql_api.competent.hal import as_list

BASE = "https://example.org/competent/id/"
SHAPES = Graph().parse(Path(__file__).with_name("skos.shacl.ttl"), format="turtle")


def turtle_graph(turtle: bytes | str, address: str = "") -> Graph:
    """The graph of a Turtle document that was loaded from an address."""
    return Graph().parse(data=turtle, format="turtle", publicID=address or None)


def json_ld_graph(text: bytes | str, address: str = "") -> Graph:
    """The graph of a JSON-LD document that was loaded from an address."""
    return Graph().parse(data=text, format="json-ld", base=address or None)


def violations(graph: Graph) -> list[str]:
    """What a graph violates of SKOS and of the documentation."""
    conforms, _, report = validate(graph, shacl_graph=SHAPES)
    return [] if conforms else report.split("Constraint Violation")[1:]


def triples_by_type(graph: Graph) -> Counter[str]:
    """The number of triples about the concepts of each type, by its name in a URL."""
    count = Counter[str]()
    for concept in graph.subjects(RDF.type, SKOS.Concept):
        assert isinstance(concept, URIRef)
        count[concept.split("/")[-2]] += len(list(graph.predicate_objects(concept)))
    return count


def expected_triples(lines: Iterable[dict[str, Any]]) -> Counter[str]:
    """The number of triples that the concepts of an NDJSON export make, by the name of their type in a URL.

    Counted from docs/linked-data.md, not from the code: type, code, label, other names, description, scheme, top concept, groups,
    relations, working context, regions, terms, times of change and publication; and those of each term.
    """
    count, terms = Counter[str](), dict[tuple[str, str], dict[str, Any]]()
    for line in lines:
        type = concept_type(line["type"])
        label = line.get("title") or line.get("name") or (line.get("skill") or {}).get("description")
        label = label or line.get("description") or {}
        is_profile = type.name == "OccupationalProfile"
        names = {(name["name"], name["language"]) for name in line.get("alternativeNames", ())}
        relations = [
            len({part["id"] for part in as_list(line.get(field.hal_keys[0]))})
            for field in type.fields
            if isinstance(field.value, Concepts | Terms)
        ]
        for field in type.fields:
            if isinstance(field.value, Terms):
                terms |= {
                    ("-".join(_words(field.value.type_name)), term["id"]): term for term in line[field.hal_keys[0]]
                }
        count["-".join(_words(type.name))] += sum(
            [
                2 if type.esco else 1,
                line["code"] is not None,
                len(label),
                len({pair for pair in names if label.get(pair[1]) != pair[0]}),
                len(line.get("description") or {}) if is_profile else 0,
                len(line.get("disambiguator") or {}),
                len(line.get("workingContext") or {}),
                len(line.get("regions") or ()),
                2 if is_profile else 1,
                len({code["value"] for code in line.get("codes", ()) if code["type"] == "ISCO-08"}),
                *relations,
                bool(line.get("lastModified")),
                bool(line.get("lastPublished")),
            ]
        )
    for (name, _), term in terms.items():
        count[name] += 2 + (term["code"] is not None) + len(term["title"] or {})
    return count


def _words(name: str) -> list[str]:
    starts = [position for position, letter in enumerate(name) if letter.isupper()] + [len(name)]
    return [name[start:stop].lower() for start, stop in pairwise(starts)]
