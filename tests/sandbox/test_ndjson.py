"""NDJSON files as data of the sandbox: what they may contain, and the error for each line that cannot be used."""

import json
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from graphql_api.sandbox import WorkbookError, ndjson, workbook_releases
from graphql_api.sandbox.ndjson import read_ndjson
from graphql_api.sandbox.serializers import PROFILES

RELEASE = {"type": "Release", "number": "3.40", "publicationDate": "2026-11-30"}
SKILL = "11111111-1111-4111-8111-111111111111"
COMPETENCE = "22222222-2222-4222-8222-222222222222"
PROFILE = "33333333-3333-4333-8333-333333333333"
LINES: tuple[dict[str, Any], ...] = (
    RELEASE,
    {"type": "Skill", "id": SKILL, "code": "SK-1", "description": {"nl": "Brood bakken"}, "regions": ["BE-VLG"]},
    {"type": "TechnicalCompetence", "id": COMPETENCE, "code": "CP-1", "skill": {"id": SKILL, "code": "SK-1"}},
    {
        "type": "OccupationalProfile",
        "id": PROFILE,
        "code": "OP-1",
        "title": {"nl": "Bakker"},
        "essentialCompetences": [{"id": COMPETENCE}],
        "alternativeNames": [{"id": None, "code": None, "name": "Broodbakker", "language": "nl"}],
        "codes": [{"type": "ISCO-08", "value": "7512"}],
    },
)
Write = Callable[..., Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Write lines, objects or text, into a file."""

    def file_of(*lines: dict[str, Any] | str, end: str = "\n") -> Path:
        path = tmp_path / "release.ndjson"
        texts = [line if isinstance(line, str) else json.dumps(line) for line in lines]
        path.write_text(end.join([*texts, ""]), encoding="utf-8")
        return path

    return file_of


def test_a_release_is_read_with_its_concepts_and_their_parts(write: Write) -> None:
    dataset = read_ndjson(write(*LINES))

    (profile,) = dataset.profiles
    (competence,) = profile.competences
    assert (dataset.number, dataset.published_on, dataset.source) == ("3.40", "2026-11-30", None)
    assert profile.texts["title"]["nl"] == "Bakker"
    assert profile.names()[0].name == "Broodbakker"
    assert competence is dataset.competences[0]
    assert competence.concepts("skill")[0].texts["description"]["nl"] == "Brood bakken"
    assert competence.concepts("skill")[0].values["regions"] == ("BE-VLG",)


def test_a_profile_may_have_some_skills_of_a_competence_set(write: Write) -> None:
    other, set_ = ("44444444-4444-4444-8444-444444444444", "55555555-5555-4555-8555-555555555555")
    dataset = read_ndjson(
        write(
            *LINES[:3],
            {"type": "Skill", "id": other, "code": "SK-2"},
            {"type": "CompetenceSet", "id": set_, "name": {"nl": "Bakken"}, "skills": [{"id": SKILL}, {"id": other}]},
            LINES[3] | {"competenceSets": [{"id": set_, "skills": [{"id": other}]}]},
        )
    )
    (competence_set,) = dataset.profiles[0].concepts("competenceSets")

    assert competence_set.texts["title"]["nl"] == "Bakken"
    assert [skill.code for skill in competence_set.concepts("skills")] == ["SK-2"]


@pytest.mark.parametrize("end", ["\r\n", "\n"])
def test_line_ends_of_windows_and_a_byte_order_mark_are_accepted(end: str, write: Write) -> None:
    path = write("\ufeff" + json.dumps(RELEASE), *LINES[1:], end=end)

    assert len(read_ndjson(path).profiles) == 1


def test_the_sandbox_serves_an_export_beside_workbooks(write: Write, tmp_path: Path) -> None:
    path = write(*LINES)
    for _ in range(2):  # converted, and read from the cache
        with closing(workbook_releases([path.parent], tmp_path / "cache")) as releases:
            assert releases.numbers == ("3.40",)
            assert releases.current.count(PROFILES) == 1


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("{", "no valid JSON"),
        ("[]", "no JSON object"),
        ("", "no valid JSON"),
        ({"type": "Sector", "id": SKILL}, "unknown type 'Sector' (known: OccupationalProfile, "),
        ({"type": "Skill", "id": 7}, "id: 7 is not a uuid"),
        ({"type": "Skill", "id": SKILL}, f"a second Skill with the id {SKILL}"),
        ({"type": "Skill", "id": PROFILE, "description": "x"}, "description: 'x' is not an object"),
        ({"type": "Skill", "id": PROFILE, "description": {"nl": 1}}, "nl: 1 is not a text"),
        ({"type": "Skill", "id": PROFILE, "regions": "x"}, "regions: 'x' is not a list"),
        (
            {"type": "TechnicalCompetence", "id": PROFILE, "skill": {"id": PROFILE}},
            "skill: no line above has the Skill",
        ),
        ({"type": "OccupationalProfile", "id": SKILL, "codes": [{}]}, "type: None is not a text"),
        ({"type": "OccupationalProfile", "id": SKILL, "softSkills": [1]}, "softSkills: 1 is not an object"),
        ({"type": "OccupationalProfile", "id": SKILL, "lastModified": 1}, "lastModified: 1 is not a text"),
    ],
)
def test_a_line_that_cannot_be_read_is_reported_with_its_number(
    line: dict[str, Any] | str, reason: str, write: Write
) -> None:
    path = write(*LINES, line)
    with pytest.raises(WorkbookError) as error:
        read_ndjson(path)

    assert str(error.value).splitlines()[0] == "release.ndjson: one line cannot be read:"
    assert f"line 5: {reason}" in str(error.value)
    assert "--lenient" in str(error.value)


def test_in_lenient_mode_an_unreadable_line_is_skipped_and_noted(write: Write) -> None:
    dataset = read_ndjson(write(*LINES, "{"), lenient=True)

    assert len(dataset.profiles) == 1
    assert dataset.left_out == 1
    assert dataset.notes[0] == "release.ndjson: 1 line skipped:"
    assert "line 5" in dataset.notes[1]


def test_many_bad_lines_are_counted(write: Write) -> None:
    with pytest.raises(WorkbookError) as error:
        read_ndjson(write(*LINES, *["{"] * 2000))

    assert "2,000 lines cannot be read" in str(error.value)
    assert len(error.value.faults) == 100
    assert "… and 1,980 more" in str(error.value)
    assert len(str(error.value)) < 3000


@pytest.mark.parametrize(
    ("first", "reason"),
    [
        ("", "no valid JSON"),
        (LINES[1], "its type is not Release"),
        ({**RELEASE, "number": "current"}, "no release number"),
        ({**RELEASE, "number": 3.4}, "no release number"),
        ({**RELEASE, "publicationDate": 3}, "publicationDate: 3 is not a text"),
    ],
)
def test_a_file_that_does_not_begin_with_a_release_is_refused(
    first: dict[str, Any] | str, reason: str, write: Write
) -> None:
    with pytest.raises(WorkbookError, match=f"the first line must be a release.*{reason}"):
        read_ndjson(write(first, *LINES[1:]))


def test_a_release_without_profiles_is_refused(write: Write) -> None:
    with pytest.raises(WorkbookError, match="no line has an occupational profile"):
        read_ndjson(write(*LINES[:3]))


def test_lines_and_files_are_bounded(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(*LINES)
    monkeypatch.setattr(ndjson, "MAX_LINE_BYTES", 200)
    with pytest.raises(WorkbookError, match="a line has more than 200 bytes"):
        read_ndjson(path)
    monkeypatch.setattr(ndjson, "MAX_FILE_BYTES", 300)
    with pytest.raises(WorkbookError, match="the limit is 300"):
        read_ndjson(path)


def test_a_file_that_cannot_be_opened_is_a_clear_error(tmp_path: Path) -> None:
    with pytest.raises(WorkbookError, match="cannot read the file"):
        read_ndjson(tmp_path / "missing.ndjson")
