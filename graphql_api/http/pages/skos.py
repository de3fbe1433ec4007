"""Concepts and releases as SKOS in JSON-LD: the fields that a document needs, and the document made of their values.

Ids are relative to `/id/`, whose public address only the operator can know (COMPETENT_PUBLIC_URL).

Sources: https://www.w3.org/TR/skos-reference, https://www.w3.org/TR/json-ld11; relations between occupations and skills, and
URLs of ISCO-08 groups, are those of ESCO (http://data.europa.eu/esco/model).
"""

import re

from graphql_api.competent.declarations import (
    COMPETENCE_SET,
    CONCEPT_TYPES,
    TECHNICAL_COMPETENCE,
    Concepts,
    ConceptType,
    Field,
    concept_type,
)
from graphql_api.competent.hal import Document, as_list
from graphql_api.competent.isco import uri_of
from graphql_api.competent.sssom import MappingMatch
from graphql_api.http.pages.home import Provenance

_TEXTS = "{ nl fr en de }"
_VALUES = {
    "code": "code",
    "title": f"title {_TEXTS}",
    "description": f"description {_TEXTS}",
    "disambiguator": f"disambiguator {_TEXTS}",
    "alternativeNames": "alternativeNames { name language }",
    "classifications": "classifications { scheme code }",
    "lastModified": "lastModified",
}
"""Fields with plain values that appear in a document, with their GraphQL selections."""
_RELATIONS = {"essentialCompetences": "relatedEssentialSkill", "optionalCompetences": "relatedOptionalSkill"}
"""ESCO properties by field. Other concepts of `_WHOLES` are `hasPart`, those of other types `related`."""
_WHOLES = (TECHNICAL_COMPETENCE, COMPETENCE_SET)


def _selection(type: ConceptType) -> str:
    return " ".join(["uuid", *filter(None, map(_selected, type.fields)), "mappings { uri match }"])


def _selected(field: Field) -> str | None:
    match field.value:
        case Concepts(type_name, _, single=True):
            blocks = (_VALUES.get(nested.name, "") for nested in concept_type(type_name).fields)
            return f"{field.name} {{ uuid {' '.join(blocks)} }}"
        case Concepts():
            return f"{field.name} {{ uuid }}"
    return _VALUES.get(field.name)


def address(type_name: str) -> str:
    """The name of a concept type in a URL, such as `soft-skill`."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "-", type_name).lower()


TYPES_BY_NAME = {address(type.name): type for type in CONCEPT_TYPES}
"""Concept types by their name in a URL."""
SELECTIONS = {type.name: _selection(type) for type in CONCEPT_TYPES}

MATCHES = {match.name: match.value for match in MappingMatch}
"""SKOS properties of mappings, by their GraphQL value."""
CONTEXT: dict[str, object] = {
    "skos": "http://www.w3.org/2004/02/skos/core#",
    "dct": "http://purl.org/dc/terms/",
    "xsd": "http://www.w3.org/2001/XMLSchema#",
    "cc": "http://creativecommons.org/ns#",
    "esco": "http://data.europa.eu/esco/model#",
    "prefLabel": {"@id": "skos:prefLabel", "@container": "@language"},
    "altLabel": {"@id": "skos:altLabel", "@container": "@language"},
    "definition": {"@id": "skos:definition", "@container": "@language"},
    "scopeNote": {"@id": "skos:scopeNote", "@container": "@language"},
    "notation": "skos:notation",
    "inScheme": {"@id": "skos:inScheme", "@type": "@id"},
    "related": {"@id": "skos:related", "@type": "@id"},
    **{name: {"@id": f"skos:{name}", "@type": "@id"} for name in MATCHES.values()},
    "hasPart": {"@id": "dct:hasPart", "@type": "@id"},
    "relatedEssentialSkill": {"@id": "esco:relatedEssentialSkill", "@type": "@id"},
    "relatedOptionalSkill": {"@id": "esco:relatedOptionalSkill", "@type": "@id"},
    "modified": {"@id": "dct:modified", "@type": "xsd:dateTime"},
    "source": "dct:source",
    "license": "dct:license",
    "attribution": "cc:attributionName",
    "issued": {"@id": "dct:issued", "@type": "xsd:date"},
}


def concept_scheme(release: Document) -> Document:
    """The document of a release: a concept scheme."""
    number = release["number"]
    return _without_empty(
        {
            "@id": number,
            "@type": "skos:ConceptScheme",
            "prefLabel": {"en": f"Competent {number}"},
            "issued": release["publishedOn"],
            "source": release["source"],
            "license": _license(release["license"]),
            "attribution": release["attribution"],
        }
    )


def concept_document(concept: Document, release: str, type: ConceptType, provenance: Provenance) -> Document:
    """The document of a concept, from the values of its selection, with where the data is from."""
    skill = concept.get("skill") or {}
    classifications = concept.get("classifications") or ()
    document = {
        "@id": f"{release}/{address(type.name)}/{concept['uuid']}",
        "@type": ["skos:Concept", *([type.esco] if type.esco else [])],
        "notation": concept["code"],
        "prefLabel": _texts(concept.get("title") or skill.get("description") or concept.get("description")),
        "altLabel": _names(concept.get("alternativeNames")),
        "definition": _texts(concept.get("description")) if "title" in concept else {},
        "scopeNote": _texts(concept.get("disambiguator")),
        "inScheme": release,
        **_matches(
            concept["mappings"],
            [uri for group in classifications if (uri := uri_of(group["scheme"], group["code"]))],
        ),
        **_relations(concept, release, type),
        "modified": concept.get("lastModified"),
        "source": provenance.source,
        "license": _license(provenance.license),
        "attribution": provenance.attribution,
    }
    return _without_empty(document)


def _matches(mappings: list[Document] | None, groups: list[str]) -> dict[str, list[str]]:
    """The URIs of concepts elsewhere by SKOS property; ISCO `groups` are broader."""
    matches = {"broadMatch": groups}
    for mapping in mappings or ():
        matches.setdefault(MATCHES[mapping["match"]], []).append(mapping["uri"])
    return {name: list(dict.fromkeys(uris)) for name, uris in matches.items()}


def _license(license: str | None) -> Document | None:
    """A licence by its URL, or a licence document with a text."""
    if license is None:
        return None
    if re.match("https?://", license):
        return {"@id": license}
    return {"@type": "dct:LicenseDocument", "skos:prefLabel": license}


def _relations(concept: Document, release: str, type: ConceptType) -> dict[str, list[str]]:
    """The URLs of the concepts that a concept refers to, by property."""
    relations: dict[str, list[str]] = {}
    for field in type.fields:
        if isinstance(field.value, Concepts):
            name = _RELATIONS.get(field.name, "hasPart" if type in _WHOLES else "related")
            path = f"{release}/{address(field.value.type_name)}"
            related = as_list(concept.get(field.name))
            relations.setdefault(name, []).extend(f"{path}/{other['uuid']}" for other in related)
    return relations


def _without_empty(document: Document) -> Document:
    return {name: value for name, value in document.items() if value not in (None, [], {})}


def _texts(texts: dict[str, str | None] | None) -> dict[str, str]:
    return {language: text for language, text in (texts or {}).items() if text}


def _names(names: list[Document] | None) -> dict[str, list[str]]:
    by_language: dict[str, list[str]] = {}
    for name in names or ():
        language = (name["language"] or "none").lower().replace("none", "@none")
        by_language.setdefault(language, []).append(name["name"])
    return by_language
