"""Subscriptions run by the engine itself, without a transport."""

import logging
from collections.abc import AsyncGenerator
from types import SimpleNamespace
from typing import Any

import pytest

from graphql_api.asyncio_tools import Broadcast
from graphql_api.execution.engine import Engine
from graphql_api.execution.operations import EventStream, Executed, Refused, Request
from graphql_api.execution.schema import build_schema
from graphql_api.observability.fetch_context import FetchContext


class Failing(Broadcast):
    """Ends with an error that is not for clients."""

    async def subscribe(self) -> AsyncGenerator[str]:
        raise RuntimeError("the key is SECRET")
        yield ""


async def responses_to(query: str, variables: dict[str, Any] | None = None) -> list[Refused | Executed]:
    def loaders(fetch_context: FetchContext) -> Any:  # nothing is loaded
        return SimpleNamespace(fetch_context=fetch_context, close=lambda: None)

    sources: Any = SimpleNamespace(loaders=loaders, published=Failing())
    response = await Engine(build_schema(), sources, compiled=False).execute(Request(query, variables))
    match response:
        case EventStream(events=events):
            return [event async for event in events]
        case Refused():
            return [response]
    raise AssertionError(response)


async def test_an_event_source_that_fails_ends_the_subscription_with_an_error(caplog: pytest.LogCaptureFixture) -> None:
    (response,) = await responses_to("subscription { releasePublished { number } }")

    assert isinstance(response, Executed)
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

    assert isinstance(response, Refused)
    assert [error["extensions"]["code"] for error in response.errors] == [code]
