"""The path words of concept types, the same in all languages: `/nl/occupations/OP-101`, `/fr/soft-skills/SS-1`."""

import re
from collections.abc import Mapping
from urllib.parse import quote

from graphql_api.competent.declarations import OCCUPATIONAL_PROFILE, ConceptType, Terms, concept_type
from graphql_api.competent.values import as_uuid
from graphql_api.export.skos import address

WORDS = {
    "OccupationalProfile": "occupations",
    "TechnicalCompetence": "competences",
    "Skill": "skills",
    "Knowledge": "knowledge",
    "BehaviouralIndicator": "indicators",
    "SoftSkill": "soft-skills",
    "DigitalSkill": "digital-skills",
    "CompetenceSet": "competence-sets",
}
"""Path words by the name of the concept type; a type that is not here has no pages."""
TYPES: Mapping[str, ConceptType] = {word: concept_type(name) for name, word in WORDS.items()}
"""Concept types by path word."""


LABEL_FIELDS = {"sectors": "economicSectors", "areas": "areasOfInterest"}
"""Fields of profiles and releases whose terms have pages, by path word."""
ADDRESSES = {word: address(type.name) for word, type in TYPES.items()} | {
    word: address(field.value.type_name)
    for word, name in LABEL_FIELDS.items()
    for field in OCCUPATIONAL_PROFILE.fields
    if field.name == name and isinstance(field.value, Terms)
}
"""Names of types in URLs of linked data by path word."""


def enum_value(word: str) -> str:
    """The value of `ConceptType` in the schema, such as `SOFT_SKILL`, by path word."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", TYPES[word].name).upper()


def concept_path(concept: Mapping[str, object], word: str = "") -> str:
    """The path of a concept below its language; `word` is needed if the concept has no `__typename`."""
    word = word or WORDS[str(concept["__typename"])]
    return f"{word}/{quote(str(concept['code'] or concept['uuid']), safe='')}"


def reference(ref: str) -> dict[str, str]:
    """A uuid or a code as arguments of a field, or as a `ConceptRef`."""
    uuid = as_uuid(ref)
    return {"uuid": str(uuid)} if uuid else {"code": ref}
