"""Prepared documents: refused before validation if too large, cached by their text, evicted in LRU order."""

from dataclasses import replace
from typing import Any

import pytest
from graphql import ASTValidationRule, ValidationContext

from graphql_api.execution.documents import MAX_INVALID, Documents, InvalidDocument, NewDocument, ValidDocument
from graphql_api.execution.error_formatting import MAX_LOCATIONS, MAX_MESSAGE_CHARS, ErrorDict
from graphql_api.execution.limits import DEFAULTS
from graphql_api.execution.schema import build_schema
from graphql_api.execution.validation import RULES

SCHEMA = build_schema().core_schema


def errors_of(documents: Documents, text: str) -> tuple[ErrorDict, ...]:
    prepared = documents.prepare(text)
    return prepared.errors if isinstance(prepared, InvalidDocument) else ()


def valid_document(documents: Documents, text: str) -> ValidDocument:
    prepared = documents.prepare(text)
    assert isinstance(prepared, ValidDocument)
    return prepared


class Validations:
    """Documents whose rules count how often validation begins."""

    def __init__(self, **limits: int) -> None:
        class Counting(ASTValidationRule):
            def __init__(rule, context: ValidationContext) -> None:
                super().__init__(context)
                self.count += 1

        self.count = 0
        self.documents = Documents(SCHEMA, replace(DEFAULTS, **limits), rules=(*RULES, Counting))

    def errors(self, text: str) -> list[tuple[str, str]]:
        return [(error["extensions"]["code"], error["message"]) for error in errors_of(self.documents, text)]


@pytest.fixture
def validations() -> Validations:
    return Validations()


EQUAL_FIELDS = "{" + " ".join(f'release(number: "{n}") {{ number }}' for n in range(100)) + "}"
TOO_MUCH: dict[str, tuple[str, str]] = {
    "letters": ("{ __typename #" + "x" * 50_000 + "\n}", "QUERY_TOO_COMPLEX"),
    "tokens": ("{ " + "a " * 20_000 + "}", "QUERY_TOO_COMPLEX"),
    "lines": ("{ " + "\n" * 4_001 + "__typename }", "QUERY_TOO_COMPLEX"),
    "comments": ("{ " + "#\n" * 4_000 + "__typename }", "QUERY_TOO_COMPLEX"),
    "equal root fields": (EQUAL_FIELDS, "QUERY_TOO_COMPLEX"),
    "root fields in fragments": ("{ " + "...F " * 51 + "} fragment F on Query { __typename }", "QUERY_TOO_COMPLEX"),
    "depth": (
        "{ release { " + "skills { nodes { release { " * 7 + "number" + " } } }" * 7 + " } }",
        "QUERY_TOO_COMPLEX",
    ),
    "depth beyond the parser": ("{ a " * 250 + "}" * 250, "GRAPHQL_PARSE_FAILED"),
    "values within values": ("{ node(id: " + "[" * 250 + "]" * 250 + ") { id } }", "GRAPHQL_PARSE_FAILED"),
    "aliases": ("{ release { " + " ".join(f"a{n}: number" for n in range(101)) + " } }", "QUERY_TOO_COMPLEX"),
    "directives": ("{ __typename " + "@skip(if: true) " * 101 + "}", "QUERY_TOO_COMPLEX"),
    "fragments": (
        "{ __typename }" + " ".join(f"fragment F{n} on Query {{ a }}" for n in range(101)),
        "QUERY_TOO_COMPLEX",
    ),
    "a bomb of fragments": (
        "{ ...F0 }"
        + " ".join(f"fragment F{n} on Query {{ ...F{n + 1} ...F{n + 1} }}" for n in range(60))
        + "fragment F60 on Query { __typename }",
        "QUERY_TOO_COMPLEX",
    ),
}


@pytest.mark.parametrize("name", TOO_MUCH)
def test_documents_over_a_limit_are_refused_before_validation(validations: Validations, name: str) -> None:
    text, code = TOO_MUCH[name]

    assert [error for error, _ in validations.errors(text)] == [code]
    assert validations.count == 0


@pytest.mark.parametrize(
    ("text", "allowed"),
    [
        ("{ " + "a " * 2_200 + "}", "The document has 2,202 tokens; the limit is 2,000."),
        ("{ " + "a " * 20_000 + "}", "The document has more than 10,000 tokens; the limit is 2,000."),
        ("{ " + "#\n" * 2_200 + "a }", "The document has 2,200 comments; the limit is 2,000."),
        ("{ a " + "# b\n" * 900 + "c " * 2_200 + "}", "The document has 2,203 tokens; the limit is 2,000."),
    ],
    ids=["tokens", "many tokens", "comments", "both"],
)
def test_the_error_for_too_many_tokens_names_the_limit(validations: Validations, text: str, allowed: str) -> None:
    assert validations.errors(text) == [("QUERY_TOO_COMPLEX", allowed)]


