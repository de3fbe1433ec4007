"""The bundled data: what the loader makes of small folders, and what the real files hold."""

from collections import Counter
from collections.abc import Callable
from pathlib import Path
from uuid import UUID

import pytest

from graphql_api.sandbox.bundled_data import DATA, bundled_datasets
from graphql_api.sandbox.dataset import Classification, Dataset, Profile
from graphql_api.sandbox.toml_tables import BundledDataError

Folder = Callable[..., Path]

KNOWLEDGE = '[KN-1]\nnl = "wondzorg"\nfr = "soins de plaies"\n'
COMPETENCE = '[CP-1]\nskill = { code = "SK-1", nl = "Wonden verzorgen" }\n'
PROFILE = '[OP-1]\ntitle = { nl = "Verpleegkundige" }\n'


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    """Writes texts to a folder as the files a.toml, b.toml and so on."""

    def write(*texts: str) -> Path:
        for letter, text in zip("abc", texts, strict=False):
            (tmp_path / f"{letter}.toml").write_text(text, encoding="utf-8")
        return tmp_path

    return write


def releases(folder: Path) -> tuple[Dataset, Dataset]:
    current_dataset, older_dataset, _ = bundled_datasets(folder)
    return current_dataset, older_dataset


def test_the_newest_release_comes_first(folder: Folder) -> None:
    datasets = bundled_datasets(folder(PROFILE))

    assert [(dataset.number, dataset.published_on) for dataset in datasets] == [
        ("3.11", "2022-06-30"),
        ("3.10", "2022-03-31"),
        ("3.9", "2021-12-16"),
    ]


def test_the_small_release_has_marked_profiles_and_their_competences(folder: Folder) -> None:
    text = COMPETENCE + COMPETENCE.replace("CP-1", "CP-2") + PROFILE + 'essential_competences = ["CP-2"]\n'
    text += 'since = "3.9"\n' + PROFILE.replace("OP-1", "OP-2") + 'essential_competences = ["CP-1"]\n'
    *_, older_dataset, small = bundled_datasets(folder(text))

    assert [concept.code for concept in (*small.profiles, *small.competences)] == ["OP-1", "CP-2"]
    assert [concept.code for concept in (*older_dataset.profiles, *older_dataset.competences)] == [
        "OP-1",
        "OP-2",
        "CP-1",
        "CP-2",
    ]


def test_a_value_is_taken_from_the_first_change_after_the_release(folder: Folder) -> None:
    text = PROFILE + 'since = "3.9"\nlast_modified = "2022-06-01T00:00:00Z"\n'
    text += 'before."3.11" = { title = { nl = "Verpleger" }, last_modified = "2022-01-01T00:00:00Z" }\n'
    text += 'before."3.10" = { title = { nl = "Ziekenverpleger" } }\n'
    profiles = [dataset.profiles[0] for dataset in bundled_datasets(folder(text))]

    assert [profile.texts["title"]["nl"] for profile in profiles] == ["Verpleegkundige", "Verpleger", "Ziekenverpleger"]
    assert [profile.moment("lastModified") for profile in profiles] == [
        "2022-06-01T00:00:00Z",
        "2022-01-01T00:00:00Z",
        "2022-01-01T00:00:00Z",
    ]


def test_a_competence_set_has_the_skills_of_its_competences(folder: Folder) -> None:
    text = COMPETENCE + COMPETENCE.replace("CP-1", "CP-2").replace("SK-1", "SK-2") + 'since = "3.11"\n'
    text += PROFILE + 'essential_competences = ["CP-1", "CP-2"]\ncompetence_sets = ["CS-1"]\n'
    text += '[CS-1]\ntitle = { nl = "Wondzorg" }\ndisambiguator = { nl = "thuis" }\ncompetences = ["CP-2", "CP-1"]\n'
    current_dataset, older_dataset = releases(folder(text))

    (now,), (before,) = (one.profiles[0].concepts("competenceSets") for one in (current_dataset, older_dataset))
    assert (now.code, now.texts["title"]["nl"], now.texts["disambiguator"]["nl"]) == ("CS-1", "Wondzorg", "thuis")
    assert [skill.code for skill in now.concepts("skills")] == ["SK-2", "SK-1"]
    assert [skill.code for skill in before.concepts("skills")] == ["SK-1"]
    assert now.uuid == before.uuid


