"""Operations of the benchmark are valid, return data, and run on its peers with the same schema."""

import re
from pathlib import Path

import orjson
import pytest
from graphql import GraphQLSchema, build_schema, is_object_type, parse, validate

from benchmarks.speed.documents import answer, file_of, lists, paths_of, write
from benchmarks.speed.operations import Operation, big_list, indexed, shared, uuids
from benchmarks.speed.report import SECTIONS, summary
from benchmarks.speed.varied import OPERATIONS, requests
from graphql_api.sandbox import Releases
from graphql_api.sandbox.document_store import ReleaseDocuments
from graphql_api.sandbox.serializers import COMPETENCES, PROFILES
from tests.conftest import Server

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def schema() -> GraphQLSchema:
    return build_schema((ROOT / "schema.graphql").read_text())


@pytest.fixture(scope="module")
def peers() -> GraphQLSchema:
    return build_schema((ROOT / "benchmarks/peers/schema.graphql").read_text())


@pytest.fixture
def release(releases: Releases) -> ReleaseDocuments:
    return releases.current


@pytest.fixture
def files(release: ReleaseDocuments, tmp_path: Path) -> Path:
    """What the upstream of the benchmark sends."""
    write(release, tmp_path, shared(release))
    return tmp_path


def test_every_operation_is_valid(schema: GraphQLSchema, peers: GraphQLSchema, release: ReleaseDocuments) -> None:
    for operation in (*shared(release), big_list(release), *indexed(release)):
        assert validate(schema, parse(operation.document)) == [], operation.name
    for operation in (*shared(release), big_list(release)):
        assert validate(peers, parse(operation.document)) == [], operation.name


@pytest.mark.slow
def test_varied_requests_are_valid_and_differ(
    schema: GraphQLSchema, peers: GraphQLSchema, release: ReleaseDocuments
) -> None:
    for group in requests(release):
        assert len(set(group.bodies)) == len(group.bodies), group.name
        for text in {orjson.loads(body)["query"] for body in group.bodies[:OPERATIONS]}:
            assert validate(schema, parse(text)) == validate(peers, parse(text)) == [], text


@pytest.mark.slow
def test_a_body_is_sent_in_only_one_run_unless_its_group_repeats(release: ReleaseDocuments) -> None:
    for group in requests(release):
        runs = [set(group.of_run(run, 3)) for run in range(3)]
        assert group.repeat == bool(runs[0] & runs[1])


def test_the_peer_schema_is_a_subset_of_the_server_schema(schema: GraphQLSchema, peers: GraphQLSchema) -> None:
    types = [value for name, value in peers.type_map.items() if not name.startswith("__") and is_object_type(value)]
    assert len(types) > 5
    for peer_type in types:
        ours = schema.type_map[peer_type.name].fields
        for name, field in peer_type.fields.items():
            assert str(field.type) == str(ours[name].type), f"{peer_type.name}.{name}"
            assert {key: str(value.type) for key, value in field.args.items()}.items() <= {
                key: str(value.type) for key, value in ours[name].args.items()
            }.items()


async def test_every_benchmark_operation_returns_data(server: Server, release: ReleaseDocuments) -> None:
    for operation in (*shared(release), big_list(release), *indexed(release)):
        for variables in operation.variables[:3]:
            assert _size(await server.ask(operation.document, dict(variables))) > 1, operation.name


def test_variables_differ(release: ReleaseDocuments) -> None:
    def distinct_bodies(operation: Operation) -> int:
        return len(set(operation.bodies))

    assert all(distinct_bodies(operation) == len(operation.bodies) > 1 for operation in shared(release))


async def test_the_benchmark_upstream_has_every_file_that_the_server_requests(
    server: Server, release: ReleaseDocuments, files: Path
) -> None:
    for operation in (*shared(release, varied=3), *indexed(release)):
        await server.post(operation.document, dict(operation.variables[0]))

    paths = server.upstream_paths()
    assert len(paths) > 10
    for path in paths:
        assert (files / file_of(path)).is_file(), path


async def test_the_benchmark_files_equal_the_responses_of_the_sandbox(
    server: Server, release: ReleaseDocuments, files: Path
) -> None:
    things = [f"/releases/{release.number}/{name}/{uuids(release, name)[0]}" for name in (PROFILES, COMPETENCES)]
    pages = set(lists(release)) - {"/releases"}  # where one release stands alone
    for path in (*things, *pages, *paths_of(shared(release, varied=2))):
        assert (files / file_of(path)).read_bytes() == await answer(server.sandbox, path), path


def _size(data: object) -> int:
    """The number of values in a response, without nulls."""
    if isinstance(data, dict):
        return sum(map(_size, data.values()))
    if isinstance(data, list):
        return sum(map(_size, data))
    return data is not None


def test_every_part_of_the_benchmark_has_a_section_in_the_docs() -> None:
    page = (ROOT / "docs/performance.md").read_text(encoding="utf-8")

    for name in ("summary", "machine", *SECTIONS):
        assert re.search(f"<!-- {name}: .*?<!-- end of {name} -->", page, re.DOTALL), name


def test_the_summary_counts_goals_and_lists_missed_ones() -> None:
    ours = {"label": "competent-graphql", "median": 90.0, "requests": 7, "documents": 7}

    assert list(summary({"cold": {"servers": [ours], "ideal": 60.0}})) == [
        "1 of 2 goals are met. Missed:\n",
        "- nested, cold, against the ideal: 1.50; the goal is 1.10 times, at most",
    ]
