"""A release's rows as Competent's HAL documents: keys, their order and their links as on VDAB's page.

Every body is final JSON with the real release number in its links, whatever name of the release is asked for later.
"""

from collections.abc import Iterable, Iterator
from typing import Any

import orjson

from graphql_api.sandbox.dataset import (
    AlternativeName,
    Block,
    Competence,
    CompetenceSet,
    Dataset,
    Label,
    Profile,
    Texts,
)

INTERNAL = "http://competent00-rel1prd.vdab.be:8080/competent/api/external/v1"
"""What links begin with: a host inside VDAB that no client can reach."""

PROFILES = "occupationalprofiles"
COMPETENCES = "technicalcompetences"
SOFT_SKILLS = "softskills"


class Bodies:
    """The documents and list items of one release; JSON of what recurs is written once."""

    def __init__(self, dataset: Dataset) -> None:
        self._dataset = dataset
        self._base = f"{INTERNAL}/releases/{dataset.number}"
        self._blocks: dict[tuple[str, str], orjson.Fragment] = {}
        self._embedded: dict[str, orjson.Fragment] = {}

    def competences(self) -> Iterator[tuple[str, bytes, bytes]]:
        """Uuid, document and list item of each technical competence; the item has no texts."""
        for competence in self._dataset.competences:
            item = {"id": competence.uuid, "code": competence.code, "_links": self._self(COMPETENCES, competence.uuid)}
            yield competence.uuid, orjson.dumps(self._competence(competence)), orjson.dumps(item)

    def profiles(self) -> Iterator[tuple[str, bytes, bytes]]:
        """Uuid, document and list item of each occupational profile."""
        for profile in self._dataset.profiles:
            item = {"id": profile.uuid, "code": profile.code, "title": profile.title}
            item["_links"] = self._self(PROFILES, profile.uuid)
            yield profile.uuid, orjson.dumps(self._profile(profile)), orjson.dumps(item)

    def soft_skills(self) -> Iterator[tuple[str, bytes, bytes]]:
        """Uuid, document and list item of each soft skill; both are the same."""
        for skill in self._dataset.soft_skills:
            body = {"id": skill.uuid, "code": skill.code, "title": skill.texts, "regions": skill.regions}
            body |= {"type": "softskill", "_links": self._self(SOFT_SKILLS, skill.uuid)}
            yield skill.uuid, orjson.dumps(body), orjson.dumps(body)

    def _competence(self, competence: Competence) -> dict[str, Any]:
        links = self._self(COMPETENCES, competence.uuid)
        links["usedInOccupationalProfiles"] = {"href": f"{links['self']['href']}/{PROFILES}/used"}
        return {
            "id": competence.uuid,
            "code": competence.code,
            "skill": self._skill(competence),
            "knowledgeItems": self._all(competence.knowledge, "knowledge"),
            "behaviouralIndicators": self._all(competence.indicators, "behaviouralindicator"),
            "_links": links,
        }

    def _profile(self, profile: Profile) -> dict[str, Any]:
        body: dict[str, Any] = {
            "id": profile.uuid,
            "code": profile.code,
            "title": profile.title,
            "description": profile.description,
            "workingContext": profile.working_context,
            "alternativeNames": [_name(name) for name in profile.names],
            "essentialCompetences": [self._embed(competence) for competence in profile.essential],
            "specificCompetences": [self._embed(competence) for competence in profile.optional],
            "softSkills": [self._soft_skill(skill) for skill in profile.soft_skills],
            "digitalSkills": [{**_titled(skill), "type": "digitalskill"} for skill in profile.digital_skills],
            "proofsOfLearning": [_titled(proof) for proof in profile.proofs],
            "economicSectors": [_titled(sector) for sector in profile.sectors],
            "areasOfInterest": [_titled(area) for area in profile.areas],
            "codes": [{"type": kind, "value": value} for kind, value in profile.codes],
        }
        if profile.competence_sets:
            body["competenceSets"] = [_competence_set(one) for one in profile.competence_sets]
        body |= {"lastModified": profile.last_modified, "lastPublished": profile.last_published}
        return body | {"_links": self._self(PROFILES, profile.uuid)}

    def _embed(self, competence: Competence) -> orjson.Fragment:
        """A competence as it stands in a profile: without its indicators, so that who wants them follows the link."""
        known = self._embedded.get(competence.uuid)
        if known is None:
            body = self._competence(competence)
            del body["behaviouralIndicators"]
            body["_links"] = self._self(COMPETENCES, competence.uuid)
            known = self._embedded[competence.uuid] = orjson.Fragment(orjson.dumps(body))
        return known

    def _skill(self, competence: Competence) -> orjson.Fragment | None:
        return None if competence.skill is None else self._block(competence.skill, "skill")

    def _all(self, blocks: Iterable[Block], kind: str) -> list[orjson.Fragment]:
        return [self._block(block, kind) for block in blocks]

    def _block(self, block: Block, kind: str) -> orjson.Fragment:
        known = self._blocks.get((kind, block.uuid))
        if known is None:
            body = {"id": block.uuid, "code": block.code, "description": block.texts}
            known = orjson.Fragment(orjson.dumps({**body, "regions": block.regions, "type": kind}))
            self._blocks[kind, block.uuid] = known
        return known

    def _soft_skill(self, skill: Block) -> dict[str, Any]:
        return {**_titled(skill), "type": "softskill", "_links": self._self(SOFT_SKILLS, skill.uuid)}

    def _self(self, collection: str, uuid: str) -> dict[str, dict[str, str]]:
        return {"self": {"href": f"{self._base}/{collection}/{uuid}"}}


def _titled(label: Label) -> dict[str, str | Texts]:
    return {"id": label.uuid, "code": label.code, "title": label.texts}


def _name(name: AlternativeName) -> dict[str, str]:
    return {"id": name.uuid, "code": name.code, "name": name.name, "language": name.language}


def _competence_set(one: CompetenceSet) -> dict[str, Any]:
    named = {"id": one.uuid, "code": one.code, "name": one.name, "disambiguator": one.disambiguator}
    return {**named, "skills": one.skills}
