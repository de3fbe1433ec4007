"""The schema as it is printed."""

from pathlib import Path
from typing import Any

import graphql
import pytest

from graphql_api.execution.schema import build_schema

PRINTED = build_schema().as_str()
SCHEMA = graphql.build_schema(PRINTED)
OWN = {
    name: graphql_type
    for name, graphql_type in SCHEMA.type_map.items()
    if not graphql.is_specified_scalar_type(graphql_type) and not name.startswith("__")
}


def test_the_committed_schema_is_the_printed_one() -> None:
    assert (Path(__file__).parents[2] / "schema.graphql").read_text(encoding="utf-8") == PRINTED + "\n"


def descriptions_of(name: str, graphql_type: Any) -> list[tuple[str, str | None]]:
    rows = [(name, graphql_type.description)]
    for field_name, field in getattr(graphql_type, "fields", {}).items():
        rows.append((f"{name}.{field_name}", field.description))
        rows += [
            (f"{name}.{field_name}({argument})", item.description)
            for argument, item in getattr(field, "args", {}).items()
        ]
    rows += [(f"{name}.{value}", item.description) for value, item in getattr(graphql_type, "values", {}).items()]
    return rows


def test_every_type_field_argument_and_value_has_a_description() -> None:
    assert [
        where for name, graphql_type in OWN.items() for where, text in descriptions_of(name, graphql_type) if not text
    ] == []


def test_only_a_profile_speaks_of_the_one_occupation() -> None:
    speaking = {
        where.partition(".")[0]
        for name, graphql_type in OWN.items()
        for where, text in descriptions_of(name, graphql_type)
        if text and "the occupation " in text.replace(".", " ") and "ISCO" not in text
    }

    assert speaking <= {"OccupationalProfile", "AlternativeName", "Importance"}


def test_every_scalar_names_its_specification() -> None:
    scalars = {
        name: graphql_type.specified_by_url
        for name, graphql_type in OWN.items()
        if graphql.is_scalar_type(graphql_type)
    }

    assert set(scalars) == {"UUID", "DateTime", "Date"}
    assert all(scalars.values())


@pytest.mark.parametrize(
    "name",
    [
        "OccupationalProfile",
        "TechnicalCompetence",
        "Skill",
        "Knowledge",
        "BehaviouralIndicator",
        "SoftSkill",
        "DigitalSkill",
    ],
)
def test_every_concept_type_has_identity_fields(name: str) -> None:
    graphql_type = OWN[name]
    assert isinstance(graphql_type, graphql.GraphQLObjectType)

    assert {"Node", "Concept"} <= {interface.name for interface in graphql_type.interfaces}
    assert [str(graphql_type.fields[field].type) for field in ("id", "uuid", "code", "release")] == [
        "ID!",
        "UUID!",
        "String",
        "Release!",
    ]


def test_an_optional_argument_has_no_default_of_null() -> None:
    assert "= null" not in PRINTED


def test_fields_that_need_upstream_are_nullable() -> None:
    always = {
        f"{name}.{field_name}"
        for name, graphql_type in OWN.items()
        if isinstance(graphql_type, graphql.GraphQLObjectType)
        and "Concept" in {interface.name for interface in graphql_type.interfaces}
        for field_name, field in graphql_type.fields.items()
        if graphql.is_non_null_type(field.type)
    }

    assert {item.partition(".")[2] for item in always} == {"id", "uuid", "release", "regions"}