def test_an_undefined_competence_set_is_an_error(folder: Folder) -> None:
    with pytest.raises(BundledDataError, match=r"no file has a table \[CS-1\]"):
        bundled_datasets(folder(PROFILE + 'competence_sets = ["CS-1"]\n'))


def test_a_generated_uuid_is_equal_in_each_release_and_each_load(folder: Folder) -> None:
    text = KNOWLEDGE + COMPETENCE + 'knowledge_items = ["KN-1"]\n'
    current_dataset, older_dataset = releases(folder(text))
    bundled_datasets.cache_clear()
    second, _ = releases(folder(text))

    (item,) = current_dataset.competences[0].concepts("knowledgeItems")
    assert UUID(item.uuid).version == 5
    assert (
        older_dataset.competences[0].concepts("knowledgeItems")
        == (item,)
        == second.competences[0].concepts("knowledgeItems")
    )
    assert item.uuid not in {skill.uuid for skill in current_dataset.competences[0].concepts("skill")}


def test_a_label_has_four_languages_with_none_for_missing_texts(folder: Folder) -> None:
    current_dataset, _ = releases(folder(KNOWLEDGE + COMPETENCE + 'knowledge_items = ["KN-1"]\n'))

    item = current_dataset.competences[0].concepts("knowledgeItems")[0]
    assert list(item.texts["description"].items()) == [
        ("nl", "wondzorg"),
        ("fr", "soins de plaies"),
        ("en", None),
        ("de", None),
    ]


def test_a_profile_is_read_with_every_key_of_its_table(folder: Folder) -> None:
    text = """
[OP-1]
title = { nl = "Bakker", fr = "Boulanger" }
description = { nl = "Bakt brood." }
working_context = { fr = "La nuit." }
alternative_names = { fr = ["Pâtissier"], nl = ["Broodbakker", "Banketbakker"] }
essential_competences = ["CP-1"]
optional_competences = ["CP-2"]
soft_skills = ["SS-1"]
digital_skills = ["DS-1"]
proofs_of_learning = ["PL-1"]
economic_sectors = ["ES-1"]
areas_of_interest = ["AI-1"]
classifications = { ISCO08 = ["7512"] }
last_modified = "2021-11-03T09:12:00Z"
[CP-2]
skill = { code = "SK-2", nl = "Brood bakken" }
[SS-1]
nl = "Plannen"
[DS-1]
nl = "Werken met kantoorsoftware"
[PL-1]
nl = "Attest"
[ES-1]
nl = "Voedingsindustrie"
[AI-1]
nl = "Koken"
"""
    current_dataset, _ = releases(folder(text + COMPETENCE))

    (profile,) = current_dataset.profiles
    assert profile.texts["title"] == {"nl": "Bakker", "fr": "Boulanger", "en": None, "de": None}
    assert profile.texts["description"]["nl"] == "Bakt brood."
    assert profile.texts["workingContext"]["fr"] == "La nuit."
    assert [(name.code, name.language, name.name) for name in profile.names()] == [
        ("AN-1", "nl", "Broodbakker"),
        ("AN-2", "nl", "Banketbakker"),
        ("AN-3", "fr", "Pâtissier"),
    ]
    assert [one.code for one in profile.competences] == ["CP-1", "CP-2"]
    relations = ("softSkills", "digitalSkills", "proofsOfLearning", "economicSectors", "areasOfInterest")
    items = (item for name in relations for item in profile.related[name])
    assert [item.code for item in items] == ["SS-1", "DS-1", "PL-1", "ES-1", "AI-1"]
    assert profile.related["classifications"] == (("ISCO08", "7512"),)
    assert profile.moment("lastModified") == "2021-11-03T09:12:00Z"
    assert profile.moment("lastPublished") == "2022-06-30T00:00:00Z"