def test_the_error_for_a_long_invalid_document_locates_the_syntax_error(validations: Validations) -> None:
    ((code, message),) = validations.errors("{ " + "a " * 2_200 + "% }")

    assert code == "GRAPHQL_PARSE_FAILED"
    assert "'%'" in message


def test_a_valid_document_is_validated_once(validations: Validations) -> None:
    text = "{ releases { number } }"

    first, second = validations.documents.prepare(text), validations.documents.prepare(text)

    assert first is second
    assert isinstance(first, ValidDocument)
    assert validations.count == 1


def test_an_invalid_document_is_validated_once(validations: Validations) -> None:
    assert validations.errors("{ nothing }") == validations.errors("{ nothing }")
    assert validations.count == 1


def test_invalid_documents_do_not_evict_valid_ones(validations: Validations) -> None:
    validations.documents.prepare("{ releases { number } }")
    validations.documents.prepare("{ nothing }")
    for n in range(MAX_INVALID + 5):
        validations.documents.prepare(f"{{ nothing{n} }}")
    before = validations.count

    validations.documents.prepare("{ releases { number } }")
    assert validations.count == before
    validations.documents.prepare("{ nothing }")
    assert validations.count == before + 1


def test_the_least_recently_used_document_is_evicted_first() -> None:
    documents = Documents(SCHEMA, max_bytes=200_000)
    texts = [f"{{ a{n}: __typename }}" for n in range(200)]
    first = documents.prepare(texts[0])
    for text in texts[1:]:
        documents.prepare(text)
        assert documents.prepare(texts[0]) is first

    assert isinstance(documents.find(texts[1]), NewDocument)
    assert isinstance(documents.find(texts[-1]), ValidDocument)


def test_every_listener_gets_the_key_of_each_evicted_document() -> None:
    documents = Documents(SCHEMA, max_bytes=200_000)
    first, second = list[str](), list[str]()
    documents.on_evict(first.append)
    documents.on_evict(second.append)
    keys = [valid_document(documents, f"{{ a{n}: __typename }}").key for n in range(200)]

    assert first == second == keys[: len(first)]
    assert len(first) > 0


def test_the_document_cache_is_bounded_in_bytes() -> None:
    documents = Documents(SCHEMA, max_bytes=200_000)
    for n in range(100):
        documents.prepare(f"{{ a{n}: __typename }} #{'x' * 10_000}")

    assert 50_000 < documents.bytes <= 200_000


@pytest.mark.parametrize(
    "text",
    [
        "{ skills { " + "totalCount " * 900 + "} }",
        "{ skills { " + " ".join("...{ totalCount }" for n in range(200)) + "} }",
        "{ release { " + " ".join("... on Release { skills { totalCount } }" for n in range(90)) + "} }",
    ],
)
def test_comparing_fields_with_the_same_name_has_a_small_budget(validations: Validations, text: str) -> None:
    ((code, message),) = validations.errors(text)

    assert code == "QUERY_TOO_COMPLEX"
    assert "10,000 comparisons" in message


def test_many_fragments_on_the_same_fields_are_within_the_budget(validations: Validations) -> None:
    fragments = " ".join(f"fragment F{n} on OccupationalProfile {{ id code title {{ nl fr }} }}" for n in range(30))
    text = "{ occupationalProfiles { nodes { " + " ".join(f"...F{n}" for n in range(30)) + " } } } " + fragments

    assert validations.errors(text) == []


def test_fragments_within_fragments_end_validation_early(validations: Validations) -> None:
    chain = " ".join(
        f"fragment F{n} on Query {{ ... {{ ... {{ ... {{ ... {{ ...F{n + 1} }} }} }} }} }}" for n in range(45)
    )

    assert [code for code, _ in validations.errors(f"{{ ...F0 }} {chain} fragment F45 on Query {{ __typename }}")] == [
        "QUERY_TOO_COMPLEX"
    ]


