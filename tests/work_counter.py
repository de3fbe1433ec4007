"""Counts the work of an operation in units of its cost: values, ids read, SQLite steps and word comparisons."""

import sqlite3
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from graphql_api.index import vocabulary
from graphql_api.index.lookup_cache import LookupCache
from graphql_api.index.scoring import TextScores
from graphql_api.schema.types.global_id import NodeId
from tests.conftest import Server

STEPS, WORDS = 200, 50
"""SQLite steps and word comparisons per unit, as in `graphql_api/schema/types/resolver_cost.py`."""
STEPS_PER_CALL = 100
"""SQLite steps between two calls of the progress handler."""


@dataclass
class Work:
    """The work counted since `clear`."""

    values: int = 0
    ids: int = 0
    steps: int = 0
    words: int = 0
    index_queries: int = field(default=0, compare=False)

    @property
    def units(self) -> float:
        """The work in units of cost."""
        return self.values + self.ids + self.steps / STEPS + self.words / WORDS

    def clear(self) -> None:
        self.values = self.ids = self.steps = self.words = self.index_queries = 0


class _Counting(sqlite3.Connection):
    """A connection that counts steps in addition to any other progress handler."""

    work: Work

    def watch(self, work: Work) -> None:
        self.work = work
        self.set_progress_handler(None, 0)

    def set_progress_handler(self, handler: Callable[[], Any] | None, n: int) -> None:  # type: ignore[override]
        self.work.index_queries += handler is not None

        def counted() -> bool:
            self.work.steps += STEPS_PER_CALL
            return handler is not None and bool(handler())

        super().set_progress_handler(counted, STEPS_PER_CALL)


def count_work(monkeypatch: pytest.MonkeyPatch) -> Work:
    """Count the work from now on, in indexes that are opened afterwards."""
    work = Work()

    def read_only(file: Path) -> sqlite3.Connection:
        uri = f"{file.absolute().as_uri()}?mode=ro&immutable=1"
        connection = sqlite3.connect(uri, uri=True, check_same_thread=False, factory=_Counting)
        connection.watch(work)
        return connection

    parse, extract, score = NodeId.parse, vocabulary.process.extract, TextScores.scores

    def parsed(text: str) -> NodeId:
        work.ids += 1
        return parse(text)

    def extracted(word: str, words: Any, **more: Any) -> Any:
        work.words += len(words)
        return extract(word, words, **more)

    def scored(self: TextScores, *of_texts: Any) -> dict[int, float]:
        scores = score(self, *of_texts)
        work.words += len(scores)
        return scores

    monkeypatch.setattr("graphql_api.index.index.read_only", read_only)
    monkeypatch.setattr(NodeId, "parse", parsed)
    monkeypatch.setattr(vocabulary.process, "extract", extracted)
    monkeypatch.setattr(TextScores, "scores", scored)
    return work


def values_in(data: Any) -> int:
    """The number of values in a response: fields of objects and items of lists of scalars."""
    if isinstance(data, dict):
        return sum(1 + values_in(value) for value in data.values())
    if isinstance(data, list):
        return sum(values_in(item) if isinstance(item, dict | list) else 1 for item in data)
    return 0


async def measure_work(server: Server, work: Work, query: str, variables: Any = None, name: str | None = None) -> Any:
    """The estimated cost and the errors of an operation; `work` has what it did, with empty lookup caches."""
    for index in server.app.state.services.indexes._open.values():
        index._lookups = LookupCache()
    work.clear()
    body = {"query": query, "variables": variables, "operationName": name}
    answer = (await server.client.post("/graphql", json=body, headers={"x-competent-explain": "1"})).json()
    work.values = values_in(answer.get("data"))
    return answer.get("extensions", {}).get("cost", {}).get("requested"), answer.get("errors", [])