def test_since_until_and_before_describe_an_older_release(folder: Folder) -> None:
    text = """
[KN-1]
nl = "nieuwe tekst"
before.'3.11' = { nl = "oude tekst", uuid = "0b3bd1b5-5d0c-4c9e-8a53-0d3f6f6f1f10" }
[KN-2]
nl = "pas in 3.11"
since = "3.11"
[KN-3]
nl = "tot 3.10"
until = "3.10"
"""
    current_dataset, older_dataset = releases(
        folder(text + COMPETENCE + 'knowledge_items = ["KN-1", "KN-2", "KN-3"]\n')
    )

    now, then = (
        current_dataset.competences[0].concepts("knowledgeItems"),
        older_dataset.competences[0].concepts("knowledgeItems"),
    )
    assert [item.texts["description"]["nl"] for item in now] == ["nieuwe tekst", "pas in 3.11"]
    assert [item.texts["description"]["nl"] for item in then] == ["oude tekst", "tot 3.10"]
    assert then[0].uuid == "0b3bd1b5-5d0c-4c9e-8a53-0d3f6f6f1f10" != now[0].uuid
    assert then[0].code == now[0].code == "KN-1"


def test_references_to_concepts_outside_the_release_are_dropped(folder: Folder) -> None:
    text = COMPETENCE + 'until = "3.10"\n' + PROFILE + 'essential_competences = ["CP-1"]\n'
    current_dataset, older_dataset = releases(folder(text))

    assert current_dataset.profiles[0].competences == ()
    assert older_dataset.profiles[0].competences == older_dataset.competences


def test_equal_dutch_texts_are_one_indicator(folder: Folder) -> None:
    text = COMPETENCE + 'behavioural_indicators = [{ nl = "Meldt problemen" }, { nl = "Werkt net" }]\n'
    text += '[CP-2]\nskill = { code = "SK-2", nl = "Ramen lappen" }\nbehavioural_indicators = [{ nl = "Werkt net" }]\n'
    current_dataset, _ = releases(folder(text))

    first, second = current_dataset.competences
    assert [indicator.code for indicator in first.concepts("behaviouralIndicators")] == ["BI-1", "BI-2"]
    assert second.concepts("behaviouralIndicators") == first.concepts("behaviouralIndicators")[1:]


def test_a_text_with_a_code_has_it_in_every_competence(folder: Folder) -> None:
    text = COMPETENCE + 'behavioural_indicators = [{ nl = "Werkt net" }, { nl = "Meldt problemen" }]\n'
    text += '[CP-2]\nskill = { code = "SK-2", nl = "Ramen lappen" }\nbehavioural_indicators = [{ code = "BI-1", nl = "Werkt net" }]\n'
    current_dataset, _ = releases(folder(text))

    assert [indicator.code for indicator in current_dataset.competences[0].concepts("behaviouralIndicators")] == [
        "BI-1",
        "BI-2",
    ]


def test_counted_codes_are_the_same_in_both_releases(folder: Folder) -> None:
    text = (
        COMPETENCE
        + 'behavioural_indicators = [{ nl = "Nieuw" }, { nl = "Blijft" }]\nbefore."3.11" = { behavioural_indicators = [{ nl = "Blijft" }] }\n'
    )
    text += (
        PROFILE
        + 'alternative_names = { nl = ["Nieuw", "Blijft"] }\nbefore."3.11" = { alternative_names = { nl = ["Weg", "Blijft"] } }\n'
    )
    current_dataset, older_dataset = releases(folder(text))

    assert (
        current_dataset.competences[0].concepts("behaviouralIndicators")[1]
        == older_dataset.competences[0].concepts("behaviouralIndicators")[0]
    )
    assert [name.code for name in current_dataset.profiles[0].names()] == ["AN-1", "AN-2"]
    assert [name.code for name in older_dataset.profiles[0].names()] == ["AN-3", "AN-2"]
    assert older_dataset.profiles[0].names()[1].uuid == current_dataset.profiles[0].names()[1].uuid


