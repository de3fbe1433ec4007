"""Plain resolvers return the same values and errors as Strawberry's resolvers."""

from dataclasses import replace
from typing import Any

import pytest
from graphql import GraphQLObjectType

from graphql_api.competent.declarations import CONCEPT_TYPES
from graphql_api.execution import schema as schema_module
from graphql_api.execution.schema import build_schema
from graphql_api.sandbox import Fault, Releases
from graphql_api.schema.types import plain_resolvers
from graphql_api.settings import Settings
from tests.conftest import CP_7, running

LEAVES = "{ id uuid code }"
TEXT = "{ nl fr en de text localized(languages: [DE]) { text language isFallback } }"
PROFILE = f"""{{ occupationalProfile(code: "OP-101") {{
  __typename id uuid code release {{ id number isCurrent publishedOn }}
  title {TEXT} description {TEXT} workingContext {{ nl }}
  alternativeNames {{ uuid code name language }}
  essentialCompetences {{
    id code skill {{ id code regions description {{ nl }} }}
    knowledgeItems {LEAVES} behaviouralIndicators {LEAVES}
  }}
  optionalCompetences {LEAVES} softSkills {{ code regions description {{ fr }} }} digitalSkills {LEAVES}
  proofsOfLearning {{ uuid code title {{ nl }} }} economicSectors {{ code title {{ nl }} }} areasOfInterest {{ code }}
  classifications {{ scheme code }} lastModified lastPublished
}} }}"""
LIST = (
    f"{{ softSkills(first: 3) {{ totalCount edges {{ cursor node {LEAVES} }} pageInfo {{ hasNextPage endCursor }} }} }}"
)
COMPETENCE = f"""{{ technicalCompetence(uuid: "{CP_7}") {{
  code skill {{ code }} usedInOccupationalProfiles {{ edges {{ importance node {{ code }} }} }}
}} }}"""


def resolver_module(type_name: str, field: str) -> str:
    graphql_type = build_schema().core_schema.type_map[type_name]
    assert isinstance(graphql_type, GraphQLObjectType)
    return str(graphql_type.fields[field].resolve.__module__)


DECLARED = [(item.name, field.name) for item in CONCEPT_TYPES for field in item.fields]
ATTRIBUTES = [
    ("LocalizedText", "nl"),
    ("AlternativeName", "language"),
    ("Classification", "code"),
    ("EconomicSector", "title"),
    ("OccupationalProfile", "id"),
    ("SkillConnection", "nodes"),
    ("PageInfo", "endCursor"),
]


@pytest.mark.parametrize(("type_name", "field"), [*DECLARED, *ATTRIBUTES])
def test_a_field_that_only_reads_a_key_has_a_plain_resolver(type_name: str, field: str) -> None:
    assert resolver_module(type_name, field) == plain_resolvers.__name__


@pytest.mark.parametrize(
    ("type_name", "field"), [("Query", "search"), ("LocalizedText", "text"), ("Query", "releases")]
)
def test_a_field_with_arguments_or_context_has_its_own_resolver(type_name: str, field: str) -> None:
    assert resolver_module(type_name, field).startswith("strawberry.")


async def answers(releases: Releases, settings: Settings, query: str, faulty: str = "") -> Any:
    async with running(releases, replace(settings, compiled_queries="off")) as server:
        if faulty:
            server.faults.add(Fault(faulty, "status", status=500))
        answer = (await server.post(query, x_request_id="same")).json()
        return answer, server.upstream_paths()


@pytest.mark.parametrize("query", [PROFILE, LIST, COMPETENCE])
async def test_plain_resolvers_return_the_values_of_strawberry(
    query: str, releases: Releases, settings: Settings, indexed: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain, paths = await answers(releases, settings, query)
    monkeypatch.setattr(schema_module, "use_plain_resolvers", lambda schema: None)

    assert "errors" not in plain
    assert (plain, paths) == await answers(releases, settings, query)


async def test_plain_resolvers_raise_errors_at_the_same_paths(
    releases: Releases, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = replace(settings, index="off")
    faulty = f"/releases/3.11/technicalcompetences/{CP_7}"
    query = """{ occupationalProfile(code: "OP-313") {
      title { nl } essentialCompetences { code behaviouralIndicators { code } skill { regions } }
    } }"""
    plain, paths = await answers(releases, settings, query, faulty)
    monkeypatch.setattr(schema_module, "use_plain_resolvers", lambda schema: None)
    wrapped, also_asked = await answers(releases, settings, query, faulty)

    assert all(error["path"][3:] == ["behaviouralIndicators"] and error["locations"] for error in plain["errors"])
    assert sorted(plain["errors"], key=str) == sorted(wrapped["errors"], key=str)
    assert (plain["data"], sorted(paths)) == (wrapped["data"], sorted(also_asked))
