"""The example operations answer on the data that is running, with variables taken from it."""

import json
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from graphql_api.http.graphql.persisted_queries import read_manifest
from graphql_api.http.pages.examples import examples, manifest
from tests.conftest import Server


async def opened(server: Server) -> list[dict[str, Any]]:
    tabs: list[dict[str, Any]] = (await server.client.get("/graphiql/tabs.json")).json()
    return tabs


async def test_every_example_answers_with_data_and_no_error(server: Server) -> None:
    tabs = await opened(server)

    assert [tab["title"] for tab in tabs] == [example.name for example in examples()]
    for tab, example in zip(tabs, examples(), strict=True):
        if "\nsubscription " in tab["query"] or example.needs_vectors:
            continue  # answers when something happens, or with vectors: tests/http/streaming, tests/server/test_text_matches.py
        data = await server.ask(tab["query"], json.loads(tab["variables"]))
        assert None not in data.values()


@pytest.mark.parametrize("example", examples(), ids=lambda example: example.name)
def test_every_example_is_described(example: Any) -> None:
    assert example.about.endswith(".")
    assert example.query.startswith("#")


async def test_no_variable_of_an_example_is_without_a_value(server: Server) -> None:
    for tab, example in zip(await opened(server), examples(), strict=True):
        assert set(example.variables) - {"after"} <= set(json.loads(tab["variables"]))


async def test_with_upstream_down_the_examples_are_there_without_values(server: Server) -> None:
    from graphql_api.sandbox import Fault

    server.faults.add(Fault("**", "status", status=503))

    assert len(await opened(server)) == len(examples())


@pytest.mark.parametrize("form", ["apollo", "map"])
async def test_the_manifest_of_the_examples_is_one_that_the_server_runs(form: str, tmp_path: Path) -> None:
    file = tmp_path / "manifest.json"
    file.write_text(json.dumps(manifest(form)), encoding="utf-8")

    read = read_manifest(file)
    assert read == {sha256(example.query.encode()).hexdigest(): example.query for example in examples()}


def test_the_manifest_names_each_operation_by_the_hash_of_its_text() -> None:
    listed = manifest()

    assert listed["format"] == "apollo-persisted-query-manifest"
    assert [operation["name"] for operation in listed["operations"]] == [example.name for example in examples()]
    for item in listed["operations"]:
        assert item["id"] == sha256(item["body"].encode()).hexdigest()
        assert item["type"] in item["body"]
