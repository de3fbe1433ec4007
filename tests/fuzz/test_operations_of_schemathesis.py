"""Operations that schemathesis makes up from the schema, sent to a real server for about a minute: each is answered, each error has a code."""

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, settings

from tests.conftest import clean

pytestmark = pytest.mark.fuzz

SCHEMA = schemathesis.graphql.from_path(Path(__file__).parents[2] / "schema.graphql")
EXAMPLES_PER_OPERATION = 60
"""Operations for each field of the query."""


@pytest.fixture(scope="module")
def server() -> Iterator[httpx.Client]:
    """A server over the bundled data, in a process of its own."""
    process = subprocess.Popen(
        [sys.executable, "-m", "graphql_api", "serve", "--port", "0"],
        env=clean(),
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert process.stdout is not None
    lines = [process.stdout.readline() for _ in range(3)]
    match = re.search(r"http://[^/ ]+", lines[0])
    assert match
    with httpx.Client(base_url=match[0], transport=httpx.HTTPTransport(retries=8), timeout=30) as client:
        yield client
    process.terminate()
    process.communicate()


@SCHEMA.parametrize()
@settings(
    max_examples=EXAMPLES_PER_OPERATION,
    deadline=None,
    derandomize=True,
    suppress_health_check=[*HealthCheck],
)
def test_any_operation_gets_a_response_and_every_error_has_a_code(
    case: schemathesis.Case, server: httpx.Client
) -> None:
    response = server.post("/graphql", json={"query": case.body})

    assert response.status_code == 200, (case.body, response.text)
    for error in response.json().get("errors", ()):
        assert error["extensions"]["code"] != "INTERNAL_SERVER_ERROR", (case.body, error)
