"""The example operations run on the served data, with variables taken from it."""

import json
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from graphql_api.http.auth.keys import Keys
from graphql_api.http.graphql.persisted_queries import read_manifest
from graphql_api.http.pages.examples import TASKS, examples, manifest
from graphql_api.sandbox import Releases
from graphql_api.settings import Settings
from tests.conftest import Server, running

ROOT = Path(__file__).parents[3]


async def listed_examples(server: Server, **headers: str) -> list[dict[str, Any]]:
    groups = (await server.client.get("/graphiql/examples.json", headers=headers)).json()["groups"]
    return [example for group in groups for example in group["examples"]]


async def test_every_example_returns_data_without_errors(server: Server) -> None:
    items = await listed_examples(server)

    assert [item["name"] for item in items] == [example.name for example in examples()]
    for item, example in zip(items, examples(), strict=True):
        if "\nsubscription " in item["query"] or example.needs_vectors:
            continue  # answers when something happens, or with vectors: tests/http/streaming, tests/server/test_text_matches.py
        data = await server.ask(item["query"], json.loads(item["variables"]))
        assert None not in data.values()


def test_every_file_is_an_example_of_a_task() -> None:
    folder = ROOT / "operations"

    assert {file.name for file in folder.iterdir()} == set(TASKS)
    assert sum(len(list((folder / name).iterdir())) for name in TASKS) == len(examples())


async def test_the_first_response_is_in_the_language_of_the_reader(server: Server) -> None:
    for header, language, title in (
        ("nl-BE", "NL", "Verpleegkundige"),
        ("fr", "FR", "Infirmier / Infirmière"),
        ("pt", "EN", "Nurse"),
    ):
        response = await server.client.get("/graphiql/examples.json", headers={"Accept-Language": header})
        body = response.json()
        first = body["groups"][0]["examples"][0]
        variables = json.loads(first["variables"])

        assert response.headers["vary"].split(", ")[0] == "Accept-Language"
        assert variables["languages"] == [language]
        assert body["response"] == {"data": await server.ask(first["query"], variables)}
        assert body["response"]["data"]["occupationalProfile"]["title"]["text"] == title


@pytest.mark.parametrize(("pages", "is_shown"), [("on", False), ("public", True)])
async def test_the_first_response_is_public_only_if_pages_are(
    releases: Releases, settings: Settings, tmp_path: Path, pages: str, is_shown: bool
) -> None:
    keys = Keys(tmp_path / "keys.json")
    keys.new("client")
    async with running(releases, replace(settings, access="keys", keys_file=keys.file, pages=pages)) as server:
        body = (await server.client.get("/graphiql/examples.json")).json()

    assert (body["response"] is not None) == is_shown
    assert len(body["groups"]) == len(TASKS)


@pytest.mark.parametrize("example", examples(), ids=lambda example: example.name)
def test_every_example_is_described(example: Any) -> None:
    assert example.about.endswith(".")
    assert example.query.startswith("#")


async def test_no_variable_of_an_example_is_without_a_value(server: Server) -> None:
    for tab, example in zip(await listed_examples(server), examples(), strict=True):
        assert set(example.variables) - {"after"} <= set(json.loads(tab["variables"]))


async def test_with_upstream_down_examples_have_no_values(server: Server) -> None:
    from graphql_api.sandbox import Fault

    server.faults.add(Fault("**", "status", status=503))

    body = (await server.client.get("/graphiql/examples.json")).json()

    assert body["response"] is None
    assert sum(len(group["examples"]) for group in body["groups"]) == len(examples())


@pytest.mark.parametrize("form", ["apollo", "map"])
async def test_the_manifest_of_the_examples_is_a_valid_manifest(form: str, tmp_path: Path) -> None:
    file = tmp_path / "manifest.json"
    file.write_text(json.dumps(manifest(form)), encoding="utf-8")

    read = read_manifest(file)
    assert read == {sha256(example.query.encode()).hexdigest(): example.query for example in examples()}


def test_the_manifest_names_each_operation_by_the_hash_of_its_text() -> None:
    documents = manifest()

    assert documents["format"] == "apollo-persisted-query-manifest"
    assert [operation["name"] for operation in documents["operations"]] == [example.name for example in examples()]
    for item in documents["operations"]:
        assert item["id"] == sha256(item["body"].encode()).hexdigest()
        assert item["type"] in item["body"]
