"""Limits of documents: what is counted, in time linear in the length of the document."""

import re
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import pytest
from graphql import (
    GraphQLInterfaceType,
    GraphQLObjectType,
    TokenKind,
    build_ast_schema,
    get_named_type,
    is_leaf_type,
    is_required_argument,
    parse,
)

from graphql_api.execution.documents import Documents, ValidDocument
from graphql_api.execution.limits import DEFAULTS, Counts, Limits, _token_kinds, measure, refusal, values_in
from graphql_api.execution.schema import build_schema
from graphql_api.settings import Settings, variable

ROOT = Path(__file__).parents[2]


def figures(text: str) -> Counts:
    return measure(parse(text))[0]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("{ a }", Counts(1, 1, 0, 0)),
        ("{ a b c }", Counts(1, 3, 0, 0)),
        ("{ a a a }", Counts(1, 3, 0, 0)),
        ("{ a { b { c } } d { e } }", Counts(3, 2, 0, 0)),
        ("{ x: a { y: b } }", Counts(2, 1, 2, 0)),
        ("query ($v: Int @d) @e { a @skip(if: true) ... @f { b } }", Counts(1, 2, 0, 4)),
        ("{ ... { ... { a { b } } } }", Counts(2, 1, 0, 0)),
        ("{ a { ...F } } fragment F on T { x: b { c } }", Counts(3, 1, 1, 0)),
        ("{ ...F ...F } fragment F on T { x: b @d { c } }", Counts(2, 2, 2, 2)),
        ("{ ...F @d } fragment F on T @e { a }", Counts(1, 1, 0, 2)),
        ("{ ...F } fragment F on T { ...G ...G } fragment G on T { x: a y: b }", Counts(1, 4, 4, 0)),
        ("{ a { ...G } ...F } fragment F on T { a { ...G } } fragment G on T { b { c } }", Counts(3, 2, 0, 0)),
        ("{ ...Nothing }", Counts(0, 0, 0, 0)),
    ],
)
def test_measures_include_fragments(text: str, expected: Counts) -> None:
    assert figures(text) == expected


def test_nested_fragments_are_measured_without_expansion() -> None:
    doubled = "".join(f"fragment F{n} on T {{ ...F{n + 1} ...F{n + 1} }} " for n in range(90))

    assert figures(f"{{ ...F0 }} {doubled} fragment F90 on T {{ x: a }}").aliases == 2**90


@pytest.mark.parametrize(
    "text",
    [
        "{ ...F } fragment F on T { a ...F }",
        "{ ...F } fragment F on T { a { ...G } } fragment G on T { b { ...F } }",
        "{ ...F } fragment F on T { ...G ...H } fragment G on T { ...H a } fragment H on T { ...G a }",
    ],
)
def test_a_recursive_fragment_is_visited_once(text: str) -> None:
    assert figures(text).depth <= 2


def test_a_chain_of_fragments_needs_no_recursion() -> None:
    chain = "".join(f"fragment F{n} on T {{ a {{ ...F{n + 1} }} }} " for n in range(1500))

    assert figures(f"{{ ...F0 }} {chain} fragment F1500 on T {{ a }}").depth == 1501


ONE_OVER: list[tuple[str, str, str]] = [
    ("depth", "{ a { b { c } } }", "The document has 3 levels of nested fields; the limit is 2."),
    ("aliases", "{ x: a y: b z: c }", "The document has 3 aliases (fragments expanded); the limit is 2."),
    ("root_fields", "{ a b c }", "The document has 3 root fields; the limit is 2."),
    ("directives", "{ a @d b @d c @d }", "The document has 3 directives (fragments expanded); the limit is 2."),
    (
        "fragments",
        "{ a } fragment F on T { a } fragment G on T { a } fragment H on T { a }",
        "The document has 3 fragments; the limit is 2.",
    ),
]


