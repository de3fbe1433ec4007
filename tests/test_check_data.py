"""`.ci/check_data.py`: each kind of fault that is planted in the bundled data is found, and named with its remedy."""

import csv
import runpy
from pathlib import Path

import pytest

from graphql_api.sandbox.bundled_data import DATA

ROOT = Path(__file__).parent.parent
CHECK = runpy.run_path(str(ROOT / ".ci" / "check_data.py"))
ISCO_TITLES = ROOT.parent / "shared" / "data" / "isco-08.csv"

PROFILE = """
[OP-1]
title = { nl = "Bakker", fr = "Boulanger / Boulangère" }
description = { nl = "Bakt brood.", fr = "Fait du pain." }
alternative_names = { nl = ["Broodbakker"] }
essential_competences = ["CP-1", "CP-2", "CP-3", "CP-4", "CP-5", "CP-6"]
economic_sectors = ["ES-1"]
classifications = { ISCO08 = ["7512"] }
"""
COMPETENCES = "".join(
    f'[CP-{number}]\nskill = {{ code = "SK-{number}", nl = "Doen {number}" }}\nknowledge_items = ["KN-1"]\n'
    'behavioural_indicators = [{ nl = "Weegt bloem af" }]\n'
    for number in range(1, 7)
)
TERMS = '[KN-1]\nnl = "deegsoorten"\n[ES-1]\nnl = "Voedingsindustrie"\n'
SOUND = PROFILE + COMPETENCES + TERMS
OTHER = PROFILE.replace("OP-1", "OP-2").replace("Broodbakker", "Restaurantkok").replace("Bakker", "Kok")
OTHER = OTHER.replace("Boulanger / Boulangère", "Cuisinier / Cuisinière")


def faults(folder: Path, text: str) -> list[str]:
    (folder / "a.toml").write_text(text, encoding="utf-8")
    checked: list[str] = CHECK["faults"](folder)
    return checked


def test_the_bundled_data_is_valid() -> None:
    assert CHECK["faults"](DATA) == []


def test_a_valid_folder_has_no_fault(tmp_path: Path) -> None:
    assert faults(tmp_path, SOUND + OTHER) == []


@pytest.mark.parametrize(
    ("original", "planted", "fault"),
    [
        ('"CP-6"]', '"CP-9"]', "[OP-1], key essential_competences: no file has a table [CP-9]"),
        ('nl = "Bakt', 'it = "Bakt', "[OP-1], key description.it: unknown key; use one of nl, fr, en, de"),
        ('["7512"]', '["7519"]', "[OP-1], key classifications.ISCO08: 7519 is not a unit group of ISCO-08"),
        ('["7512"]', '["75"]', "[OP-1], key classifications.ISCO08: 75 is not a unit group of ISCO-08"),
        ("ISCO08 =", "ESCO =", "[OP-1], key classifications: 'ESCO' is not a known scheme"),
        (', "CP-6"]', "]", "[OP-1], key essential_competences: 5 essential competences are few"),
        ("economic", "few_competences = 'x'\neconomic", "key few_competences: 6 essential competences are enough"),
        ('nl = "Bakker"', 'nl = "bakker"', "[OP-1], key title.nl: 'bakker' must start with a capital"),
        ('"Broodbakker"', '"broodbakker"', "key alternative_names.nl: 'broodbakker' must start with a capital"),
        ('"Broodbakker"', '"Bakker"', "key alternative_names.nl: 'Bakker' is also a name of OP-1 in release 3.11"),
        ("Boulanger / Boulangère", "Boulanger", "key title.fr: 'Boulanger' must have the masculine and the feminine"),
        ("Boulanger / Boulangère", "Boulangère", "key title.fr: 'Boulangère' must have the masculine and"),
        (', fr = "Boulanger / Boulangère"', "", "[OP-1], key title.fr: the title is missing"),
        (
            "Bakt brood.",
            "Bakt brood",
            "key description.nl: the text must start with a capital and end with a full stop",
        ),
        ("Bakt brood.", "bakt brood.", "key description.nl: the text must start with a capital and end with"),
        ("Bakt brood.", "Bakt  brood.", "key description.nl: the text has two spaces in a row"),
        ("Bakt brood.", "De bakker bakt.", "key description.nl: start with the verb, without the subject 'De'"),
        ("Fait du pain.", "Il ou elle cuit.", "key description.fr: start with the verb"),
        ("Doen 1", "doen 1", "[CP-1], key nl: 'doen 1' must start with a capital"),
        ("bloem af", "bloem af.", "[CP-1], key nl: 'Weegt bloem af.' must start with a capital and end without"),
        ("Voedings", "voedings", "[ES-1], key nl: 'voedingsindustrie' must start with a capital"),
        ('economic_sectors = ["ES-1"]\n', "", "[ES-1]: nothing refers to this table"),
        ("[ES-1]", '[KN-2]\nnl = "Deegsoorten"\n[ES-1]', "[KN-2], key nl: 'Deegsoorten' is also a name of KN-1"),
    ],
)
def test_an_inserted_fault_is_detected(tmp_path: Path, original: str, planted: str, fault: str) -> None:
    assert original in SOUND

    assert [text for text in faults(tmp_path, SOUND.replace(original, planted)) if fault in text]


