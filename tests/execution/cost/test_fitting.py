"""The error of a refused operation names the largest `first` that fits."""

import re
from typing import Any

import pytest

from graphql_api.execution.cost import Fit, fit
from graphql_api.execution.documents import Documents
from graphql_api.execution.limits import DEFAULTS
from graphql_api.execution.schema import build_schema
from tests.conftest import Server
from tests.execution.test_documents import valid_document

DOCUMENTS = Documents(build_schema().core_schema)
NESTED = """
query ($first: Int) {
  list: occupationalProfiles(first: $first) {
    nodes { similarProfiles(first: 20) { profile { essentialCompetences { code } } } }
  }
}
"""


def fit_of(text: str, limit: int = DEFAULTS.cost, **variables: Any) -> Fit | None:
    document = valid_document(DOCUMENTS, text)
    return fit(document.operation(None).cost, document.values(variables), limit)


@pytest.mark.parametrize(
    ("text", "limit", "expected"),
    [
        ("{ skills(first: 100) { nodes { code } } }", 2 + 37 * 2, Fit(37, "skills")),
        ("{ skills { nodes { code } } }", 2 + 5 * 2, Fit(5, "skills")),
        ("{ mine: skills(last: 100) { nodes { code } } }", 2 + 37 * 2, Fit(37, "mine")),
        ("{ skills(first: 100) { ...F } } fragment F on SkillConnection { nodes { code } }", 42, Fit(20, "skills")),
        (
            "{ skills(first: 50) { nodes { code } } softSkills(first: 100) { nodes { code } } }",
            4 + 2 * 100,
            Fit(50, "softSkills"),
        ),
        (
            "{ a: skills(first: 50) { nodes { code } } b: skills(first: 60) { nodes { code } } }",
            4 + 2 * 40,
            Fit(20),
        ),
        ("{ skills(first: 100) { nodes { code } } }", 3, None),
        ("{ releases { number } }", 3, None),
    ],
)
def test_the_largest_page_that_fits_is_found(text: str, limit: int, expected: Fit | None) -> None:
    assert fit_of(text, limit) == expected


async def test_the_page_size_in_an_error_is_the_largest_that_fits(server: Server) -> None:
    (error,) = await server.errors(NESTED, {"first": 500})

    match = re.search(r"With `first: (\d+)` in `list`, it would fit\.", error["message"])
    assert error["extensions"]["code"] == "QUERY_TOO_COMPLEX"
    assert match is not None
    first = int(match[1])
    assert 1 < first < 500
    assert "data" in (await server.post(NESTED, {"first": first})).json()
    assert await server.codes(NESTED, {"first": first + 1}) == ["QUERY_TOO_COMPLEX"]


async def test_the_error_for_many_lists_suggests_one_page_size(server: Server) -> None:
    many = "{ %s }"
    fields = " ".join(f"a{n}: occupationalProfiles(first: %d) {{ nodes {{ code uuid id }} }}" for n in range(45))
    (error,) = await server.errors(many % (fields % ((500,) * 45)))

    match = re.search(r"With `first: (\d+)` in every list, it would fit\.", error["message"])
    assert match is not None
    fitted = many % (fields % ((int(match[1]),) * 45))
    assert "data" in (await server.post(fitted)).json()


async def test_if_no_page_size_fits_the_error_suggests_fewer_fields(server: Server) -> None:
    searches = " ".join(f'a{n}: search(text: "de{n}") {{ totalCount }}' for n in range(45))
    (error,) = await server.errors(f"{{ {searches} }}")

    assert error["message"].endswith("Use fewer fields, ids or searches, or several operations.")


async def test_a_long_alias_does_not_make_a_long_message(server: Server) -> None:
    (error,) = await server.errors(NESTED.replace("list:", f"{'a' * 1000}:"), {"first": 500})

    assert len(error["message"]) < 250
    assert "it would fit" in error["message"]
