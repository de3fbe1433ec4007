"""Concepts and releases as SKOS: nodes of JSON-LD in compact form, made from normalised documents.

The one mapping for `/id/…` and for exports, for JSON-LD (`json_ld.py`) and Turtle (`turtle.py`). Ids are relative to `/id/`.

Sources: https://www.w3.org/TR/skos-reference; relations between occupations and skills, and URLs of ISCO-08 groups, are those of
ESCO (http://data.europa.eu/esco/model); pages of members are those of Hydra (https://www.hydra-cg.com/spec/latest/core).
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Literal, NamedTuple

from graphql_api.competent.declarations import (
    COMPETENCE_SET,
    CONCEPT_TYPES,
    OCCUPATIONAL_PROFILE,
    TECHNICAL_COMPETENCE,
    Concepts,
    ConceptType,
    Terms,
)
from graphql_api.competent.hal import Document, as_list
from graphql_api.competent.isco import uri_of
from graphql_api.competent.mappings import Mappings
from graphql_api.competent.sssom import MappingMatch
from graphql_api.export.contents import ReleaseFacts
from graphql_api.index.labels import text_of

Node = Mapping[str, Any]
"""`{"@id", "@type", term: value}`: a value is a text by language, a string, a number, the id of a node, a node, or a list."""

TOP = OCCUPATIONAL_PROFILE
"""The type of the top concepts: the entry points to a release, as no concept of Competent is broader than another."""

PREFIXES = {
    "skos": "http://www.w3.org/2004/02/skos/core#",
    "dct": "http://purl.org/dc/terms/",
    "xsd": "http://www.w3.org/2001/XMLSchema#",
    "cc": "http://creativecommons.org/ns#",
    "esco": "http://data.europa.eu/esco/model#",
    "hydra": "http://www.w3.org/ns/hydra/core#",
}


class ContextTerm(NamedTuple):
    """A property of a node: its compact IRI, and what its values are. A `text` is by language, an `id` that of a node."""

    iri: str
    values: Literal["text", "id", "date", "dateTime", "plain"] = "id"


MATCHES = [match.value for match in MappingMatch]
TERMS = {
    "prefLabel": ContextTerm("skos:prefLabel", "text"),
    "altLabel": ContextTerm("skos:altLabel", "text"),
    "definition": ContextTerm("skos:definition", "text"),
    "scopeNote": ContextTerm("skos:scopeNote", "text"),
    "note": ContextTerm("skos:note", "text"),
    "notation": ContextTerm("skos:notation", "plain"),
    "inScheme": ContextTerm("skos:inScheme"),
    "topConceptOf": ContextTerm("skos:topConceptOf"),
    "hasTopConcept": ContextTerm("skos:hasTopConcept"),
    "related": ContextTerm("skos:related"),
    **{name: ContextTerm(f"skos:{name}") for name in MATCHES},
    "hasPart": ContextTerm("dct:hasPart"),
    "subject": ContextTerm("dct:subject"),
    "coverage": ContextTerm("dct:coverage", "plain"),
    "relatedEssentialSkill": ContextTerm("esco:relatedEssentialSkill"),
    "relatedOptionalSkill": ContextTerm("esco:relatedOptionalSkill"),
    "modified": ContextTerm("dct:modified", "dateTime"),
    "source": ContextTerm("dct:source", "plain"),
    "license": ContextTerm("dct:license"),
    "attribution": ContextTerm("cc:attributionName", "plain"),
    "issued": ContextTerm("dct:issued", "date"),
    "lastPublished": ContextTerm("dct:issued", "dateTime"),
    "totalItems": ContextTerm("hydra:totalItems", "plain"),
    "member": ContextTerm("hydra:member"),
    "view": ContextTerm("hydra:view"),
    **{name: ContextTerm(f"hydra:{name}") for name in ("first", "previous", "next", "last")},
}
"""The terms of nodes, by their names in JSON-LD."""

_RELATIONS = {"essentialCompetences": "relatedEssentialSkill", "optionalCompetences": "relatedOptionalSkill"}
"""ESCO properties by field. Other concepts of `_WHOLES` are `hasPart`, those of other types `related`; terms are `subject`."""
_WHOLES = (TECHNICAL_COMPETENCE, COMPETENCE_SET)
_IRI = re.compile(r"https?://[^\s<>\"{}|\\^`\x00-\x20]+")


def address(type_name: str) -> str:
    """The name of a concept type in a URL, such as `soft-skill`."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "-", type_name).lower()


TYPES_BY_NAME = {address(type.name): type for type in CONCEPT_TYPES}
"""Concept types by their name in a URL."""
TERMS_BY_NAME = {address(field.value.type_name): field.value for field in TOP.fields if isinstance(field.value, Terms)}
"""Types of terms of profiles, such as sectors, by their name in a URL."""


def scheme_node(release: ReleaseFacts) -> Node:
    """A release: a concept scheme."""
    return _without_empty(
        {
            "@id": release.number,
            "@type": "skos:ConceptScheme",
            "prefLabel": {"en": f"Competent {release.number}"},
            "issued": release.published_on,
            **provenance(release),
        }
    )


def provenance(release: ReleaseFacts) -> Node:
    """Where the data of a release is from, and its terms: a licence by its URL, or a licence document with a text."""
    license = _license(release.license) if release.license else None
    return _without_empty({"source": release.source, "license": license, "attribution": release.attribution})


def _license(license: str) -> Node:
    is_url = _IRI.fullmatch(license) is not None
    return {"@id": license} if is_url else {"@type": "dct:LicenseDocument", "skos:prefLabel": license}


