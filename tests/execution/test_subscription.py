"""Subscriptions run by the schema itself, without a transport."""

import logging
from collections.abc import AsyncGenerator
from typing import Any

import pytest

from graphql_api.asyncio_tools import Broadcast
from graphql_api.execution.context import Context
from graphql_api.execution.engine import Answer, build_schema


class Failing(Broadcast):
    """Ends with an error that is not for clients."""

    async def subscribe(self) -> AsyncGenerator[str]:
        raise RuntimeError("the key is SECRET")
        yield ""


async def responses_to(query: str, variables: dict[str, Any] | None = None) -> list[Answer]:
    loaders: Any = None  # nothing is loaded
    context = Context(loaders, (), published=Failing())
    return [response async for response in build_schema().events(query, variables, None, context)]


async def test_an_event_source_that_fails_ends_the_subscription_with_an_error(caplog: pytest.LogCaptureFixture) -> None:
    (response,) = await responses_to("subscription { releasePublished { number } }")

    assert response.executed
    assert [error["extensions"]["code"] for error in response.errors] == ["INTERNAL_SERVER_ERROR"]
    assert "SECRET" not in str(response.errors)
    (record,) = (record for record in caplog.records if record.levelno == logging.ERROR)
    assert record.exc_info is not None


@pytest.mark.parametrize(
    ("query", "variables", "code"),
    [
        ("subscription { nothing }", None, "GRAPHQL_VALIDATION_FAILED"),
        ("subscription {", None, "GRAPHQL_PARSE_FAILED"),
        (
            "subscription ($a: Boolean!) { releasePublished { number @skip(if: $a) id } }",
            {"a": "yes"},
            "BAD_USER_INPUT",
        ),
    ],
)
async def test_a_subscription_that_cannot_run_has_one_response(
    query: str, variables: dict[str, Any] | None, code: str
) -> None:
    (response,) = await responses_to(query, variables)

    assert not response.executed
    assert [error["extensions"]["code"] for error in response.errors] == [code]
