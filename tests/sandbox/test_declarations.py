"""What is declared is served: a field or a block type that is added to the declarations needs no change in the sandbox."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.sandbox.rows import BAKER, of, profile, uuid
from tests.sandbox.test_columns import HEADINGS, OWNER, write

SCRIPT = """
import json, sys
from dataclasses import replace
from pathlib import Path
from graphql_api.competent import declarations
from graphql_api.competent.declarations import (
    CONCEPT_TYPES, OCCUPATIONAL_PROFILE, TECHNICAL_COMPETENCE, Concepts, Field, TEXT, MOMENT, Terms
)
def block(name, number, prefix):
    return replace(declarations.SKILL, name=name, number=number, code_prefix=prefix)
foo = Field("workingFoo", TEXT, "Made up.", ("foo",), column="Working foo")
checked = Field("lastChecked", MOMENT, "Made up.", column="Last checked")
traits = Field("traits", Concepts("Trait", role=90), "Made up.", sheet="Occ.Prof - Traits")
tools = Field("tools", Terms("Tool", "tool", "Made up.", "TO"), "Made up.", sheet="Occ.Prof - Tools")
attitudes = Field("attitudes", Concepts("WorkAttitude", role=91), "Made up.")
*first, last = OCCUPATIONAL_PROFILE.fields
CONCEPT_TYPES[0] = replace(OCCUPATIONAL_PROFILE, fields=(*first, foo, checked, traits, tools, last))
CONCEPT_TYPES[1] = replace(TECHNICAL_COMPETENCE, fields=(*TECHNICAL_COMPETENCE.fields, attitudes))
CONCEPT_TYPES += [block("Trait", 90, "TR"), block("WorkAttitude", 91, "WA")]
from graphql_api.sandbox.serializers import COMPETENCES, PROFILES
from graphql_api.sandbox.document_store import documents_in_memory, read_documents
from graphql_api.sandbox.bundled_data import bundled_datasets
from graphql_api.sandbox.excel import read_workbook
path = Path(sys.argv[1])
dataset = bundled_datasets(path)[0] if path.is_dir() else read_workbook(path)
documents = documents_in_memory(dataset)
def bodies(collection, rows):
    return [json.loads(documents.document(collection, each.uuid)) for each in rows]