def test_the_regions_of_a_competence_apply_to_its_indicators(folder: Folder) -> None:
    text = COMPETENCE + 'behavioural_indicators = [{ nl = "Vraagt het attest aan" }]\nregions = ["VLAANDEREN"]\n'
    current_dataset, _ = releases(folder(text))

    competence = current_dataset.competences[0]
    assert [block.values["regions"] for block in competence.embedded()] == [(), ("VLAANDEREN",)]


def test_a_skill_can_be_in_two_competences(folder: Folder) -> None:
    text = COMPETENCE + COMPETENCE.replace("CP-1", "CP-2")
    current_dataset, _ = releases(folder(text))

    assert current_dataset.competences[0].concepts("skill") == current_dataset.competences[1].concepts("skill")


def test_codes_are_in_numeric_order(folder: Folder) -> None:
    text = "".join(f'[CP-{n}]\nskill = {{ code = "SK-{n}", nl = "Doen {n}" }}\n' for n in (11, 7, 100))
    current_dataset, _ = releases(folder(text))

    assert [competence.code for competence in current_dataset.competences] == ["CP-7", "CP-11", "CP-100"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            COMPETENCE + 'knowledge_items = ["KN-9"]',
            "a.toml: table [CP-1], key knowledge_items: no file has a table [KN-9]; add it or correct the code",
        ),
        (
            COMPETENCE + "before.'3.11' = { knowledge_items = ['KN-9'] }",
            "a.toml: table [CP-1], key knowledge_items: no file has a table [KN-9]; add it or correct the code",
        ),
        (
            KNOWLEDGE + PROFILE + 'soft_skills = ["KN-1"]',
            "a.toml: table [OP-1], key soft_skills: KN-1 must be a code SS-…",
        ),
        (KNOWLEDGE + 'it = "competenza"', "a.toml: table [KN-1], key it: unknown key; use one of uuid, nl,"),
        (
            COMPETENCE + 'behavioural_indicators = [{ nl = "Werkt", since = "3.11", pt = "Trabalha" }]',
            "a.toml: table [CP-1], key behavioural_indicators[1].pt: unknown key; use one of",
        ),
        (
            PROFILE + "before = { title = { nl = 'Zuster' } }",
            "table [OP-1], key before: name the release in which the values changed (3.11 or 3.10), as in before.'3.11'",
        ),
        (
            PROFILE + "before.'3.11' = { naam = 'x' }",
            "a.toml: table [OP-1], key before.3.11.naam: unknown key; use one of",
        ),
        (
            PROFILE + "alternative_names = { nl = 'Zuster' }",
            "a.toml: table [OP-1], key alternative_names.nl: 'Zuster' must be a list of different texts, such as ['a', 'b']",
        ),
        (
            PROFILE + 'classifications = { ISCO08 = ["1", "1"] }',
            "key classifications.ISCO08: ['1', '1'] must be a list of different texts",
        ),
        (
            PROFILE + 'classifications = ["7512"]',
            "key classifications: ['7512'] must be a table of lists, such as { ISCO08 = ['2221'] }",
        ),
        (
            PROFILE + 'soft_skills = "SS-1"',
            "key soft_skills: 'SS-1' must be a list, each item a code SS-… or an inline table",
        ),
        (
            PROFILE + "economic_sectors = [{ nl = 'Bouw' }]",
            "key economic_sectors[1]: {'nl': 'Bouw'} must be a code ES-…",
        ),
        (
            PROFILE + 'since = "3.12"',
            "a.toml: table [OP-1], key since: '3.12' must be one of the releases '3.11', '3.10', '3.9'",
        ),
        (
            PROFILE + 'last_modified = "gisteren"',
            "a.toml: table [OP-1], key last_modified: 'gisteren' must be a time in UTC such as",
        ),
        (KNOWLEDGE + 'uuid = "abc"', "a.toml: table [KN-1], key uuid: 'abc' must be a UUID in lower case"),
        (KNOWLEDGE + 'en = " "', "a.toml: table [KN-1], key en: ' ' must be a text that is not blank"),
        ('[XX-1]\nnl = "x"', "a.toml: table [XX-1]: the name is not a code; use a prefix, a hyphen and a number"),
        ("[OP-1]\nclassifications = {}", "a.toml: table [OP-1]: the key title is missing"),
        ('[CP-1]\nskill = { nl = "Doen" }', "a.toml: table [CP-1]: the inline skill needs a `code`"),
        (
            COMPETENCE + 'behavioural_indicators = [{ since = "3.11" }]',
            "a.toml: table [CP-1], key behavioural_indicators: a text is missing: write it in one language",
        ),
        (
            COMPETENCE + PROFILE + 'essential_competences = ["CP-1"]\noptional_competences = ["CP-1"]',
            "table [OP-1], key optional_competences: CP-1 cannot be essential and optional",
        ),
        (
            COMPETENCE + COMPETENCE.replace("CP-1", "CP-2").replace("Wonden", "Mensen"),
            "a.toml: table [CP-2]: SK-1 ('Mensen verzorgen') differs in table [CP-1]; use another code",
        ),
        ("[KN-1\n", "a.toml: not valid TOML: "),
        ("KN-1 = 5", "a.toml: table [KN-1]: 5 must be a table"),
        (PROFILE + "title = 5", "a.toml: not valid TOML: "),
        (COMPETENCE + "knowledge_items = [5]", "key knowledge_items[1]: 5 must be a code KN-… or an inline table"),
        (
            KNOWLEDGE + COMPETENCE + 'knowledge_items = ["KN-1", "KN-1"]',
            "key knowledge_items: KN-1 is listed more than once; remove the repetition",
        ),
        ("[OP-1]\ntitle = 'Kok'", "a.toml: table [OP-1], key title: 'Kok' must be a table, such as { nl = '…' }"),
    ],
)
def test_an_error_names_file_table_and_key_and_the_remedy(folder: Folder, text: str, message: str) -> None:
    with pytest.raises(BundledDataError) as error:
        releases(folder(text))

    assert message in str(error.value)


