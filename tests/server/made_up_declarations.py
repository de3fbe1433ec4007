"""A process that declares a made-up field and concept type, and prints what each part of the server makes of two workbooks.

python -m tests.server.made_up_declarations OLDER.xlsx NEWER.xlsx FOLDER
"""

import asyncio
import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

from graphql_api.competent import declarations
from graphql_api.competent.declarations import CONCEPT_TYPES, TEXT, Concepts, Field, SearchRule

MOTTO = Field("motto", TEXT, "Made up.", ("motto", "slogan"), SearchRule(6, weight=0.3), column="Motto")
TRAITS = Field("traits", Concepts("Trait", role=20), "Made up.", sheet="Occ.Prof - Traits")
TRAIT = replace(
    declarations.DIGITAL_SKILL,
    name="Trait",
    number=14,
    code_prefix="TR",
    noun="trait",
    plural="traits",
    single="trait",
    listing="traits",
)
PROFILE = replace(declarations.OCCUPATIONAL_PROFILE, fields=(*declarations.OCCUPATIONAL_PROFILE.fields, MOTTO, TRAITS))

QUERY = """{
  occupationalProfile(code: "OP-1") { motto { nl fr } traits { code description { nl } regions } }
  trait(code: "TR-1") { usedInOccupationalProfiles { nodes { code } } }
  traits { nodes { code } }
  release { traits { totalCount } }
  byMotto: search(text: "dageraad") { nodes { __typename code } edges { match { field } } }
  byTrait: search(text: "vroeg op", types: [TRAIT]) { nodes { __typename code } }
  changes: release { changes(since: "3.26") { nodes { type kind changedFields } } }
}"""


async def answers(workbooks: list[Path], folder: Path) -> dict[str, Any]:
    """The response of a server over the workbooks, and the report of the doctor on the fields of a profile."""
    from graphql_api.cli.doctor import CHECKS
    from graphql_api.cli.doctor.probe import Visitor
    from graphql_api.sandbox import Releases
    from graphql_api.sandbox.document_store import documents_in_memory
    from graphql_api.sandbox.excel import read_workbook
    from graphql_api.settings import Settings
    from graphql_api.upstream import Upstream
    from graphql_api.upstream.transport import AsgiTransport
    from tests.conftest import PATIENT, running

    releases = Releases(documents_in_memory(read_workbook(path)) for path in workbooks)
    settings = replace(Settings(), index="need", cache_dir=folder, **PATIENT)
    async with running(releases, settings) as server:
        for number in releases.numbers:
            await server.app.state.services.indexes.ready(number)
        data = await server.ask(QUERY)
        upstream = Upstream(AsgiTransport(server.sandbox, settings), settings)
        seen = await Visitor(upstream.probe, 500).visit()
        await upstream.aclose()
    checks = {check.assumed: check.judge(seen) for check in CHECKS}
    return data | {"doctor": [str(field) for field in checks["profiles have all declared fields"]]}


if __name__ == "__main__":
    declarations.OCCUPATIONAL_PROFILE = CONCEPT_TYPES[0] = PROFILE
    CONCEPT_TYPES.append(TRAIT)
    *workbooks, folder = map(Path, sys.argv[1:])
    print(json.dumps(asyncio.run(answers(workbooks, folder))))