@pytest.mark.parametrize(
    ("original", "planted", "fault"),
    [
        ('nl = "Kok"', 'nl = "Bakker"', "[OP-2], key title.nl: 'Bakker' is also a name of OP-1 in release 3.11"),
        ('"Restaurantkok"', '"bakker"', "key alternative_names.nl: 'bakker' is also a name of OP-1 in release 3.11"),
        ('"Restaurantkok"', '"Broodbakker"', "key alternative_names.nl: 'Broodbakker' is also a name of OP-1"),
    ],
)
def test_two_profiles_of_a_release_share_no_name(tmp_path: Path, original: str, planted: str, fault: str) -> None:
    assert original in OTHER

    assert [text for text in faults(tmp_path, SOUND + OTHER.replace(original, planted)) if fault in text]


def test_a_name_may_move_to_another_profile(tmp_path: Path) -> None:
    text = SOUND.replace("[OP-1]", '[OP-1]\nuntil = "3.10"')
    text += PROFILE.replace("[OP-1]", '[OP-2]\nsince = "3.11"')

    assert faults(tmp_path, text) == []


@pytest.mark.parametrize(
    ("ended", "lost"),
    [
        ('until = "3.10"\ntitle = { nl = "Patissier", fr = "Pâtissier / Pâtissière" }', "'Patissier'"),
        ('until = "3.10"\ntitle = { nl = "Kok", fr = "Cuisinier / Cuisinière" }', "'Suikerbakker'"),
        (
            'title = { nl = "Bakker", fr = "Boulanger / Boulangère" }\nbefore."3.11".title = { nl = "Kok", fr = "Cuisinier / Cuisinière" }',
            None,
        ),
        (
            'title = { nl = "Bakker", fr = "Boulanger / Boulangère" }\nbefore."3.11".title = { nl = "Patissier", fr = "Cuisinier / Cuisinière" }',
            "'Patissier'",
        ),
    ],
)
def test_a_name_is_not_lost_in_the_newest_release(tmp_path: Path, ended: str, lost: str | None) -> None:
    """The other profile is a cook, and the one that is renamed or ended a baker with one more name."""
    other = OTHER.replace("[OP-2]", '[OP-2]\nsince = "3.11"')
    text = SOUND.replace('title = { nl = "Bakker", fr = "Boulanger / Boulangère" }', ended)
    text = text.replace('"Broodbakker"', '"Suikerbakker"')

    planted = faults(tmp_path, text + other)
    assert bool(planted) is (lost is not None)
    assert not lost or any(f"{lost} is lost: make it an alternative name" in fault for fault in planted)


def test_a_profile_with_few_competences_needs_a_reason(tmp_path: Path) -> None:
    text = SOUND.replace(', "CP-6"]', ']\nfew_competences = "een bijberoep"\noptional_competences = ["CP-6"]')

    assert faults(tmp_path, text) == []


def test_older_values_are_checked(tmp_path: Path) -> None:
    before = 'before."3.11" = { classifications = { ISCO08 = ["9999"] } }\n'

    (fault,) = faults(tmp_path, SOUND.replace("economic_sectors", before + "economic_sectors"))
    assert "9999 is not a unit group" in fault


def test_the_unit_groups_equal_those_of_isco_08() -> None:
    if not ISCO_TITLES.exists():
        pytest.skip("the titles of ISCO-08 are not beside the project")
    with ISCO_TITLES.open(encoding="utf-8-sig", newline="") as file:
        codes = {row["code"] for row in csv.DictReader(file)}

    assert {code for code in codes if len(code) == 4} == CHECK["ISCO_CODES"]
