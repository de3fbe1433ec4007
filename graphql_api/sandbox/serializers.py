"""Serializes the rows of a release as HAL documents, with keys, key order and links as VDAB documents them.

Bodies are final JSON. Their links have the release number, even if a client requests them under `current`.
"""

from collections.abc import Callable, Iterator, Sequence

import orjson

from graphql_api.competent import declarations
from graphql_api.competent.declarations import Concepts, ConceptType, Field, Plain
from graphql_api.sandbox.dataset import (
    COMPETENCE,
    LANGUAGES,
    PROFILE,
    AlternativeName,
    Classification,
    Concept,
    Dataset,
    Item,
    Term,
)

INTERNAL = "http://competent00-rel1prd.vdab.be:8080/competent/api/external/v1"
"""Base URL of links: a host inside VDAB that clients cannot reach."""

PROFILES = "occupationalprofiles"
COMPETENCES = "technicalcompetences"
SOFT_SKILLS = "softskills"
COLLECTIONS = {COMPETENCE.name: COMPETENCES, PROFILE.name: PROFILES, "SoftSkill": SOFT_SKILLS}
"""Collections by the types that have documents of their own."""
LISTS = {
    PROFILES: "occupationalProfileListInfoList",
    COMPETENCES: "technicalCompetenceListInfoList",
    SOFT_SKILLS: "softSkillList",
}
"""The names of lists by collection."""

_NOT_EMBEDDED = {COMPETENCE.name: {"behaviouralIndicators"}, "SoftSkill": {"regions"}, "DigitalSkill": {"regions"}}
"""Fields that concepts embedded in a profile omit, by type; clients follow the link to get them."""
_TYPES = {type.name: type for type in declarations.CONCEPT_TYPES}
_NO_TEXT = dict.fromkeys(LANGUAGES)

Read = Callable[[Concept], object]
Row = tuple[str, bytes, bytes]
"""UUID, document and list item."""


class Bodies:
    """The documents and list items of one release; concepts that are embedded repeatedly are encoded once."""

    def __init__(self, dataset: Dataset) -> None:
        self._dataset = dataset
        self._base = f"{INTERNAL}/releases/{dataset.number}"
        self._fragments: dict[tuple[str, bool], dict[str, orjson.Fragment]] = {}
        self._readers: dict[tuple[str, bool], list[tuple[str, Read]]] = {}

    def collection(self, type_name: str) -> Iterator[Row]:
        """The documents of a type of `COLLECTIONS`."""
        if type_name == PROFILE.name:
            return self.profiles()
        return self.competences() if type_name == COMPETENCE.name else self.blocks(type_name)

    def competences(self) -> Iterator[Row]:
        """UUID, document and list item of each technical competence; the item has no texts."""
        for competence in self._dataset.competences:
            links = self._self(COMPETENCES, competence.uuid)
            used = {"href": f"{links['self']['href']}/{PROFILES}/used"}
            body = self._body(COMPETENCE, competence) | {"_links": {**links, "usedInOccupationalProfiles": used}}
            item = {"id": competence.uuid, "code": competence.code, "_links": links}
            yield competence.uuid, orjson.dumps(body), orjson.dumps(item)

    def profiles(self) -> Iterator[Row]:
        """UUID, document and list item of each occupational profile."""
        for profile in self._dataset.profiles:
            item = {"id": profile.uuid, "code": profile.code, "title": profile.texts.get("title", _NO_TEXT)}
            item["_links"] = self._self(PROFILES, profile.uuid)
            yield profile.uuid, orjson.dumps(self._body(PROFILE, profile)), orjson.dumps(item)

    def blocks(self, type_name: str) -> Iterator[Row]:
        """UUID, document and list item of each block of a type; document and item are the same."""
        for block in self._dataset.blocks.get(type_name, ()):
            body = orjson.dumps(self._body(_TYPES[type_name], block))
            yield block.uuid, body, body

    def _body(self, type: ConceptType, concept: Concept, is_embedded: bool = False) -> dict[str, object]:
        """The document of a concept, or its shorter form embedded in a profile."""
        body: dict[str, object] = {"id": concept.uuid, "code": concept.code}
        for key, read in self._fields(type, is_embedded):
            body[key] = read(concept)
        if type.is_block:
            body["type"] = type.name.lower()
        if type.name in COLLECTIONS:
            body["_links"] = self._self(COLLECTIONS[type.name], concept.uuid)
        return body

    def _fields(self, type: ConceptType, is_embedded: bool) -> Sequence[tuple[str, Read]]:
        """The keys of a type in order, each with the function that reads its value."""
        readers = self._readers.get((type.name, is_embedded))
        if readers is None:
            readers = [(field.hal_keys[0], self._reader(type, field)) for field in fields_of(type, is_embedded)]
            self._readers[type.name, is_embedded] = readers
        return readers

    def _reader(self, owner: ConceptType, field: Field) -> Read:
        name = field.name
        match field.value:
            case Plain("text"):
                return lambda concept: concept.texts.get(name, _NO_TEXT)
            case Plain("strings"):
                return lambda concept: concept.values.get(name) or []
            case Plain("moment" | "code"):
                return lambda concept: concept.values.get(name)
            case Concepts(type_name, single=single):
                embed = self._embedder(_TYPES[type_name], owner is PROFILE)
                if single:
                    return lambda concept: next(map(embed, concept.concepts(name)), None)
                return lambda concept: list(map(embed, concept.concepts(name)))
        return lambda concept: [_item(item) for item in concept.related.get(name, ()) if not isinstance(item, Concept)]

    def _embedder(self, type: ConceptType, in_profile: bool) -> Callable[[Concept], orjson.Fragment]:
        """A memoized function that encodes a concept for embedding in a profile or a competence."""
        fragments: dict[str, orjson.Fragment] = self._fragments.setdefault((type.name, in_profile), {})

        def embed(concept: Concept) -> orjson.Fragment:
            fragment = fragments.get(concept.uuid)
            if fragment is None:
                body = self._body(type, concept, is_embedded=in_profile)
                fragment = fragments[concept.uuid] = orjson.Fragment(orjson.dumps(body))
            return fragment

        return embed

    def _self(self, collection: str, uuid: str) -> dict[str, dict[str, str]]:
        return {"self": {"href": f"{self._base}/{collection}/{uuid}"}}


def fields_of(type: ConceptType, is_embedded: bool) -> list[Field]:
    """The fields of a document after `id` and `code`, or of its shorter form embedded in a profile."""
    without = {"code"} | (_NOT_EMBEDDED.get(type.name, set()) if is_embedded else set())
    return [field for field in type.fields if field.name not in without]


def _item(item: Item) -> dict[str, object]:
    match item:
        case Term(uuid, code, title):
            return {"id": uuid, "code": code, "title": title}
        case AlternativeName(uuid, code, language, name):
            return {"id": uuid, "code": code, "name": name, "language": language}
        case Classification(scheme, code):
            return {"type": scheme, "value": code}
