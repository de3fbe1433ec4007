"""Every package follows the declarations: no other place lists fields or concept types."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import clean
from tests.sandbox.rows import BAKER, MAIN, of, profile, uuid
from tests.sandbox.test_columns import HEADINGS, OWNER, write

ROOT = Path(__file__).parents[2]
TRAITS = [*OWNER, "Id", "Code", "Title Id", "Title NL", "Title FR"]

pytestmark = pytest.mark.slow


def workbook(path: Path, number: str, motto: str, *traits: str) -> Path:
    rows = [of(BAKER, uuid(n), f"TR-{n}", uuid(90 + n), title, None) for n, title in enumerate(traits, 1)]
    main = [[*HEADINGS, "Motto NL", "Motto FR"], [*profile(), motto, "Debout"]]
    return write(path / f"{number}.xlsx", {MAIN.replace("3.26", number): main, "Occ.Prof - Traits": [TRAITS, *rows]})


def test_a_new_field_and_concept_type_appear_in_every_feature(tmp_path: Path) -> None:
    older = workbook(tmp_path, "3.26", "Op tijd", "Vroeg op")
    newer = workbook(tmp_path, "3.27", "Op bij dageraad", "Vroeg op", "Netjes")
    command = [sys.executable, "-m", "tests.server.made_up_declarations", str(older), str(newer), str(tmp_path)]
    process = subprocess.run(command, cwd=ROOT, env=clean(), capture_output=True, text=True, check=False)

    assert process.returncode == 0, process.stderr[-3000:]
    answer: dict[str, Any] = json.loads(process.stdout)
    # Excel, sandbox, normalising, GraphQL types
    assert answer["occupationalProfile"] == {
        "motto": {"nl": "Op bij dageraad", "fr": "Debout"},
        "traits": [
            {"code": "TR-1", "description": {"nl": "Vroeg op"}, "regions": []},
            {"code": "TR-2", "description": {"nl": "Netjes"}, "regions": []},
        ],
    }
    # Fields of Query and Release, usage
    assert answer["trait"] == {"usedInOccupationalProfiles": {"nodes": [{"code": "OP-1"}]}}
    assert answer["traits"] == {"nodes": [{"code": "TR-1"}, {"code": "TR-2"}]}
    assert answer["release"] == {"traits": {"totalCount": 2}}
    # Search
    assert answer["byMotto"] == {
        "nodes": [{"__typename": "OccupationalProfile", "code": "OP-1"}],
        "edges": [{"match": {"field": "motto"}}],
    }
    assert answer["byTrait"] == {"nodes": [{"__typename": "Trait", "code": "TR-1"}]}
    # Diff
    assert answer["changes"]["changes"]["nodes"] == [
        {"type": "OCCUPATIONAL_PROFILE", "kind": "CHANGED", "changedFields": ["motto.nl", "traits"]},
        {"type": "TRAIT", "kind": "ADDED", "changedFields": []},
    ]
    # Doctor
    verdict, seen = answer["doctor"]
    assert verdict == "Verdict.HOLDS"
    assert {"motto", "traits"} <= set(seen.split(", "))