def test_a_code_in_two_files_is_an_error(folder: Folder) -> None:
    with pytest.raises(
        BundledDataError, match=r"^b\.toml: table \[KN-1\]: this code is also used in a\.toml; use another code$"
    ):
        releases(folder(KNOWLEDGE, KNOWLEDGE))


def test_a_folder_without_data_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(BundledDataError, match=r"the folder has no \.toml file with tables"):
        releases(tmp_path)


# What the package's own files hold.


@pytest.fixture(scope="module")
def current_dataset() -> Dataset:
    return bundled_datasets(DATA)[0]


@pytest.fixture(scope="module")
def older_dataset() -> Dataset:
    return bundled_datasets(DATA)[1]


def test_there_are_enough_profiles_sectors_and_competences(current_dataset: Dataset, older_dataset: Dataset) -> None:
    for release in (current_dataset, older_dataset):
        assert len(release.profiles) >= 40
        assert len({sector.code for profile in release.profiles for sector in profile.terms("economicSectors")}) >= 12
        assert len(release.competences) >= 150


def test_each_profile_has_competences_soft_skills_and_names(current_dataset: Dataset) -> None:
    for profile in current_dataset.profiles:
        assert profile.concepts("essentialCompetences"), profile.code
        assert profile.concepts("optionalCompetences"), profile.code
        assert profile.concepts("softSkills"), profile.code
        assert profile.names(), profile.code


