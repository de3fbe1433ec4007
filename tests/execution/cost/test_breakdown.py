"""`X-Competent-Explain` shows the cost by field: the estimates add up to the cost, the actual costs to the response's."""

from dataclasses import replace
from typing import Any

import pytest

from graphql_api.execution.cost import breakdown as costs
from graphql_api.http.pages.examples import examples
from graphql_api.sandbox import Releases
from graphql_api.settings import Settings
from tests.conftest import Server, running
from tests.execution.cost.test_announced_cost import sample_values
from tests.work_counter import values_in

LISTED = "{ release { skills(first: 500) { totalCount nodes { code regions } } } }"


async def cost_of(server: Server, query: str, variables: Any = None) -> Any:
    response = await server.post(query, variables, x_competent_explain="1")
    assert response.headers["cache-control"] == "no-store"
    assert "etag" not in response.headers
    return response.json()


def by_path(cost: Any, which: str) -> dict[str, float]:
    return {field["path"]: field[which] for field in cost["fields"]}


@pytest.mark.parametrize("compiled", ["on", "off"])
async def test_the_breakdown_lists_the_cost_of_each_field(
    releases: Releases, settings: Settings, compiled: str
) -> None:
    async with running(releases, replace(settings, compiled_queries=compiled)) as server:
        for _ in range(3):  # the third response is cached
            answer = await cost_of(server, LISTED)
    total = answer["data"]["release"]["skills"]["totalCount"]
    cost = answer["extensions"]["cost"]
    regions = sum(len(node["regions"]) for node in answer["data"]["release"]["skills"]["nodes"])

    assert list(cost) == ["requested", "actual", "allowed", "fields"]
    assert 0 < total < 500
    assert by_path(cost, "actual") == {
        "release": 1,
        "release.skills": 1 + total,
        "release.skills.totalCount": 1,
        "release.skills.nodes": 1,
        "release.skills.nodes.code": total,
        "release.skills.nodes.regions": total + regions,
    }
    assert by_path(cost, "requested")["release.skills.nodes.code"] == 500
    assert sum(by_path(cost, "requested").values()) == pytest.approx(cost["requested"], abs=1)
    assert cost["actual"] == sum(by_path(cost, "actual").values())


async def test_the_shares_add_up_in_every_example(server: Server) -> None:
    samples = await sample_values(server)
    assert samples.ids
    for example in examples():
        if example.operation_type == "query":
            answer = await cost_of(server, example.query, example.values_of({}))
            cost = answer["extensions"].get("cost")
            if cost is not None:
                rounding = 0.05 * len(cost["fields"]) + 0.5
                assert sum(by_path(cost, "requested").values()) == pytest.approx(cost["requested"], abs=rounding)


async def test_fragments_aliases_and_directives_count_as_in_the_estimate(server: Server) -> None:
    query = """query ($n: Int = 4, $no: Boolean = false) {
      a: skills(first: $n) { ...F nodes { ...G } } b: skills(first: 2) { ...F edges { node { uuid @include(if: $no) } } }
    }
    fragment F on SkillConnection { nodes { ...G code } } fragment G on Skill { code }"""
    answer = await cost_of(server, query, {"n": 3})
    cost = answer["extensions"]["cost"]

    assert sum(by_path(cost, "requested").values()) == pytest.approx(cost["requested"], abs=1)
    assert by_path(cost, "requested")["a.nodes.code"] == 3 * 3
    assert by_path(cost, "actual")["a.nodes.code"] == 3
    assert "b.edges.node.uuid" not in by_path(cost, "requested")
    assert cost["actual"] == values_in(answer["data"]) + 3 + 2


async def test_a_refused_operation_names_its_most_expensive_field(server: Server) -> None:
    query = "{ skills(first: 500) { nodes { usedInOccupationalProfiles(first: 500) { nodes { code } } } } }"
    answer = await cost_of(server, query)
    cost = answer["extensions"]["cost"]

    assert answer["errors"][0]["extensions"]["code"] == "QUERY_TOO_COMPLEX"
    assert cost["requested"] > cost["allowed"]
    assert cost["actual"] == 0
    assert max(cost["fields"], key=lambda field: field["requested"])["path"].endswith(
        ("usedInOccupationalProfiles", "code")
    )


async def test_a_null_field_has_no_actual_cost(server: Server) -> None:
    answer = await cost_of(server, '{ release(number: "3.11") { changes(since: "1.0") { totalCount } } }')
    cost = answer["extensions"]["cost"]

    assert answer["data"]["release"] == {"changes": None}
    assert by_path(cost, "requested")["release.changes"] > 20_000
    assert cost["actual"] == 2


async def test_too_many_fields_are_not_listed(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(costs, "MAX_FIELDS", 3)
    answer = await cost_of(server, LISTED)

    assert answer["extensions"]["cost"]["fields"] is None
    assert answer["extensions"]["cost"]["requested"] > 0


async def test_without_the_header_there_is_no_cost(server: Server) -> None:
    bodies = {(await server.post(LISTED)).text for _ in range(3)}

    assert len(bodies) == 1
    assert "extensions" not in bodies.pop()


async def test_invalid_documents_are_explained_without_a_cost(server: Server) -> None:
    answer = await cost_of(server, "{ nothing }")

    assert "cost" not in answer["extensions"]
