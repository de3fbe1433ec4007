"""Operations as tools: the JSON Schema of their variables, from the GraphQL types."""

import re
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
    reference = tool.arguments["properties"]["from"]

    assert (reference["minProperties"], reference["maxProperties"]) == (1, 1)
    assert list(reference["properties"]) == ["id", "uuid", "code"]


def test_every_query_is_a_tool_whose_variables_are_all_described() -> None:
    tools = operations(build_schema().core_schema)

    assert list(tools) == [example.name for example in examples() if example.operation_type == "query"]
    for item, tool in zip(
        (example for example in examples() if example.operation_type == "query"), tools.values(), strict=True
    ):
        properties = tool.arguments["properties"]
        assert [name for name in properties if name != "languages"] == [v for v in item.variables if v != "languages"]
        assert all(variable["description"] for variable in properties.values()), item.name
        assert not any("Pass either" in variable["description"] for variable in properties.values()), item.name


def test_only_mandatory_variables_are_required() -> None:
    tools = operations(build_schema().core_schema)

    assert tools["ProfileInDepth"].arguments["required"] == ["profileCode"]
    assert tools["ListOfProfiles"].arguments["required"] == []


def test_a_variable_with_a_default_says_which() -> None:
    tool = operations(build_schema().core_schema)["TermsAndTranslations"]

    assert tool.arguments["properties"]["release"]["default"] == "current"
    assert tool.arguments["required"] == []


def test_every_tool_with_texts_in_one_language_takes_languages() -> None:
    tools = operations(build_schema().core_schema)
    with_texts = {
        name for name, tool in tools.items() if re.search(r"(title|name|description|disambiguator) \{ text", tool.query)
    }

    assert {"Search", "ProfileInDepth", "CompetenceSets"} <= with_texts
    assert {name for name, tool in tools.items() if "languages" in tool.arguments["properties"]} == with_texts


def test_a_variable_in_an_input_object_has_the_description_of_its_field() -> None:
    assert (
        "ISCO-08"
        in operations(build_schema().core_schema)["FilteredProfiles"].arguments["properties"]["isco"]["description"]
    )