print(json.dumps([bodies(PROFILES, dataset.profiles), bodies(COMPETENCES, dataset.competences)]))
"""


def first_documents(path: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """The first profile and the first competence that a process with more declarations makes of a workbook or a folder."""
    process = subprocess.run([sys.executable, "-c", SCRIPT, str(path)], capture_output=True, text=True, check=False)
    assert process.returncode == 0, process.stderr
    profiles, competences = json.loads(process.stdout)
    return profiles[0], competences[0]


def sheets(*, with_headings: bool = True, **columns: str) -> dict[str, list[list[Any]]]:
    """A workbook with the made-up sheets and, on the sheet of profiles, these columns in front."""
    headings = HEADINGS if with_headings else [f"Heading {at}" for at in range(len(HEADINGS))]
    competence = [
        *OWNER,
        "Competence Id",
        "Competence Code",
        "Block type",
        "Block Id",
        "Block Code",
        "Block NL",
        "Block FR",
    ]
    return {
        "Occupational Profiles 3.26": [[*headings, *columns], [*profile(), *columns.values()]],
        "Occ.Prof - Traits 3.26": [
            [*OWNER, "Id", "Code", "Title Id", "Title NL", "Title FR"],
            of(BAKER, uuid(1), "TR-1", uuid(2), "Vroeg op", "Matinal"),
        ],
        "Occ.Prof - Tools 3.26": [
            [*OWNER, "Id", "Code", "Title NL", "Title FR"],
            of(BAKER, uuid(3), "TO-1", "Oven", "Four"),
        ],
        "Occ.Prof - Essential Competence": [
            competence,
            of(BAKER, uuid(4), "CP-1", "skill", uuid(5), "SK-1", "Bakken", "Cuire"),
            of(BAKER, uuid(4), "CP-1", "work attitude", uuid(6), "WA-1", "Geduld", None),
        ],
    }


def text(nl: str | None = None, fr: str | None = None) -> dict[str, str | None]:
    return {"nl": nl, "fr": fr, "en": None, "de": None}


@pytest.mark.parametrize("with_headings", [True, False])
def test_a_new_field_and_a_new_block_type_of_a_workbook_are_served(tmp_path: Path, with_headings: bool) -> None:
    columns = {"Working foo FR": "oui", "Remark": "no field", "Last checked": "2026-03-26", "Working foo NL": "ja"}
    path = write(tmp_path / "export.xlsx", sheets(with_headings=with_headings, **columns))  # type: ignore[arg-type]

    baker, bread = first_documents(path)

    assert baker["foo"] == text("ja", "oui")
    assert baker["lastChecked"] == "2026-03-26T00:00:00Z"
    assert baker["title"]["nl"] == "Bakker"
    assert baker["traits"] == [
        {"id": uuid(1), "code": "TR-1", "description": text("Vroeg op", "Matinal"), "regions": [], "type": "trait"}
    ]
    assert baker["tools"] == [{"id": uuid(3), "code": "TO-1", "title": text("Oven", "Four")}]
    attitude = {"id": uuid(6), "code": "WA-1", "description": text("Geduld"), "regions": [], "type": "workattitude"}
    assert bread["attitudes"] == baker["essentialCompetences"][0]["attitudes"] == [attitude]
    assert bread["knowledgeItems"] == []


def test_a_workbook_without_the_columns_and_sheets_of_new_fields_is_read(tmp_path: Path) -> None:
    main = "Occupational Profiles 3.26"
    path = write(tmp_path / "export.xlsx", {main: sheets()[main], **skills(sheets())})  # type: ignore[arg-type]

    baker, bread = first_documents(path)

    assert (baker["foo"], baker["lastChecked"], baker["traits"], baker["tools"]) == (text(), None, [], [])
    assert baker["lastPublished"] == profile()[-1]
    assert (bread["skill"]["code"], bread["attitudes"]) == ("SK-1", [])


def skills(sheets: dict[str, list[list[Any]]]) -> dict[str, list[list[Any]]]:
    return {"Occ.Prof - Essential Competence": sheets["Occ.Prof - Essential Competence"][:2]}


def test_new_fields_and_block_types_of_the_bundled_data_are_served(tmp_path: Path) -> None:
    (tmp_path / "data.toml").write_text(
        """
[OP-1]
title = { nl = "Bakker" }
working_foo = { nl = "ja" }
last_checked = "2026-03-26T00:00:00Z"
traits = ["TR-1", { nl = "Vroeg op" }]
tools = ["TO-1"]
essential_competences = ["CP-1"]

[CP-1]
skill = { code = "SK-1", nl = "Bakken" }
attitudes = [{ nl = "Geduld" }, { nl = "Orde", code = "WA-7" }]

[TR-1]
nl = "Net"
regions = ["BRU"]

[TO-1]
nl = "Oven"
""",
        encoding="utf-8",
    )

    baker, bread = first_documents(tmp_path)

    assert (baker["foo"], baker["lastChecked"]) == (text("ja"), "2026-03-26T00:00:00Z")
    assert [(trait["code"], trait["description"]["nl"], trait["regions"]) for trait in baker["traits"]] == [
        ("TR-1", "Net", ["BRU"]),
        ("TR-2", "Vroeg op", []),
    ]
    assert [(tool["code"], tool["title"]["nl"]) for tool in baker["tools"]] == [("TO-1", "Oven")]
    assert [attitude["code"] for attitude in bread["attitudes"]] == ["WA-1", "WA-7"]
