"""The counts of translated concepts at real size, compared with the rows of a workbook, which are read here by other means."""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from python_calamine import CalamineWorkbook

from graphql_api.sandbox import workbook_releases
from graphql_api.settings import Settings
from tests.conftest import running
from tests.sandbox.test_workbooks import FILES, NUMBERS

pytestmark = [
    pytest.mark.skipif(
        not all(file.exists() for file in FILES.values()), reason="needs the workbooks in ../shared/data"
    ),
    pytest.mark.real,
]

RELEASE = NUMBERS[0]
Texts = dict[str, dict[str, set[str]]]
"""The languages of the text that each concept is called by, by type and uuid."""


def blocks(row: list[str]) -> Iterator[tuple[str, str, tuple[str, str]]]:
    """Type, uuid and texts (nl, fr) of the block in a row of competences, and of the competence if the block is its skill."""
    types = {"skill": "SKILL", "knowledge": "KNOWLEDGE", "behavioural": "BEHAVIOURAL_INDICATOR"}
    (name,) = [name for start, name in types.items() if row[6].lower().startswith(start)]
    yield name, row[7], (row[9], row[10])
    if name == "SKILL":
        yield "TECHNICAL_COMPETENCE", row[4], (row[9], row[10])


def texts_in(file: Path) -> Texts:
    book = CalamineWorkbook.from_path(file)
    texts: Texts = defaultdict(lambda: defaultdict(set))

    def add(name: str, uuid: str, values: tuple[str, ...]) -> None:
        languages = zip(("NL", "FR", "EN", "DE"), values, strict=False)
        texts[name][uuid] |= {language for language, text in languages if text.strip()}

    for sheet_name in book.sheet_names:
        for row in book.get_sheet_by_name(sheet_name).to_python()[1:]:
            if sheet_name.startswith("Occupational Profiles"):
                add("OCCUPATIONAL_PROFILE", row[0], tuple(row[2:6]))
            elif sheet_name.startswith(("Occ.Prof - Soft", "Occ.Prof - Digital")):
                add("SOFT_SKILL" if "Soft" in sheet_name else "DIGITAL_SKILL", row[4], tuple(row[7:9]))
            elif sheet_name.startswith(("Occ.Prof - Essential", "Occ.Prof - Optional")):
                for name, uuid, values in blocks(row):
                    add(name, uuid, values)
    return texts


async def test_translation_counts_equal_the_rows(settings: Settings, tmp_path: Path) -> None:
    file = FILES[RELEASE]
    texts = texts_in(file)
    releases = workbook_releases([file], tmp_path)
    patient = {"operation_timeout": 600.0, "upstream_total_timeout": 600.0, "upstream_attempt_timeout": 600.0}
    async with running(releases, replace(settings, data=(file,), cache_dir=tmp_path, **patient)) as server:
        data = await server.ask("{ release { source license translationCoverage { type language total translated } } }")
    releases.close()
    counted = {
        (row["type"], row["language"]): (row["total"], row["translated"])
        for row in data["release"]["translationCoverage"]
        if row["type"] in texts
    }

    assert len(texts) == 7
    assert counted == {
        (name, language): (len(uuids), sum(language in languages for languages in uuids.values()))
        for name, uuids in texts.items()
        for language in ("NL", "FR", "EN", "DE")
    }
    assert data["release"]["source"] is None
    assert data["release"]["license"] == settings.license
