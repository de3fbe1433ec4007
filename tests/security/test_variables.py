"""Any variables for the example operations: data, or errors with codes; never a failure of the server."""

import asyncio
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as some

from graphql_api.http.pages.examples import Example, examples
from tests.conftest import CP_7, Server

texts = some.text(max_size=30) | some.sampled_from(
    [
        "OP-112",
        "OP-101",
        "current",
        "3.11",
        "3.10",
        "../x",
        CP_7,
        "U2tpbGw6My4xMTp4",
        "",
        "\x00",
        "NL",
    ]
)
plain = (
    some.none()
    | some.booleans()
    | some.integers(-(2**70), 2**70)
    | some.floats(allow_nan=False, allow_infinity=False)
    | texts
)
anything = some.recursive(
    plain,
    lambda inner: some.lists(inner, max_size=4) | some.dictionaries(some.text(max_size=8), inner, max_size=4),
    max_leaves=10,
)
CODES = {
    "BAD_USER_INPUT",
    "RELEASE_NOT_FOUND",
    "QUERY_TOO_COMPLEX",
    "BAD_REQUEST",
    "UPSTREAM_INVALID_RESPONSE",
}


@pytest.mark.slow
@pytest.mark.parametrize("example", examples(), ids=lambda example: example.name)
async def test_any_variables_give_data_or_errors_with_a_code(server: Server, example: Example) -> None:
    loop = asyncio.get_running_loop()

    @settings(max_examples=12, derandomize=True, database=None, suppress_health_check=list(HealthCheck))
    @given(some.fixed_dictionaries(dict.fromkeys(example.variables, anything)))
    def ask(variables: dict[str, Any]) -> None:
        try:
            response = asyncio.run_coroutine_threadsafe(server.post(example.query, variables), loop).result(30)
        except UnicodeEncodeError:
            return  # half a pair of surrogates: no client can send it as UTF-8
        assert response.status_code in (200, 400)
        answer = response.json()
        assert {error["extensions"]["code"] for error in answer.get("errors", ())} <= CODES
        assert "data" in answer or "errors" in answer

    await asyncio.to_thread(ask)