MANY_FAULTS = {
    "unknown fields": "{ " + " ".join(f"occupationalProfil{n}" for n in range(50)) + " }",
    "long unknown fields": "{ " + " ".join("x" * 900 + str(n) for n in range(50)) + " }",
    "one very long name": "{ " + "x" * 49_000 + " }",
    "one argument many times": "{ skills(" + "first: 1 " * 300 + ") { totalCount } }",
    "a circle of fragments": "{ ...F0 }"
    + " ".join(f"fragment F{n} on Query {{ ...F{(n + 1) % 90} }}" for n in range(90)),
    "unknown directives": "{ __typename " + "@nothing " * 100 + "}",
    "unknown types": "query (" + " ".join(f"$a{n}: Nothing{n}" for n in range(200)) + ") { __typename }",
    "a long text for a number": '{ skills(first: "' + "x" * 49_000 + '") { totalCount } }',
    "a long number": "{ skills(first: " + "9" * 5_000 + ") { totalCount } }",
    "types where operations belong": " ".join(f"type A{n} {{ a: Int }}" for n in range(100)) + "{ __typename }",
    "faults on many lines": "{" + "\n" * 1_900 + " ".join(f"a{n}" for n in range(50)) + "}",
}


@pytest.mark.parametrize("name", MANY_FAULTS)
def test_errors_of_a_document_with_many_faults_are_bounded(validations: Validations, name: str) -> None:
    errors = errors_of(validations.documents, MANY_FAULTS[name])

    assert 1 <= len(errors) <= 20
    assert {error["extensions"]["code"] for error in errors} == {"GRAPHQL_VALIDATION_FAILED"}
    assert all(
        len(error["message"]) <= MAX_MESSAGE_CHARS + 10 and len(error.get("locations", ())) <= MAX_LOCATIONS
        for error in errors
    )
    assert len(str(errors)) <= 20_000
    assert "sys." not in str(errors)


INTROSPECTION_BOMBS = [
    "{ __schema { types { fields { type { fields { type { fields { name } } } } } } } }",
    "{ __schema { types { possibleTypes { interfaces { possibleTypes { name } } } } } }",
    "{ __schema { types { ...F } } } fragment F on __Type { fields { type { ...G } } } fragment G on __Type { fields { type { fields { name } } } }",
]


@pytest.mark.parametrize("text", INTROSPECTION_BOMBS)
def test_introspection_within_introspection_is_refused(validations: Validations, text: str) -> None:
    assert validations.errors(text) == [("GRAPHQL_VALIDATION_FAILED", "Maximum introspection depth exceeded")]


def test_without_introspection_errors_suggest_no_names() -> None:
    documents = Documents(SCHEMA, introspection=False)

    for text in ("{ __schema { queryType { name } } }", '{ __type(name: "Query") { name } }'):
        assert "introspection has been disabled" in errors_of(documents, text)[0]["message"]
    assert errors_of(documents, "{ __typename }") == ()
    assert "Did you mean" not in str(errors_of(documents, "{ releass }"))
    assert "Did you mean" in str(errors_of(Documents(SCHEMA), "{ releass }"))


@pytest.mark.parametrize(
    ("text", "name", "expected"),
    [
        ("{ __typename }", None, ""),
        ("query A { __typename }", None, "A"),
        ("query A { a: __typename } query B { b: __typename }", "B", "B"),
    ],
)
def test_an_operation_is_selected_by_name_or_if_it_is_the_only_one(text: str, name: str | None, expected: str) -> None:
    assert valid_document(Documents(SCHEMA), text).operation(name).name == expected


@pytest.mark.parametrize(
    ("text", "name", "message"),
    [
        (
            "query A { __typename } query B { __typename }",
            None,
            "The document has 2 operations; select one with `operationName`.",
        ),
        ("query A { __typename }", "B", "The document has no operation named 'B'."),
        ("{ __typename }", "B", "The document has no operation named 'B'."),
        ("fragment F on Query { __typename }", None, "The document contains no operation."),
    ],
)
def test_the_error_for_an_unselected_operation_has_the_reason(text: str, name: str | None, message: str) -> None:
    with pytest.raises(Exception, match=message.replace(".", r"\.")) as caught:
        valid_document(Documents(SCHEMA), text).operation(name)

    raised: Any = caught.value
    assert raised.extensions == {"code": "OPERATION_RESOLUTION_FAILURE"}


def test_the_size_of_a_document_grows_with_its_tokens() -> None:
    small, large = (valid_document(Documents(SCHEMA), "{ " + "__typename " * n + "}") for n in (1, 50))

    assert large.size - small.size > 49 * 500
    assert ValidDocument("x" * 1000, "", {}).size >= 2000
