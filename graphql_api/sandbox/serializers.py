"""A release's rows as Competent's HAL documents: keys, their order and their links as on VDAB's page.

Every body is final JSON with the real release number in its links, whatever name of the release a client uses later.
"""

from collections.abc import Iterator
from typing import Any

import orjson

from graphql_api.competent import declarations
from graphql_api.competent.declarations import Concepts, ConceptType, Field, Plain
from graphql_api.sandbox.dataset import (
    COMPETENCE,
    LANGUAGES,
    PROFILE,
    AlternativeName,
    Classification,
    CompetenceSet,
    Concept,
    Dataset,
    Item,
    Profile,
    Term,
)

INTERNAL = "http://competent00-rel1prd.vdab.be:8080/competent/api/external/v1"
"""What links begin with: a host inside VDAB that no client can reach."""

PROFILES = "occupationalprofiles"
COMPETENCES = "technicalcompetences"
SOFT_SKILLS = "softskills"
COLLECTIONS = {COMPETENCE.name: COMPETENCES, PROFILE.name: PROFILES, "SoftSkill": SOFT_SKILLS}
"""The types that have documents of their own, each with its collection."""

_NOT_EMBEDDED = {COMPETENCE.name: {"behaviouralIndicators"}, "SoftSkill": {"regions"}, "DigitalSkill": {"regions"}}
"""The fields that a profile leaves out of what it embeds, so that a client that wants them follows the link."""
_AFTER_SETS = ("lastModified", "lastPublished", "_links")
_TYPES = {each.name: each for each in declarations.CONCEPT_TYPES}
_NO_TEXT = dict.fromkeys(LANGUAGES)

Row = tuple[str, bytes, bytes]
"""Uuid, document, list item."""


class Bodies:
    """The documents and list items of one release; JSON of what recurs is written once."""

    def __init__(self, dataset: Dataset) -> None:
        self._dataset = dataset
        self._base = f"{INTERNAL}/releases/{dataset.number}"
        self._fragments: dict[tuple[str, str, str], orjson.Fragment] = {}

    def collection(self, type_name: str) -> Iterator[Row]:
        """The documents of a type of `COLLECTIONS`."""
        if type_name == PROFILE.name:
            return self.profiles()
        return self.competences() if type_name == COMPETENCE.name else self.blocks(type_name)

    def competences(self) -> Iterator[Row]:
        """Uuid, document and list item of each technical competence; the item has no texts."""
        for competence in self._dataset.competences:
            body = self._body(COMPETENCE, competence)
            href = body["_links"]["self"]["href"]
            body["_links"]["usedInOccupationalProfiles"] = {"href": f"{href}/{PROFILES}/used"}
            item = {"id": competence.uuid, "code": competence.code, "_links": self._self(COMPETENCES, competence.uuid)}
            yield competence.uuid, orjson.dumps(body), orjson.dumps(item)

    def profiles(self) -> Iterator[Row]:
        """Uuid, document and list item of each occupational profile."""
        for profile in self._dataset.profiles:
            item = {"id": profile.uuid, "code": profile.code, "title": profile.texts.get("title", _NO_TEXT)}
            item["_links"] = self._self(PROFILES, profile.uuid)
            yield profile.uuid, orjson.dumps(self._profile(profile)), orjson.dumps(item)

    def blocks(self, type_name: str) -> Iterator[Row]:
        """Uuid, document and list item of each block of a type; both are the same."""
        for block in self._dataset.blocks.get(type_name, ()):
            body = orjson.dumps(self._body(_TYPES[type_name], block))
            yield block.uuid, body, body

    def _profile(self, profile: Profile) -> dict[str, Any]:
        body = self._body(PROFILE, profile)
        if profile.competence_sets:
            sets = [_competence_set(each) for each in profile.competence_sets]
            body |= {"competenceSets": sets} | {key: body.pop(key) for key in _AFTER_SETS if key in body}
        return body

    def _body(
        self, type: ConceptType, concept: Concept, without: frozenset[str] | set[str] = frozenset()
    ) -> dict[str, Any]:
        body: dict[str, Any] = {"id": concept.uuid, "code": concept.code}
        for field in type.fields:
            if field.name != "code" and field.name not in without:
                body[field.hal_keys[0]] = self._value(type, field, concept)
        if type.is_block:
            body["type"] = type.name.lower()
        if type.name in COLLECTIONS:
            body["_links"] = self._self(COLLECTIONS[type.name], concept.uuid)
        return body

    def _value(self, owner: ConceptType, field: Field, concept: Concept) -> Any:
        match field.value:
            case Plain("text"):
                return concept.texts.get(field.name, _NO_TEXT)
            case Plain("strings"):
                return concept.values.get(field.name) or []
            case Plain("moment" | "code"):
                return concept.values.get(field.name)
            case Concepts(type_name, single=single):
                embedded = [self._embedded(owner, type_name, each) for each in concept.concepts(field.name)]
                return next(iter(embedded), None) if single else embedded
        return [_item(each) for each in concept.related.get(field.name, ()) if not isinstance(each, Concept)]

    def _embedded(self, owner: ConceptType, type_name: str, concept: Concept) -> orjson.Fragment:
        """A concept as it stands in a profile or a competence."""
        key = owner.name, type_name, concept.uuid
        known = self._fragments.get(key)
        if known is None:
            without = _NOT_EMBEDDED.get(type_name, set()) if owner is PROFILE else set()
            body = self._body(_TYPES[type_name], concept, without)
            known = self._fragments[key] = orjson.Fragment(orjson.dumps(body))
        return known

    def _self(self, collection: str, uuid: str) -> dict[str, dict[str, str]]:
        return {"self": {"href": f"{self._base}/{collection}/{uuid}"}}


def _item(item: Item) -> dict[str, Any]:
    match item:
        case Term(uuid, code, title):
            return {"id": uuid, "code": code, "title": title}
        case AlternativeName(uuid, code, language, name):
            return {"id": uuid, "code": code, "name": name, "language": language}
        case Classification(scheme, code):
            return {"type": scheme, "value": code}


def _competence_set(one: CompetenceSet) -> dict[str, Any]:
    named = {"id": one.uuid, "code": one.code, "name": one.name, "disambiguator": one.disambiguator}
    return {**named, "skills": one.skills}