@pytest.mark.parametrize(("name", "text", "message"), ONE_OVER)
def test_a_document_one_over_the_limit_is_refused_with_both_values(name: str, text: str, message: str) -> None:
    result = refusal(replace(DEFAULTS, **{name: 2}), parse(text))

    assert result is not None
    assert str(result) == message
    assert result.extensions == {"code": "QUERY_TOO_COMPLEX"}
    assert refusal(replace(DEFAULTS, **{name: 3}), parse(text)) is None


def test_an_unused_fragment_is_measured() -> None:
    deep = "{ a } fragment F on T " + "{ a " * 21 + "}" * 21

    assert "21 levels" in str(refusal(DEFAULTS, parse(deep)))


def test_every_operation_of_a_document_is_measured() -> None:
    assert "51 root fields" in str(refusal(DEFAULTS, parse("query A { a } query B { " + "a " * 51 + "}")))


def test_a_huge_measure_has_a_short_message() -> None:
    doubled = "".join(f"fragment F{n} on T {{ ...F{n + 1} ...F{n + 1} }} " for n in range(90))
    result = refusal(DEFAULTS, parse(f"{{ ...F0 }} {doubled} fragment F90 on T {{ x: a }}"))

    assert str(result).startswith("The document has more than 1,000,000 ")


@pytest.mark.parametrize(
    ("variables", "count"),
    [({}, 0), ({"a": 1}, 1), ({"a": [1, 2]}, 3), ({"a": {"b": None, "c": [[], [3]]}}, 6), ({"a": "text"}, 1)],
)
def test_values_in_variables_are_counted_within_lists_and_objects(variables: dict[str, Any], count: int) -> None:
    assert values_in(variables) == count


def test_every_limit_is_a_setting_with_the_same_default() -> None:
    assert Limits.of(Settings()) == DEFAULTS
    assert Limits.of(replace(Settings(), **{f"max_{field.name}": 7 for field in fields(Limits)})) == Limits(
        *[7] * len(fields(Limits))
    )


def test_the_limits_page_lists_the_default_of_each_setting() -> None:
    page = (ROOT / "docs" / "limits.md").read_text(encoding="utf-8")
    rows = {name: value for value, name in re.findall(r"\| `([^`]+)` \| `(COMPETENT_\w+)` \|", page)}
    defaults = {variable(field): str(field.default) for field in fields(Settings)}

    assert rows.keys() >= {f"COMPETENT_MAX_{field.name.upper()}" for field in fields(Limits)}
    assert rows == {name: defaults[name] for name in rows}


def nested_selection(type_: Any, levels: int) -> str:
    """A selection of every field that needs no argument, this many levels deep, without a concept's release."""
    if not isinstance(type_, GraphQLObjectType | GraphQLInterfaceType):
        return "{ __typename }"
    fields_of = {
        name: get_named_type(field.type)
        for name, field in type_.fields.items()
        if name != "release" and not _needs(field)
    }
    selections = [
        name if is_leaf_type(inner) else f"{name} {nested_selection(inner, levels - 1)}"
        for name, inner in fields_of.items()
        if is_leaf_type(inner) or levels > 1
    ]
    return f"{{ {' '.join(selections) or '__typename'} }}"


def _needs(field: Any) -> bool:
    return any(map(is_required_argument, field.args.values()))


def test_all_fields_of_a_profile_four_levels_deep_are_allowed() -> None:
    """Tools that select everything send documents of more than a thousand tokens."""
    types = build_ast_schema(parse((ROOT / "schema.graphql").read_text(encoding="utf-8")))
    text = f'{{ occupationalProfile(code: "OP-1") {nested_selection(types.type_map["OccupationalProfile"], 4)} }}'
    tokens = sum(item is not TokenKind.COMMENT for item in _token_kinds(text))

    assert 1_000 < tokens < DEFAULTS.tokens
    assert isinstance(Documents(build_schema().core_schema).prepare(text), ValidDocument)
