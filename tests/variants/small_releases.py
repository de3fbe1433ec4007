"""Two small releases with all kinds of documents, cut from the bundled data so that many variants can be tested quickly."""

from dataclasses import replace

from graphql_api.sandbox import Releases
from graphql_api.sandbox.bundled_data import bundled_datasets
from graphql_api.sandbox.dataset import Concept, Dataset, Item, Profile
from graphql_api.sandbox.document_store import documents_in_memory

PROFILES = 3
UNUSED = "CP-7"
"""A competence that no profile uses in these releases."""


def small_releases() -> Releases:
    """The newer has three profiles, seven competences and three soft skills; the older differs in a profile and a text."""
    newer, older = (_few_profiles(dataset) for dataset in bundled_datasets()[:2])
    first, *rest = older.profiles
    first = replace(first, texts={**first.texts, "title": {**first.texts["title"], "nl": "Vroeger anders genoemd"}})
    return Releases(map(documents_in_memory, (newer, replace(older, profiles=(first, *rest[:-1])))))


def _few_profiles(dataset: Dataset) -> Dataset:
    needed = ("optionalCompetences", "softSkills", "digitalSkills")
    profiles = [profile for profile in dataset.profiles if all(profile.related[name] for name in needed)][:PROFILES]
    selected = {
        one.uuid: _short_competence(one)
        for profile in profiles
        for one in (*profile.concepts("essentialCompetences")[:2], *profile.concepts("optionalCompetences")[:1])
    }
    selected |= {one.uuid: _short_competence(one) for one in dataset.competences if one.code == UNUSED}
    cut = [_profile(profile, selected) for profile in profiles]
    used = {skill.uuid for item in cut for skill in item.concepts("softSkills")}
    return replace(
        dataset,
        profiles=tuple(cut),
        competences=tuple(
            selected[competence.uuid] for competence in dataset.competences if competence.uuid in selected
        ),
        blocks={"SoftSkill": tuple(item for item in dataset.blocks["SoftSkill"] if item.uuid in used)},
    )


def _profile(profile: Profile, selected: dict[str, Concept]) -> Profile:
    related: dict[str, tuple[Concept | Item, ...]] = {
        "essentialCompetences": tuple(selected[one.uuid] for one in profile.concepts("essentialCompetences")[:2]),
        "optionalCompetences": tuple(selected[one.uuid] for one in profile.concepts("optionalCompetences")[:1]),
        "softSkills": profile.concepts("softSkills")[:1],
        "digitalSkills": profile.concepts("digitalSkills")[:1],
        "alternativeNames": profile.names()[:3],
    }
    return replace(profile, related={**profile.related, **related})


def _short_competence(competence: Concept) -> Concept:
    skills = (replace(skill, values={"regions": ("BRU", "VLG")}) for skill in competence.concepts("skill"))
    return replace(
        competence,
        related={
            "skill": tuple(skills),
            "knowledgeItems": competence.concepts("knowledgeItems")[:2],
            "behaviouralIndicators": competence.concepts("behaviouralIndicators")[:2],
        },
    )
