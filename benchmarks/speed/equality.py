"""Checks that servers give the same responses, as only then they are compared."""

import time
from collections.abc import Mapping, Sequence
from typing import Any

import orjson

from benchmarks.speed.client import Client
from benchmarks.speed.operations import Operation
from graphql_api.competent.values import LANGUAGES


class Unequal(Exception):
    """Two servers give different responses to an operation."""


def answers(url: str, operation: Operation) -> list[Any]:
    """The data for each set of variables. Raises Unequal if there are errors or no data."""
    with Client(url) as client:
        return [_data(client, operation, body) for body in operation.bodies]


def compare(first: tuple[str, Sequence[Any]], other: tuple[str, Sequence[Any]], operation: Operation) -> None:
    """Raise Unequal if two servers give different responses for a set of variables."""
    for variables, one, another in zip(operation.variables, first[1], other[1], strict=True):
        if _plain(one) != _plain(another):
            shown = "\n".join(
                f"{name}: {orjson.dumps(data).decode()[:1500]}" for name, data in ((first[0], one), (other[0], another))
            )
            raise Unequal(f"{operation.name} with {dict(variables)} is answered differently:\n{shown}")


def _plain(data: Any) -> Any:
    """The data with null for texts that are null in all languages, as Tailcall cannot return null for them."""
    if isinstance(data, list):
        return [_plain(item) for item in data]
    if not isinstance(data, dict):
        return data
    without = data.keys() <= {*LANGUAGES} and not any(data.values())
    return None if without else {name: _plain(value) for name, value in data.items()}


def _data(client: Client, operation: Operation, body: bytes) -> Mapping[str, Any]:
    while b"NOT_INDEXED_YET" in (body_text := client.ask(body)):
        time.sleep(1)
    answer = orjson.loads(body_text)
    data: Mapping[str, Any] | None = answer.get("data")
    if answer.get("errors") or not data or None in data.values():
        raise Unequal(f"{operation.name} gives {body_text[:1500]!r}")
    return data
