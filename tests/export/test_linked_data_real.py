"""Linked data of a release of real size: every triple is expected, and nothing violates SKOS."""

import json

import orjson
import pytest

from graphql_api.competent.declarations import CONCEPT_TYPES
from graphql_api.export import ReleaseFacts, ndjson, turtle
from graphql_api.export.contents import Contents, Options, batches_in
from graphql_api.sandbox.excel import read_workbook
from graphql_api.sandbox.serializers import Bodies
from tests.export.graphs import BASE, expected_triples, triples_by_type, turtle_graph, violations
from tests.index.small_indexes import normalised, written_index
from tests.index.test_search_real import WORKBOOKS, needs_data

pytestmark = [pytest.mark.real, needs_data]


def test_a_release_of_real_size_has_the_expected_triples_and_is_valid_skos() -> None:
    bodies = Bodies(read_workbook(WORKBOOKS["3.27"]))
    profiles = [
        (type, normalised(type, id, **orjson.loads(body)))
        for type in reversed(CONCEPT_TYPES)
        if type.route is not None
        for id, body, _ in bodies.collection(type.name)
    ]
    with written_index(*profiles) as connection:
        contents = Contents(ReleaseFacts("3.27"), batches_in(connection), Options(base=BASE))
        graph = turtle_graph(b"".join(step(connection) for step in turtle.steps(contents)))
        lines = b"".join(step(connection) for step in ndjson.steps(contents)).splitlines()[1:]
    counts = triples_by_type(graph)

    assert counts == expected_triples(map(json.loads, lines))
    assert len(graph) == sum(counts.values()) + 652  # of the scheme: its type, its label, and 650 top concepts
    assert violations(graph) == []
