"""Normalising any document within the size limit succeeds, in work proportional to its size."""

import sys
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import orjson
import pytest

from graphql_api.competent import declarations
from graphql_api.competent.concept_reader import MAX_DEPTH, reader
from graphql_api.competent.declarations import OCCUPATIONAL_PROFILE, Concepts, Field
from graphql_api.competent.normalise import normalise, renormalise
from graphql_api.upstream.body import BYTES_PER_VALUE

A = "00000000-0000-4000-8000-00000000000a"
PROFILE = f"/releases/3.11/occupationalprofiles/{A}"
LIST = "/releases/3.11/occupationalprofiles?page=0&size=500"
BYTES = 2_000_000
VALUES = BYTES // BYTES_PER_VALUE
FIELDS = {key for field in OCCUPATIONAL_PROFILE.fields for key in field.hal_keys}


def ids(count: int) -> list[str]:
    return [f"{n:08x}{A[8:]}" for n in range(count)]


def nested_lists(levels: int, key: str) -> Any:
    text = f'{{"id":"{A}","{key}":'.encode() * levels + b"1" + b"}" * levels
    return orjson.loads(text)


LINK = "http://h" + "/releases/a" * 88
DOCUMENTS: dict[str, tuple[str, int, Callable[[int], Any]]] = {
    "ids": (PROFILE, 50_000, lambda n: {"softSkills": ids(n)}),
    "objects": (PROFILE, 40_000, lambda n: {"softSkills": [{"id": item} for item in ids(n)]}),
    "the same id": (PROFILE, 50_000, lambda n: {"softSkills": [A] * n}),
    "codes": (PROFILE, 120_000, lambda n: {"codes": list(range(n))}),
    "names": (PROFILE, 24_000, lambda n: {"alternativeNames": [{"name": "x", "language": [[]]}] * n}),
    "terms": (PROFILE, 60_000, lambda n: {"economicSectors": [{}] * n}),
    "unknown keys": (PROFILE, 100_000, lambda n: {f"k{number}": number for number in range(n)}),
    "items": (LIST, 60_000, lambda n: {"_embedded": {"x": [{}] * n}}),
    "lists": (LIST, 60_000, lambda n: {"_embedded": {f"l{number}": [] for number in range(n)}}),
    "links": (LIST, 1_800, lambda n: {"_embedded": {"x": [{"_links": {"self": {"href": LINK}}}] * n}}),
}
"""Path, the number of parts that a document may just have, and the document of that many."""


@pytest.mark.slow
@pytest.mark.parametrize("name", DOCUMENTS)
def test_documents_of_maximum_size_and_any_shape_are_normalised(name: str) -> None:
    path, most, make = DOCUMENTS[name]
    text = orjson.dumps({"id": A, **make(most)})
    assert len(text) <= BYTES
    assert sum(map(text.count, (b",", b"[", b"{"))) <= VALUES

    normalised = normalise(path, orjson.loads(text))

    assert renormalise(path, normalised) == normalised


@pytest.mark.parametrize("name", DOCUMENTS)
def test_twice_as_many_values_take_twice_as_many_calls(name: str) -> None:
    path, _, make = DOCUMENTS[name]

    once, twice = (count_calls(normalise, path, {"id": A, **make(n)}) for n in (200, 400))

    assert twice < 2.1 * once + 10


def count_calls(function: Callable[..., object], *arguments: object) -> int:
    """How many functions, of Python or of C, are called."""
    calls = 0

    def profile(frame: object, event: str, argument: object) -> None:
        nonlocal calls
        calls += event in ("call", "c_call")

    sys.setprofile(profile)
    try:
        function(*arguments)
    finally:
        sys.setprofile(None)
    return calls


@pytest.mark.parametrize(
    "raw",
    [
        {"code": 2**64 - 1, "lastModified": 2**64 - 1, "codes": [1e308, -(2**63)]},
        {"title": " " * 1_900_000, "code": "x" * 90_000},
        {"_embedded": {"_embedded": {"softSkills": [A]}, "softSkills": 3}},
    ],
    ids=["huge numbers", "long texts", "embedded in embedded"],
)
def test_unusual_values_are_normalised(raw: dict[str, Any]) -> None:
    normalised = normalise(PROFILE, raw)
    assert renormalise(PROFILE, normalised) == normalised


@pytest.mark.parametrize("value", [None, True, 0, -1.5, "", " ", "x", [], {}, [None, [], {}, 3, "x", True], {"nl": {}}])
def test_a_value_of_any_type_under_any_key_is_normalised(value: Any) -> None:
    keys = {*FIELDS, "_links", "_embedded", "page", "number", "document", "publicationDate", "current", "wages"}
    raw = {"id": A, **dict.fromkeys(keys, value)}

    for path in (PROFILE, LIST, "/releases", "/releases/current", "/search?searchValue=x"):
        embedded = {"_embedded": {"list": [raw, {"document": [raw, value]}]}, "page": raw, "_links": {"self": raw}}
        for document in (raw, raw | embedded):
            normalised = normalise(path, document)
            assert renormalise(path, normalised) == normalised


@pytest.mark.parametrize("key", sorted({*FIELDS, "_embedded", "_links", "wages"}))
def test_a_document_can_be_nested_as_deep_as_the_json_parser_allows(key: str) -> None:
    normalised = normalise(PROFILE, nested_lists(1000, key))

    orjson.dumps(normalised)  # which refuses more than 254 levels
    assert normalised["id"] == A


def test_the_last_of_repeated_keys_is_used() -> None:
    assert normalise(PROFILE, orjson.loads(b'{"code":"OP-1","code":"OP-2"}'))["code"] == "OP-2"


def test_mutually_embedding_types_are_read_to_a_maximum_depth(monkeypatch: pytest.MonkeyPatch) -> None:
    made_up = Field("parts", Concepts(OCCUPATIONAL_PROFILE.name, role=99), "")
    profile = replace(OCCUPATIONAL_PROFILE, fields=(*OCCUPATIONAL_PROFILE.fields, made_up))
    monkeypatch.setattr(declarations, "CONCEPT_TYPES", [profile])
    reader.cache_clear()
    try:
        normalised = normalise(PROFILE, nested_lists(1000, "parts"))
    finally:
        reader.cache_clear()

    depth = 0
    while normalised.get("parts"):
        (normalised,) = normalised["parts"]
        depth += 1
    assert depth == MAX_DEPTH
