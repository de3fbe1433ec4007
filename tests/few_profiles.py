"""The bundled releases with eleven of their profiles, for tests of the crawl and of what follows it: their cost grows with the data."""

from dataclasses import replace
from functools import cache

from graphql_api.sandbox.bundled_data import bundled_datasets
from graphql_api.sandbox.dataset import Dataset

CODES = {"OP-101", "OP-102", "OP-105", "OP-109", "OP-113", "OP-115", "OP-116", "OP-209", "OP-304", "OP-305", "OP-307"}


@cache
def few_profiles() -> tuple[Dataset, ...]:
    """Each bundled release, newest first, with the profiles in `CODES`, their competences, and everything else."""
    return tuple(with_profiles(dataset, CODES) for dataset in bundled_datasets())


def with_profiles(dataset: Dataset, codes: set[str]) -> Dataset:
    """A release with these profiles, their competences, and everything else."""
    profiles = tuple(profile for profile in dataset.profiles if profile.code in codes)
    used = {competence.uuid for profile in profiles for competence in profile.competences}
    return replace(
        dataset,
        profiles=profiles,
        competences=tuple(competence for competence in dataset.competences if competence.uuid in used),
    )
