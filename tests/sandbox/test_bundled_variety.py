"""The bundled data has the extremes that a client of Competent meets: long, bare and shared entries."""

from collections import Counter

import pytest

from graphql_api.sandbox.bundled_data import bundled_datasets
from graphql_api.sandbox.dataset import Dataset, Profile


@pytest.fixture(scope="module")
def current_dataset() -> Dataset:
    return bundled_datasets()[0]


def profile(dataset: Dataset, title: str) -> Profile:
    (one,) = (profile for profile in dataset.profiles if profile.texts["title"]["nl"] == title)
    return one


def test_a_profile_has_forty_competences(current_dataset: Dataset) -> None:
    assert len(profile(current_dataset, "Technicus elektro en elektronica").competences) == 40


def test_a_competence_is_in_twenty_profiles_essential_or_optional(current_dataset: Dataset) -> None:
    uses = Counter(
        (competence.code, name)
        for profile in current_dataset.profiles
        for name in ("essentialCompetences", "optionalCompetences")
        for competence in profile.concepts(name)
    )

    shared = "CP-401"
    assert uses[shared, "essentialCompetences"] + uses[shared, "optionalCompetences"] >= 20
    assert uses[shared, "optionalCompetences"]


def test_profiles_have_competence_sets_of_their_own_skills(current_dataset: Dataset) -> None:
    for title in ("Procesoperator chemische industrie", "Technicus elektro en elektronica", "Bewakingsagent"):
        owner = profile(current_dataset, title)
        skills = {skill.code for competence in owner.competences for skill in competence.concepts("skill")}

        sets = [[skill.code for skill in one.concepts("skills")] for one in owner.concepts("competenceSets")]
        assert len(sets) >= 2
        assert all(one and skills.issuperset(one) for one in sets)


@pytest.mark.parametrize("title", ["Bewakingsagent", "Griffier", "Werfleider"])
def test_profiles_have_no_english_and_german(current_dataset: Dataset, title: str) -> None:
    without = profile(current_dataset, title)

    assert {text[language] for text in without.texts.values() for language in ("en", "de")} == {None}
    assert all(text[language] for text in without.texts.values() for language in ("nl", "fr"))
    assert {name.language for name in without.names()} == {"nl", "fr"}


@pytest.mark.parametrize(
    ("title", "sector"),
    [
        ("Procesoperator chemische industrie", "Chemie en farmacie"),
        ("Koetswerkhersteller", "Garages en carrosserie"),
        ("Technicus windturbines", "Energie, water en afval"),
        ("Bewakingsagent", "Veiligheid en bewaking"),
        ("Havenarbeider", "Haven, scheepvaart en expeditie"),
        ("Stikker", "Textiel, kleding en textielverzorging"),
        ("Treinbestuurder", "Spoorwegen"),
        ("Redder", "Sport en vrije tijd"),
        ("Onderzoeker", "Onderzoek en ontwikkeling"),
        ("Juridisch medewerker", "Justitie en juridische diensten"),
        ("Offsetdrukker", "Grafische industrie"),
    ],
)
def test_each_sector_has_profiles(current_dataset: Dataset, title: str, sector: str) -> None:
    assert sector in [term.title["nl"] for term in profile(current_dataset, title).terms("economicSectors")]
