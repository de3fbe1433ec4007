"""Whether servers give the same answers: measured beside each other are only those that do."""

import time
from collections.abc import Mapping, Sequence
from typing import Any

import orjson

from benchmarks.speed.client import Client
from benchmarks.speed.operations import Operation
from graphql_api.competent.values import LANGUAGES


class Unequal(Exception):
    """Two servers answer the same operation in different ways."""


def answers(url: str, operation: Operation) -> list[Any]:
    """The data for each set of variables; Unequal where there are errors, or no data."""
    with Client(url) as client:
        return [_data(client, operation, body) for body in operation.bodies]


def compare(first: tuple[str, Sequence[Any]], other: tuple[str, Sequence[Any]], operation: Operation) -> None:
    """Raises Unequal at the first set of variables that two servers answer differently."""
    for variables, one, another in zip(operation.variables, first[1], other[1], strict=True):
        if _plain(one) != _plain(another):
            shown = "\n".join(
                f"{name}: {orjson.dumps(data).decode()[:1500]}" for name, data in ((first[0], one), (other[0], another))
            )
            raise Unequal(f"{operation.name} with {dict(variables)} is answered differently:\n{shown}")


def _plain(data: Any) -> Any:
    """The same with null for a text that is there in no language: Tailcall cannot say it so, and its clients see as much."""
    if isinstance(data, list):
        return [_plain(each) for each in data]
    if not isinstance(data, dict):
        return data
    without = data.keys() <= {*LANGUAGES} and not any(data.values())
    return None if without else {name: _plain(each) for name, each in data.items()}


def _data(client: Client, operation: Operation, body: bytes) -> Mapping[str, Any]:
    while b"NOT_INDEXED_YET" in (told := client.ask(body)):
        time.sleep(1)
    answer = orjson.loads(told)
    data: Mapping[str, Any] | None = answer.get("data")
    if answer.get("errors") or not data or None in data.values():
        raise Unequal(f"{operation.name} gives {told[:1500]!r}")
    return data
