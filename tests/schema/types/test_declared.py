"""GraphQL types are generated from the declarations, with their descriptions."""

from typing import Any

import pytest
from graphql import GraphQLEnumType, GraphQLInterfaceType, GraphQLObjectType

from graphql_api.competent.declarations import CONCEPT_TYPES, ConceptType, Terms
from graphql_api.execution.schema import build_schema

TYPES = build_schema().core_schema.type_map


def object_type(name: str) -> GraphQLObjectType:
    graphql_type = TYPES[name]
    assert isinstance(graphql_type, GraphQLObjectType)
    return graphql_type


@pytest.mark.parametrize("declared", CONCEPT_TYPES, ids=lambda item: item.name)
def test_a_concept_type_has_its_declared_fields_in_order(declared: ConceptType) -> None:
    graphql_type = object_type(declared.name)
    expected = {field.name: field.description for field in declared.fields}

    assert graphql_type.description == declared.description
    assert {name: graphql_type.fields[name].description for name in graphql_type.fields if name in expected} == expected
    assert [name for name in graphql_type.fields if name in expected] == list(expected)


@pytest.mark.parametrize("declared", CONCEPT_TYPES, ids=lambda item: item.name)
def test_only_blocks_implement_competence(declared: ConceptType) -> None:
    competence = TYPES["Competence"]
    assert isinstance(competence, GraphQLInterfaceType)
    assert (competence in object_type(declared.name).interfaces) is declared.is_block


@pytest.mark.parametrize("root", ["Query", "Release"])
def test_each_concept_type_has_a_lookup_and_a_list(root: str) -> None:
    fields: dict[str, Any] = object_type(root).fields

    assert {item.single: fields[item.single].type.name for item in CONCEPT_TYPES} == {
        item.single: item.name for item in CONCEPT_TYPES
    }
    assert [str(fields[item.listing].type) for item in CONCEPT_TYPES] == [
        f"[{item.name}!]" if item.listed else f"{item.name}Connection" for item in CONCEPT_TYPES
    ]


def test_query_and_release_have_the_same_fields_except_the_release() -> None:
    query, release = object_type("Query").fields, object_type("Release").fields
    shared = [name for name in release if name in query]

    assert {*shared} >= {"search", "suggest", *(item.single for item in CONCEPT_TYPES)}
    for name in shared:
        assert {*query[name].args} - {"release"} == {*release[name].args}


def test_each_term_has_a_type_with_a_description() -> None:
    terms = [field.value for item in CONCEPT_TYPES for field in item.fields if isinstance(field.value, Terms)]

    assert terms
    assert [TYPES[term.type_name].description for term in terms] == [term.description for term in terms]


def test_the_enum_of_types_has_each_in_order() -> None:
    enum = TYPES["ConceptType"]
    assert isinstance(enum, GraphQLEnumType)
    assert [value.description for value in enum.values.values()] == [item.summary for item in CONCEPT_TYPES]
    assert [*enum.values][4:6] == ["BEHAVIOURAL_INDICATOR", "SOFT_SKILL"]
