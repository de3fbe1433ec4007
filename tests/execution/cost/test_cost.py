"""The cost of operations: list sizes multiplied, computed once per document as a function of its variables."""

import re
from pathlib import Path
from typing import Any

import pytest
from graphql import get_introspection_query, get_nullable_type, is_composite_type, is_list_type

from graphql_api.execution.cost import MAX_COST, Cost
from graphql_api.execution.cost.analyzer import declared_length, work_of
from graphql_api.execution.documents import Documents
from graphql_api.execution.limits import DEFAULTS, Limits
from graphql_api.execution.schema import build_schema
from graphql_api.http.pages.examples import examples
from graphql_api.schema.types.resolver_cost import NO_WORK
from tests.conftest import Server
from tests.execution.test_documents import valid_document

GRAPH = build_schema().core_schema
DOCUMENTS = Documents(GRAPH, Limits(depth=200, tokens=20_000, aliases=2**70))
ROOT = Path(__file__).parents[3]


def cost_of(text: str) -> Cost:
    prepared = valid_document(DOCUMENTS, text)
    return prepared.operation(None).cost


def cost(text: str, **variables: Any) -> int:
    return cost_of(text).of(valid_document(DOCUMENTS, text).values(variables))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("{ __typename }", 1),
        ("{ a: __typename b: __typename }", 2),
        ("{ release { number } }", 2),
        ("{ skills { totalCount } }", 2 + 20),
        ("{ skills { nodes { code } } }", 2 + 20 * 2),
        ("{ skills(first: 100) { nodes { code } } }", 2 + 100 * 2),
        ("{ skills(last: 7) { totalCount nodes { code uuid } } }", 3 + 7 * 3),
        ("{ skills(first: 0) { totalCount nodes { code } } }", 1 + 1 + 1),
        ("{ skills(first: 9999) { nodes { code } } }", 2 + 500 * 2),
        ("{ skills(first: 10) { edges { cursor node { code } } } }", 2 + 10 * 4),
        (
            "{ skills(first: 10) { nodes { usedInOccupationalProfiles(first: 5) { nodes { code } } } } }",
            2 + 10 * (1 + 2 + 15 + 5 * 2) + 25,
        ),
        ('{ nodes(ids: ["a", "b", "c"]) { id } }', 1 + 3 * 3),
        ('{ nodes(ids: "a") { id } }', 1 + 3),
        ('{ suggest(prefix: "a") { text } }', 1 + 100 + 10 * 3),
        ('{ suggest(prefix: "a", first: 3) { text } }', 1 + 100 + 3 * 3),
        ('{ occupationalProfile(code: "OP-1") { essentialCompetences { code } } }', 2 + 60),
        ('{ skill(code: "S") { regions } }', 2 + 3),
        ("{ release { number @include(if: false) } }", 1),
        ("{ release { number @skip(if: true) } }", 1),
        ("{ release { number @skip(if: false) @include(if: true) } }", 2),
        ("{ ...F ...F } fragment F on Query { skills(first: 2) { nodes { code } } }", 2 * (2 + 2 * 2)),
        (
            "{ skills(first: 3) { ...F } } fragment F on SkillConnection { nodes { ...G } } fragment G on Skill { code uuid }",
            2 + 3 * 3,
        ),
        ('{ node(id: "a") { ... on Skill { code } ... on Release { number } } }', 3 + 2),
    ],
)
def test_the_cost_is_the_maximum_number_of_values(text: str, expected: int) -> None:
    assert cost(text) == expected


def test_sizes_come_from_variables_and_their_defaults() -> None:
    text = "query ($n: Int = 3, $m: Int) { skills(first: $n, last: $m) { nodes { code } } }"

    assert cost(text) == 2 + 3 * 2
    assert cost(text, n=100) == 2 + 100 * 2
    assert cost(text, n=None, m=4) == 2 + 4 * 2
    assert cost(text, n=10**30) == 2 + 500 * 2
    assert cost(text, n=-1) == 2
    assert cost(text, n="many") == 2 + 20 * 2
    assert cost("query ($m: Int) { skills(first: $m) { nodes { code } } }") == 2 + 20 * 2


def test_competences_in_a_text_cost_by_the_requested_number() -> None:
    def in_text(first: int) -> int:
        return cost(f'{{ competencesInText(text: "a", first: {first}) {{ nodes {{ skill {{ code }} }} }} }}')

    assert in_text(100) - in_text(20) == 80 * (in_text(1) - in_text(0)) > 80


def test_nodes_cost_by_the_number_of_ids() -> None:
    text = "query ($ids: [ID!]!) { nodes(ids: $ids) { id __typename } }"

    assert cost(text, ids=["a"] * 7) == 1 + 7 * 4
    assert cost(text, ids="a") == 1 + 4


def test_fields_excluded_by_a_variable_cost_nothing() -> None:
    text = "query ($deep: Boolean!, $no: Boolean = true) { release { number ... @include(if: $deep) { skills { totalCount } } id @skip(if: $no) } }"

    assert cost(text, deep=False) == 2
    assert cost(text, deep=True) == 4 + 20
    assert cost(text, deep=True, no=False) == 5 + 20