class ConceptNodes:
    """Makes the nodes of concepts of a release.

    With `labelled`, a concept to which a node links has its label and code beside the link: for documents of one concept.
    """

    def __init__(self, release: str, mappings: Mappings, *, labelled: bool) -> None:
        self._release = release
        self._mappings = mappings
        self._link: Callable[[str, Document], Node | str] = self.link if labelled else self._id

    def concept(self, type: ConceptType, document: Document) -> Node:
        """The node of a concept."""
        label = text_of(document)
        return _without_empty(
            {
                "@id": self._id(type.name, document),
                "@type": ["skos:Concept", type.esco] if type.esco else "skos:Concept",
                "notation": document.get("code"),
                "prefLabel": label,
                "altLabel": _other_names(document.get("alternativeNames"), label),
                "definition": document.get("description") if "title" in document else None,
                "scopeNote": document.get("disambiguator"),
                "note": document.get("workingContext"),
                "coverage": document.get("regions"),
                "inScheme": self._release,
                "topConceptOf": self._release if type is TOP else None,
                **self._matches(document),
                **self._relations(type, document),
                "modified": document.get("lastModified"),
                "lastPublished": document.get("lastPublished"),
            }
        )

    def concepts(self, type: ConceptType, documents: Iterable[Document]) -> Iterator[Node]:
        """Yield the nodes of concepts of a type, and one that adds the top concepts among them to the scheme."""
        nodes = [self.concept(type, document) for document in documents]
        yield from nodes
        if type is TOP and nodes:
            yield {"@id": self._release, "hasTopConcept": [node["@id"] for node in nodes]}

    def term(self, type_name: str, document: Document) -> Node:
        """The node of a term of profiles, such as a sector; `document` is `{id, code, title}`."""
        return {**self.link(type_name, document), "@type": "skos:Concept", "inScheme": self._release}

    def terms(self, terms: Mapping[str, Mapping[str, Document]]) -> Iterator[Node]:
        """Yield the nodes of terms (`terms_in`)."""
        return (self.term(name, term) for name, of_type in terms.items() for term in of_type.values())

    def link(self, type_name: str, document: Document) -> Node:
        """A concept or term as the object of a link: its id with its code and label."""
        node = {"@id": self._id(type_name, document), "notation": document.get("code"), "prefLabel": text_of(document)}
        return _without_empty(node)

    def _id(self, type_name: str, document: Document) -> str:
        return f"{self._release}/{address(type_name)}/{document['id']}"

    def _relations(self, type: ConceptType, document: Document) -> dict[str, list[Node | str]]:
        """The concepts and terms that a concept refers to, by property. A term without an id has no address."""
        relations: dict[str, list[Node | str]] = {}
        for field in type.fields:
            if isinstance(field.value, Concepts | Terms):
                default = "subject" if isinstance(field.value, Terms) else "hasPart" if type in _WHOLES else "related"
                parts = [part for part in as_list(document.get(field.name)) if part["id"]]
                links = [self._link(field.value.type_name, part) for part in parts]
                relations.setdefault(_RELATIONS.get(field.name, default), []).extend(links)
        return relations

    def _matches(self, document: Document) -> dict[str, list[str]]:
        """The URIs of concepts elsewhere by SKOS property; groups of ISCO-08 are broader.

        A URI with an exact match has no broader, narrower or related one (SKOS, S46).
        """
        matches: dict[str, dict[str, None]] = {}
        for mapped in self._mappings.of(document["id"], document.get("code")):
            matches.setdefault(mapped.match.value, {})[mapped.uri] = None
        for group in document.get("classifications") or ():
            if uri := uri_of(group["scheme"], group["code"]):
                matches.setdefault(MappingMatch.BROAD.value, {})[uri] = None
        exact = matches.get(MappingMatch.EXACT.value, {})
        return {
            name: [uri for uri in uris if uri not in exact or name in ("exactMatch", "closeMatch")]
            for name, uris in matches.items()
        }


def page_node(scheme: Node, start: int, page_size: int, total: int, members: Sequence[tuple[str, Node]]) -> Node:
    """A page of a scheme, with the members from `start` on, as a collection whose pages link to each other (Hydra).

    Each member has the name of its type.
    """
    number, last = start // page_size + 1, max(1, -(-total // page_size))
    pages = {"first": 1, "previous": number - 1, "next": number + 1, "last": last}

    def url(page: int) -> str:
        return f"{scheme['@id']}?page={page}"

    return {
        **scheme,
        "@type": [scheme["@type"], "hydra:Collection"],
        **_without_empty({"hasTopConcept": [node["@id"] for type_name, node in members if type_name == TOP.name]}),
        "totalItems": total,
        "member": [node for _, node in members],
        "view": {
            "@id": url(number),
            "@type": "hydra:PartialCollectionView",
            **{name: url(page) for name, page in pages.items() if 1 <= page <= last},
        },
    }


def _without_empty(node: Node) -> dict[str, Any]:
    return {name: value for name, value in node.items() if value not in (None, "", [], {})}


def _other_names(names: Iterable[Document] | None, label: Document | None) -> dict[str, list[str]]:
    """Alternative names by language, without those that equal the label (SKOS, S13)."""
    by_language: dict[str, list[str]] = {}
    for name in names or ():
        language = name["language"] or "@none"
        others = by_language.setdefault(language, [])
        if name["name"] not in (*others, (label or {}).get(language)):
            others.append(name["name"])
    return _without_empty(by_language)
