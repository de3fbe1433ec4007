"""Operations that graphql-core executes are counted by reason, and logged with the field."""

import logging
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from graphql.execution.values import VariableValues

from graphql_api.execution.compiled import compiler, source
from graphql_api.execution.compiled.execution import Execution
from graphql_api.execution.compiled.fallback import Fallback
from graphql_api.execution.compiled.queries import COMPILED
from graphql_api.execution.compiled.variables import InputVariables
from graphql_api.observability.fetch_context import FetchContext
from graphql_api.sandbox import Releases
from graphql_api.schema import query
from graphql_api.schema.time_slices import RoundRobin
from graphql_api.settings import Settings
from tests.conftest import Server, counted, running


@pytest.fixture
async def server_without_index(releases: Releases, settings: Settings, tmp_path: Path) -> AsyncIterator[Server]:
    """A server without an index, with `@defer`."""
    changed = replace(settings, index="off", incremental="on", federation="on", cache_dir=tmp_path)
    async with running(releases, changed) as started:
        yield started


REASONS = {
    "introspection": ("{ __schema { queryType { name } } }", "__schema"),
    "directive": ("{ releases { ... @defer { number } } }", "defer"),
    "unsupported": ("{ _service { sdl } }", "Query._service"),
    "input": ('{ releases { number } node(id: "x") { id } }', "Query.node"),
    "upstream": ("{ skills { totalCount } }", "Query.skills"),
}


@pytest.mark.parametrize("reason", REASONS)
async def test_a_fallback_is_counted_by_its_reason(
    server_without_index: Server, reason: str, caplog: pytest.LogCaptureFixture
) -> None:
    text, field = REASONS[reason]
    before = counted("competent_fallbacks_total", reason=reason)
    with caplog.at_level(logging.DEBUG, "graphql_api.execution"):
        await server_without_index.post(text, accept="multipart/mixed, application/json")

    assert counted("competent_fallbacks_total", reason=reason) == before + 1
    logged = [record.__dict__["fields"] for record in caplog.records if record.getMessage() == "graphql-core executes"]
    assert logged == [{"reason": reason, "field": field}]
    assert [record for record in caplog.records if record.levelno >= logging.WARNING] == []


async def test_entities_of_a_router_are_compiled(server_without_index: Server) -> None:
    (competence,) = (await server_without_index.ask("{ technicalCompetences(first: 1) { nodes { id code } } }"))[
        "technicalCompetences"
    ]["nodes"]
    text = """query ($some: [_Any!]!) {
      _entities(representations: $some) { __typename ... on TechnicalCompetence { code } ... on Release { number } } }"""
    representations = [
        {"__typename": "TechnicalCompetence", "id": competence["id"]},
        {"__typename": "Release", "number": "3.11"},
    ]
    before = COMPILED.count

    assert (await server_without_index.ask(text, {"some": representations}))["_entities"] == [
        {"__typename": "TechnicalCompetence", "code": competence["code"]},
        {"__typename": "Release", "number": "3.11"},
    ]
    assert COMPILED.count == before + 1


async def test_a_query_with_too_many_fields_is_not_compiled(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compiler, "MAX_FIELDS", 3)
    before = counted("competent_fallbacks_total", reason="fields"), COMPILED.count
    await server.ask("{ releases { number id } }")
    await server.ask("{ releases { number id isCurrent } }")

    assert (counted("competent_fallbacks_total", reason="fields"), COMPILED.count) == (before[0] + 1, before[1] + 1)


@pytest.mark.parametrize("error", [SyntaxError, RecursionError, MemoryError])
async def test_a_query_that_python_cannot_compile_falls_back(
    server: Server, monkeypatch: pytest.MonkeyPatch, error: type[Exception]
) -> None:
    def fails(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(source, "compile", fails, raising=False)
    before = counted("competent_fallbacks_total", reason="size")

    assert (await server.ask("{ release { number } }"))["release"]["number"]
    assert counted("competent_fallbacks_total", reason="size") == before + 1


async def test_an_internal_error_is_logged_with_its_generated_line(
    server: Server, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*_: object) -> None:
        raise LookupError("broken")

    monkeypatch.setattr(query, "node_of", broken)
    id = (await server.ask("{ release { id } }"))["release"]["id"]
    await server.post("query ($id: ID!) { node(id: $id) { id } }", {"id": id})

    (error,) = [record for record in caplog.records if record.getMessage() == "a compiled query failed"]
    assert error.levelname == "ERROR"
    assert error.__dict__["fields"] == {"field": "Query.node"}
    assert "resolve(c" in caplog.text
    assert counted("competent_fallbacks_total", reason="error") >= 1


def execution(build: Any) -> Execution:
    context: Any = SimpleNamespace(loaders=None, languages=(), scheduler=RoundRobin(), fetch_context=FetchContext())
    return Execution(build, context, InputVariables({}, VariableValues({}, {})), is_long=False)


def test_null_in_a_non_null_field_falls_back_to_graphql_core() -> None:
    failed = execution(lambda it: it.null("A.b"))
    failed.begin()

    assert isinstance(failed.failure, Fallback)
    assert (failed.failure.reason, failed.failure.field) == ("null", "A.b")


async def test_a_pending_value_is_not_null() -> None:
    async def later() -> str:
        return "there"

    loads = [later()]

    def build(it: Execution) -> None:
        def value() -> object:
            result = it._pending.results.get("key") or it._pending.start("key", loads.pop())
            it._is_incomplete = result != "there"
            return result if result == "there" else it.null("A.b")

        it.root((("a", value),))

    waiting = execution(build)
    waiting.begin()
    assert waiting.waits
    await waiting.finish()

    assert waiting.failure is None
    assert waiting.data == {"a": "there"}


async def test_an_execution_that_never_completes_ends() -> None:
    async def later() -> None:
        pass

    def build(it: Execution) -> None:
        it._pending.start(object(), later())
        it._is_incomplete = True

    endless = execution(build)
    endless.begin()
    await endless.finish()

    assert isinstance(endless.failure, Fallback)
    assert endless.failure.reason == "passes"