def test_each_profile_but_one_has_isco_codes(current_dataset: Dataset) -> None:
    isco = {profile.code: profile.related["classifications"] for profile in current_dataset.profiles}

    assert [profile for profile, codes in isco.items() if not codes] == ["OP-426"]  # a researcher of any discipline
    for code in (code for codes in isco.values() for code in codes):
        assert isinstance(code, Classification)
        assert (code.scheme, len(code.code)) == ("ISCO08", 4)


def test_each_competence_is_used(current_dataset: Dataset) -> None:
    used = {one.code for profile in current_dataset.profiles for one in profile.competences}

    assert {competence.code for competence in current_dataset.competences} - used == set()


def test_shared_competences_are_essential_or_optional_by_profile(current_dataset: Dataset) -> None:
    essential = Counter(
        one.code for profile in current_dataset.profiles for one in profile.concepts("essentialCompetences")
    )
    optional = Counter(
        one.code for profile in current_dataset.profiles for one in profile.concepts("optionalCompetences")
    )

    assert len([code for code, times in (essential + optional).items() if times > 1]) >= 40
    assert len(essential.keys() & optional.keys()) >= 10


def test_dutch_and_french_are_nearly_complete_and_other_languages_are_not(current_dataset: Dataset) -> None:
    texts = [profile.texts["title"] for profile in current_dataset.profiles]
    for one in current_dataset.competences:
        texts += [block.texts["description"] for block in one.embedded()]
    share = {
        language: sum(bool(text[language]) for text in texts) / len(texts) for language in ("nl", "fr", "en", "de")
    }

    assert share["nl"] > 0.99
    assert 0.95 < share["fr"] < 1
    assert 0.3 < share["en"] < 0.9
    assert 0.05 < share["de"] < 0.5


def test_some_texts_are_untidy_as_in_competent(current_dataset: Dataset) -> None:
    labels = {
        text
        for one in current_dataset.competences
        for item in one.concepts("knowledgeItems")
        for text in item.texts["description"].values()
        if text
    }

    assert "Human resources management\n" in labels


def test_the_releases_differ_in_added_removed_and_changed_profiles(
    current_dataset: Dataset, older_dataset: Dataset
) -> None:
    def by_uuid(release: Dataset) -> dict[str, Profile]:
        return {profile.uuid: profile for profile in release.profiles}

    now, then = by_uuid(current_dataset), by_uuid(older_dataset)
    assert now.keys() - then.keys()
    assert then.keys() - now.keys()
    assert [uuid for uuid in now.keys() & then.keys() if now[uuid].texts["title"] != then[uuid].texts["title"]]
    assert [
        uuid
        for uuid in now.keys() & then.keys()
        if now[uuid].concepts("essentialCompetences") != then[uuid].concepts("essentialCompetences")
    ]


def test_some_knowledge_items_have_a_new_uuid_with_the_same_code(
    current_dataset: Dataset, older_dataset: Dataset
) -> None:
    def uuids(release: Dataset) -> dict[str, str]:
        return {
            item.code: item.uuid for competence in release.competences for item in competence.concepts("knowledgeItems")
        }

    now, then = uuids(current_dataset), uuids(older_dataset)
    assert [code for code in now.keys() & then.keys() if now[code] != then[code]]


def test_uuids_and_codes_are_unique(current_dataset: Dataset, older_dataset: Dataset) -> None:
    for release in (current_dataset, older_dataset):
        things = {(skill.uuid, skill.code) for skill in release.blocks["SoftSkill"]}
        for competence in release.competences:
            things |= {
                (competence.uuid, competence.code),
                *((block.uuid, block.code) for block in competence.embedded()),
            }
        for profile in release.profiles:
            things |= {(profile.uuid, profile.code), *((name.uuid, name.code) for name in profile.names())}

        assert len({uuid for uuid, _ in things}) == len({code for _, code in things}) == len(things)
