"""The schema as it is printed."""

from pathlib import Path
from typing import Any

import graphql
import pytest

from graphql_api.execution.schema import build_schema

PRINTED = build_schema().as_str()
SCHEMA = graphql.build_schema(PRINTED)
OWN = {
    name: kind
    for name, kind in SCHEMA.type_map.items()
    if not graphql.is_specified_scalar_type(kind) and not name.startswith("__")
}


def test_the_committed_schema_is_the_printed_one() -> None:
    assert (Path(__file__).parents[2] / "schema.graphql").read_text(encoding="utf-8") == PRINTED + "\n"


def described(name: str, kind: Any) -> list[tuple[str, str | None]]:
    found = [(name, kind.description)]
    for field_name, field in getattr(kind, "fields", {}).items():
        found.append((f"{name}.{field_name}", field.description))
        found += [
            (f"{name}.{field_name}({argument})", item.description)
            for argument, item in getattr(field, "args", {}).items()
        ]
    found += [(f"{name}.{value}", item.description) for value, item in getattr(kind, "values", {}).items()]
    return found


def test_every_type_field_argument_and_value_has_a_description() -> None:
    assert [where for name, kind in OWN.items() for where, text in described(name, kind) if not text] == []


def test_every_scalar_says_what_specifies_it() -> None:
    scalars = {name: kind.specified_by_url for name, kind in OWN.items() if graphql.is_scalar_type(kind)}

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
def test_every_concept_has_its_identity(name: str) -> None:
    kind = OWN[name]
    assert isinstance(kind, graphql.GraphQLObjectType)

    assert {"Node", "Concept"} <= {interface.name for interface in kind.interfaces}
    assert [str(kind.fields[field].type) for field in ("id", "uuid", "code", "release")] == [
        "ID!",
        "UUID!",
        "String",
        "Release!",
    ]


def test_an_argument_that_may_be_left_out_has_no_default_of_null() -> None:
    assert "= null" not in PRINTED


def test_what_crosses_the_network_can_be_null() -> None:
    always = {
        f"{name}.{field_name}"
        for name, kind in OWN.items()
        if isinstance(kind, graphql.GraphQLObjectType)
        and "Concept" in {interface.name for interface in kind.interfaces}
        for field_name, field in kind.fields.items()
        if graphql.is_non_null_type(field.type)
    }

    assert {item.partition(".")[2] for item in always} == {"id", "uuid", "release", "regions"}