def test_variables_multiply_through_fragments() -> None:
    text = """
      query ($n: Int, $m: Int) { skills(first: $n) { nodes { ...F } } }
      fragment F on Skill { ...G ...G }
      fragment G on Skill { usedInTechnicalCompetences(first: $m) { nodes { code } } }
    """

    assert cost(text, n=10, m=5) == 2 + 10 * (1 + 2 * (2 + 3 + 5 * 2)) + 2 * 20


def test_nested_fragments_with_variables_are_one_step_each() -> None:
    levels = 60
    chain = "".join(
        f"fragment F{n} on Release {{ x{n}: skill(code: $c) {{ release {{ ...F{n + 1} ...F{n + 1} }} }} s{n}: skills(first: $n) {{ totalCount nodes {{ code }} }} }} "
        for n in range(levels)
    )
    cost = cost_of(
        f"query ($n: Int, $c: String) {{ release {{ ...F0 }} }} {chain} fragment F{levels} on Release {{ number }}"
    )

    assert len(cost.steps) == levels + 1
    assert cost.of({"n": 500}) == MAX_COST


def test_a_cost_beyond_all_floats_is_capped() -> None:
    text = "{ release " + "{ skills(first: 500) { nodes { release " * 62 + "{ number }" + "} } }" * 62 + "}"

    assert cost(text) == MAX_COST


def test_an_operation_without_variables_is_one_constant() -> None:
    cost = cost_of('{ occupationalProfile(code: "OP-1") { essentialCompetences { skill { description { nl } } } } }')

    assert [step.terms for step in cost.steps] == [[]]


def test_exactly_the_lists_declare_a_length() -> None:
    fields = {
        f"{type_name.name}.{name}": field
        for type_name in GRAPH.type_map.values()
        if is_composite_type(type_name)
        and not type_name.name.startswith("__")
        and not type_name.name.endswith("Connection")
        for name, field in getattr(type_name, "fields", {}).items()
        if not field.args and name != "nodes"  # as many as the page of the field above has
    }
    lists = {name for name, field in fields.items() if is_list_type(get_nullable_type(field.type))}

    assert lists == {name for name, field in fields.items() if declared_length(field)}


async def test_the_cost_of_introspection_is_close_to_its_size(server: Server) -> None:
    def values(value: Any) -> int:
        if isinstance(value, dict):
            return sum(1 + values(item) for item in value.values())
        return sum(map(values, value)) if isinstance(value, list) else 0

    text = get_introspection_query()

    assert 1.0 <= cost(text) / values(await server.ask(text)) <= 2.5


def test_examples_cost_at_most_a_tenth_of_the_limit() -> None:
    costs = {example.name: cost(example.query) for example in examples()}

    assert len(costs) >= 15
    assert costs.pop("Changes") * 2 <= DEFAULTS.cost
    assert all(units * 10 <= DEFAULTS.cost for units in costs.values())


def test_a_large_honest_query_is_allowed() -> None:
    page = """{ occupationalProfiles(first: 500) { totalCount nodes { id code title { nl fr en de } description { nl } workingContext { nl }
      essentialCompetences { code skill { code description { nl } } } } pageInfo { hasNextPage endCursor } } }"""

    assert cost(page) <= DEFAULTS.cost


def test_documented_costs_of_examples_are_exact() -> None:
    page = (ROOT / "docs" / "limits.md").read_text(encoding="utf-8")
    examples = re.findall(r"```graphql\n# cost: ([\d,]+)\n(.*?)```", page, flags=re.DOTALL)

    assert len(examples) == page.count("```graphql") == 5
    assert [(cost(text), text) for _, text in examples] == [
        (int(said.replace(",", "")), text) for said, text in examples
    ]


def test_the_limits_page_lists_the_weight_of_each_index_query() -> None:
    page = (ROOT / "docs" / "limits.md").read_text(encoding="utf-8")
    rows = dict(re.findall(r"\| `(\w+)(?:\([^)]*\))?` \| ([^|]+) \|", page[page.index("## Cost") :]))
    fields = {
        name: work_of(field)
        for type_name in ("Query", "Release", "OccupationalProfile", "Skill")
        for name, field in getattr(GRAPH.type_map[type_name], "fields", {}).items()
    }

    weighed = {name for name, work in fields.items() if work != NO_WORK} - {"node", "nodes", "occupationalProfiles"}
    assert weighed <= rows.keys()
    for name in weighed:
        numbers = [float(item.replace(",", "")) for item in re.findall(r"[\d,]*\d(?:\.\d+)?", rows[name])]
        work = fields[name]
        assert set(numbers) - {16.0} >= {work.base, *(per.units for per in work.arguments)} - {16.0}, name
        assert work.item == 1 or work.item in numbers, name
        assert work.more + work.more_items in (0, *numbers), name
