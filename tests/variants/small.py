"""Two small releases with something of everything, cut out of the bundled data: few documents, so that many variants can be asked."""

from dataclasses import replace

from graphql_api.sandbox import Releases
from graphql_api.sandbox.bundled_data import bundled_datasets
from graphql_api.sandbox.dataset import Competence, Dataset, Profile
from graphql_api.sandbox.document_store import documents_in_memory

PROFILES = 3
UNUSED = "CP-7"
"""A competence that no profile names here."""


def small_releases() -> Releases:
    """The newer with three profiles, seven competences and three soft skills; in the older one a profile and a text are not as there."""
    newer, older = (_cut(dataset) for dataset in bundled_datasets())
    first, *rest = older.profiles
    first = replace(first, title={**first.title, "nl": "Vroeger anders genoemd"})
    return Releases(map(documents_in_memory, (newer, replace(older, profiles=(first, *rest[:-1])))))


def _cut(dataset: Dataset) -> Dataset:
    profiles = [each for each in dataset.profiles if each.optional and each.soft_skills and each.digital_skills][
        :PROFILES
    ]
    kept = {one.uuid: _short(one) for each in profiles for one in (*each.essential[:2], *each.optional[:1])}
    kept |= {one.uuid: _short(one) for one in dataset.competences if one.code == UNUSED}
    cut = [_profile(each, kept) for each in profiles]
    used = {skill.uuid for each in cut for skill in each.soft_skills}
    return replace(
        dataset,
        profiles=tuple(cut),
        competences=tuple(kept[each.uuid] for each in dataset.competences if each.uuid in kept),
        soft_skills=tuple(each for each in dataset.soft_skills if each.uuid in used),
    )


def _profile(profile: Profile, kept: dict[str, Competence]) -> Profile:
    return replace(
        profile,
        essential=tuple(kept[one.uuid] for one in profile.essential[:2]),
        optional=tuple(kept[one.uuid] for one in profile.optional[:1]),
        soft_skills=profile.soft_skills[:1],
        digital_skills=profile.digital_skills[:1],
        names=profile.names[:3],
    )


def _short(competence: Competence) -> Competence:
    skill = competence.skill
    return replace(
        competence,
        skill=skill and replace(skill, regions=("BRU", "VLG")),
        knowledge=competence.knowledge[:2],
        indicators=competence.indicators[:2],
    )
