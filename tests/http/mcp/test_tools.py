"""Operations as tools: the JSON Schema of their variables, from the GraphQL types."""

from typing import Any

import graphql
import pytest

from graphql_api.execution.schema import build_schema
from graphql_api.http.mcp.tools import json_schema, operations
from graphql_api.http.pages.examples import examples

SCHEMA = graphql.build_schema(
    """
    scalar UUID
    "Which way."
    enum Way { "Up there." UP "Down there." DOWN }
    input Box { "How wide." wide: Float! tall: Int ways: [Way!] }
    type Query { q(a: [UUID!]!, box: Box, sure: Boolean): Int }
    """
)


def argument(name: str) -> Any:
    assert SCHEMA.query_type
    return SCHEMA.query_type.fields["q"].args[name].type


@pytest.mark.parametrize(
    ("name", "made"),
    [
        ("a", {"type": "array", "items": {"type": "string", "format": "uuid"}}),
        ("sure", {"type": "boolean"}),
        (
            "box",
            {
                "type": "object",
                "properties": {
                    "wide": {"type": "number", "description": "How wide."},
                    "tall": {"type": "integer"},
                    "ways": {
                        "type": "array",
                        "items": {
                            "type": "string",
                            "enum": ["UP", "DOWN"],
                            "description": "UP: Up there. DOWN: Down there.",
                        },
                    },
                },
                "required": ["wide"],
                "additionalProperties": False,
            },
        ),
    ],
)
def test_each_input_type_has_its_json_schema(name: str, made: dict[str, Any]) -> None:
    assert json_schema(argument(name)) == made


def test_a_one_of_input_has_exactly_one_property() -> None:
    tool = operations(build_schema().core_schema)["CompetenceGap"]
    reference = tool.variables["properties"]["from"]

    assert (reference["minProperties"], reference["maxProperties"]) == (1, 1)
    assert list(reference["properties"]) == ["id", "uuid", "code"]


def test_every_query_is_a_tool_whose_variables_are_all_described() -> None:
    tools = operations(build_schema().core_schema)

    assert list(tools) == [example.name for example in examples() if example.operation_type == "query"]
    for item, tool in zip(
        (example for example in examples() if example.operation_type == "query"), tools.values(), strict=True
    ):
        assert list(tool.variables["properties"]) == item.variables
        assert all(variable["description"] for variable in tool.variables["properties"].values()), item.name


def test_only_mandatory_variables_are_required() -> None:
    tools = operations(build_schema().core_schema)

    assert tools["ProfileInDepth"].variables["required"] == ["profileCode"]
    assert tools["ListOfProfiles"].variables["required"] == []


def test_a_variable_in_an_input_object_has_the_description_of_its_field() -> None:
    assert (
        "ISCO-08"
        in operations(build_schema().core_schema)["FilteredProfiles"].variables["properties"]["isco"]["description"]
    )
