"""Private parts of libraries that this server uses exist, and the versions of these libraries are pinned to a minor one."""

import asyncio
import re
import tomllib
from pathlib import Path

import pytest
import strawberry
import uvicorn._types
from graphql.execution.executor import CollectedErrors
from strawberry.types import ExecutionContext as StrawberryContext
from strawberry.types.graphql import OperationType
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from graphql_api.execution.engine import build_schema

ROOT = Path(__file__).parents[1]


@pytest.mark.parametrize(
    ("owner", "name"),
    [
        (strawberry.Schema, "_get_execute_function"),
        (HttpToolsProtocol, "_should_upgrade"),
        (HttpToolsProtocol, "_should_upgrade_to_ws"),
        (HttpToolsProtocol, "_start_asgi_task"),
        (uvicorn._types, "ASGIReceiveEvent"),
        (uvicorn._types, "ASGISendEvent"),
        (uvicorn._types, "HTTPResponseStartEvent"),
        (asyncio.Future, "_asyncio_future_blocking"),
    ],
)
def test_a_private_part_exists(owner: object, name: str) -> None:
    assert hasattr(owner, name) or name in getattr(owner, "__dataclass_fields__", {})


def test_an_execution_context_has_the_name_of_the_operation() -> None:
    context = StrawberryContext("{ a }", build_schema(), tuple(OperationType), provided_operation_name="A")
    assert context._provided_operation_name == "A"


def test_collected_errors_have_their_lists() -> None:
    collected = CollectedErrors()
    assert collected._errors == []
    assert len(collected._error_positions) == 0


def test_the_schema_of_strawberry_has_the_schema_of_graphql_core() -> None:
    assert build_schema()._schema.query_type is not None


@pytest.mark.parametrize("name", ["graphql-core", "strawberry-graphql", r"uvicorn\[standard\]"])
def test_a_library_whose_private_parts_are_used_is_pinned(name: str) -> None:
    dependencies = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dependencies"]
    found = [re.fullmatch(rf"{name}>=[\d.]+,<(\d+)\.(\d+)", each) for each in dependencies]
    assert len([each for each in found if each]) == 1
