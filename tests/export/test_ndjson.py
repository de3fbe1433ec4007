"""NDJSON: one line per concept, embedded concepts first; serving the export gives the same release."""

import json
from typing import Any
from unittest.mock import Mock

import pytest

from graphql_api.competent.declarations import CONCEPT_TYPES, OCCUPATIONAL_PROFILE, concept_type
from graphql_api.errors import NotIndexedYet, ServerBusy
from graphql_api.export import FORMATS, ReleaseFacts, export
from graphql_api.export.ndjson import release_line
from graphql_api.http.pages.examples import examples
from graphql_api.index.concepts import count
from graphql_api.index.documents import CHUNK
from graphql_api.index.tables import parts
from tests.conftest import Server
from tests.execution.compiled.argument_values import SampleValues
from tests.execution.compiled.operations import numbered
from tests.execution.compiled.scenarios import SHAPES
from tests.execution.compiled.two_servers import ClientRequest
from tests.export.conftest import NDJSON, exported, index_of

pytestmark = pytest.mark.slow


async def lines_of(server: Server, release: str = "3.11") -> list[dict[str, Any]]:
    return [json.loads(line) for line in (await exported(server, release)).splitlines()]


async def test_the_first_line_is_the_release(original: Server) -> None:
    first, *_ = await lines_of(original)

    release = (await original.ask("{ release { number publishedOn source } }"))["release"]
    assert first == {
        "type": "Release",
        "number": release["number"],
        "publicationDate": release["publishedOn"],
        "source": release["source"],
    }


def test_the_first_line_has_the_terms_of_vdab_only_for_its_own_data() -> None:
    vdab = json.loads(release_line(ReleaseFacts("3.27", None, None, "https://example.org/licence", "VDAB")))
    other = json.loads(release_line(ReleaseFacts("3.27", source="sandbox")))

    assert (vdab["license"], vdab["attribution"]) == ("https://example.org/licence", "VDAB")
    assert other == {"type": "Release", "number": "3.27", "publicationDate": None, "source": "sandbox"}


async def test_every_concept_of_the_index_has_a_line(original: Server) -> None:
    _, *lines = await lines_of(original)
    index = await index_of(original, "3.11")

    assert len({(line["type"], line["id"]) for line in lines}) == len(lines)
    for type in CONCEPT_TYPES:
        total = await index.query(count, type)
        assert sum(line["type"] == type.name for line in lines) == total > 0


async def test_types_have_the_same_order_in_every_process(original: Server) -> None:
    lines = await lines_of(original)

    assert list(dict.fromkeys(line["type"] for line in lines)) == [
        "Release",
        "Skill",
        "Knowledge",
        "BehaviouralIndicator",
        "SoftSkill",
        "DigitalSkill",
        "TechnicalCompetence",
        "CompetenceSet",
        "OccupationalProfile",
    ]


async def test_embedded_concepts_have_an_earlier_line(original: Server) -> None:
    above = set[tuple[str, str]]()
    for line in (await lines_of(original))[1:]:
        type = concept_type(line["type"])
        for field in type.fields:
            if (declared := parts(type).get(field.name)) and (value := line.get(field.hal_keys[0])):
                embedded = {(declared.type_name, part["id"]) for part in ([value] if declared.single else value)}
                assert embedded <= above
        above.add((line["type"], line["id"]))


async def test_lines_have_the_keys_of_the_competent_api(original: Server) -> None:
    profile = next(line for line in await lines_of(original) if line["type"] == OCCUPATIONAL_PROFILE.name)
    keys = {field.hal_keys[0] for field in OCCUPATIONAL_PROFILE.fields}

    assert profile.keys() == keys | {"id", "type"}
    assert "specificCompetences" in profile
    assert profile["codes"][0].keys() == {"type", "value"}


async def comparable(server: Server, query: str, variables: Any, headers: dict[str, str] | None = None) -> Any:
    """A response without what differs by request: the id and the progress of an index."""
    response = (await server.post(query, variables, **(headers or {}))).json()
    errors = [
        (error["message"], error.get("path"), error["extensions"]["code"]) for error in response.get("errors", ())
    ]
    return response.get("data"), sorted(errors, key=str)


async def test_example_operations_have_equal_responses_over_an_export(original: Server, reimported: Server) -> None:
    groups = (await original.client.get("/graphiql/examples.json")).json()["groups"]
    listed = [example for group in groups for example in group["examples"]]

    assert len(listed) == len(examples()) > 15
    for example in listed:
        if "\nsubscription " not in example["query"]:
            data, errors = await comparable(original, example["query"], variables := json.loads(example["variables"]))
            assert data
            assert {code for *_, code in errors} <= {"NOT_AVAILABLE"}  # of fields that need vectors
            assert await comparable(reimported, example["query"], variables) == (data, errors), example["name"]


class SampleSource:
    """A server with the interface that `SampleValues` needs."""

    def __init__(self, server: Server) -> None:
        self._server = server

    async def ask(self, request: ClientRequest) -> Any:
        return Mock(body=(await self._server.post(request.query)).content)


@pytest.mark.parametrize("numbers", [range(60), pytest.param(range(60, 1060), marks=pytest.mark.slow)])
async def test_generated_operations_have_equal_responses_over_an_export(
    numbers: range, original: Server, reimported: Server
) -> None:
    samples = await SampleValues.of(SampleSource(original))  # type: ignore[arg-type]
    for release in ("3.9", "3.10", "3.11"):
        await index_of(original, release)
        await index_of(reimported, release)
    with_data = 0
    for number in numbers:
        request = numbered(SHAPES, samples, number)
        headers = {name.replace("-", "_"): value for name, value in request.headers.items()}
        data, errors = await comparable(original, request.query, request.variables, headers)
        assert await comparable(reimported, request.query, request.variables, headers) == (data, errors), request.query
        with_data += data is not None

    assert with_data > 0.5 * len(numbers)


async def test_a_reexported_export_is_the_same_file(original: Server, reimported: Server) -> None:
    assert await exported(reimported, "3.11") == await exported(original, "3.11")


async def test_an_export_reads_one_batch_at_a_time(original: Server) -> None:
    index = await index_of(original, "3.11")
    steps = list[tuple[int, int]]()
    pieces = [
        piece
        async for piece in export(
            index, ReleaseFacts("3.11"), NDJSON, progress=lambda *progress: steps.append(progress)
        )
    ]

    assert max(piece.count(b"\n") for piece in pieces) == CHUNK
    assert [done for done, _ in steps] == list(range(1, len(pieces) + 1))
    assert {total for _, total in steps} == {len(pieces)}


async def test_a_full_queue_of_the_index_delays_an_export(original: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    index = await index_of(original, "3.11")
    query, calls = index.query, 0

    async def busy(*args: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls % 3:
            raise ServerBusy("busy", retry_after=1e-9)
        return await query(*args)

    complete = await exported(original, "3.11")
    monkeypatch.setattr(index, "query", busy)
    assert await exported(original, "3.11") == complete


@pytest.mark.parametrize("format", FORMATS, ids=lambda format: format.name)
async def test_an_incomplete_release_is_not_exported(format: Any, original: Server) -> None:
    index = await index_of(original, "3.11")
    index.missing = 3
    with pytest.raises(NotIndexedYet, match=r"Documents of release 3\.11 are still missing \(3\)"):
        await anext(export(index, ReleaseFacts("3.11"), format))
