"""Documents that differ only in literals, white space, comments or the name of the operation are prepared once."""

from random import Random
from typing import Any

import pytest
from graphql import ASTValidationRule, ValidationContext, parse

from graphql_api.execution.documents import Documents, NewDocument, ValidDocument, operation_type
from graphql_api.execution.literals import lift
from graphql_api.execution.schema import build_schema
from graphql_api.execution.validation import RULES, Validator
from tests.conftest import Server
from tests.execution.test_documents import errors_of, valid_document

SCHEMA = build_schema().core_schema
ONE, TWO = "8c15a1bf-9699-43ae-b890-f79ac3e5f461", "00000000-0000-4000-8000-000000000002"
PROFILE = '{ occupationalProfile(uuid: "%s") { code } }'


class Counted:
    """Documents that count how often they are validated."""

    def __init__(self) -> None:
        class Counting(ASTValidationRule):
            def __init__(rule, context: ValidationContext) -> None:
                super().__init__(context)
                self.count += 1

        self.count = 0
        self.documents = Documents(SCHEMA, rules=(*RULES, Counting))

    def prepare(self, *texts: str) -> int:
        """The number of validations that these texts took."""
        before = self.count
        for text in texts:
            self.documents.prepare(text)
        return self.count - before


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (PROFILE % ONE, PROFILE % TWO),
        ("{ releases { number } }", "{releases{number}}"),
        ("{ releases { number } }", "{ releases, { # all of them\n number } }\n"),
        ("query A { releases { number } }", "query Other_1 { releases { number } }"),
        ("query { releases { number } }", "query A { releases { number } }"),
        ("{ skills(first: 1) { totalCount } }", "{ skills(first: 20) { totalCount } }"),
        ('{ search(text: "a", first: 3) { totalCount } }', '{ search(text: "é, {", first: 4) { totalCount } }'),
        (f'{{ nodes(ids: ["{ONE}", "{TWO}"]) {{ id }} }}', f'{{ nodes(ids: ["{TWO}", "x"]) {{ id }} }}'),
        (
            "query ($n: Int = 3) { skills(first: $n) { totalCount } }",
            "query B($n: Int=3){skills(first:$n){totalCount}}",
        ),
    ],
)
def test_documents_that_differ_in_literals_are_validated_once(first: str, second: str) -> None:
    counted = Counted()
    assert counted.prepare(first, second) == 1
    prepared = valid_document(counted.documents, second)
    assert prepared.text == second
    assert prepared.as_written() == parse(second)
    operation = prepared.as_written().definitions[0]
    assert list(prepared.operations) == [operation.name.value if operation.name else ""]  # type: ignore[attr-defined]
    assert prepared.operation(None).name == next(iter(prepared.operations))


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("{ a: releases { number } }", "{ b: releases { number } }"),
        ("{ releases { number @skip(if: true) } }", "{ releases { number @skip(if: false) } }"),
        ("query ($n: Int = 3) { skills(first: $n) { totalCount } }", "query ($n: Int = 4) { skills(first: $n) { totalCount } }"),
        ("query A { releases { number } } query B { releases { number } }", "query A { releases { number } } query C { releases { number } }"),
        ('{ search(text: "a") { totalCount } }', '{ search(text: """a""") { totalCount } }'),
        ('{ search(text: "a") { totalCount } }', r'{ search(text: "\n") { totalCount } }'),
        (f'{{ nodes(ids: ["{ONE}"]) {{ id }} }}', f'{{ nodes(ids: ["{ONE}", "{TWO}"]) {{ id }} }}'),
        ('{ a: skill(code: "1") { id } b: skill(code: "1") { id } }', '{ a: skill(code: "1") { id } b: skill(code: "2") { id } }'),
    ],
)  # fmt: skip
def test_documents_that_differ_in_validation_have_separate_keys(first: str, second: str) -> None:
    assert Counted().prepare(first, second) == 2


@pytest.mark.parametrize(
    ("valid", "invalid"),
    [
        (PROFILE % ONE, PROFILE % "x"),
        (PROFILE % ONE, "{ occupationalProfile(uuid: 1) { code } }"),
        (PROFILE % ONE, lift(PROFILE % ONE, 100).key),  # type: ignore[union-attr]
        ("{ skills(first: 1) { totalCount } }", "{ skills(first: 01) { totalCount } }"),
        ("{ skills(first: 1) { totalCount } }", "{ skills(first: 1a) { totalCount } }"),
        ("{ skills(first: 1) { totalCount } }", '{ skills(first: "1") { totalCount } }'),
        ("{ skills(first: 1) { totalCount } }", "{ skills(first: 99999999999) { totalCount } }"),
        ("{ skills(first: 1) { totalCount } }", f"{{ skills(first: {'1' * 500}) {{ totalCount }} }}"),
        ("{ releases { number } }", "{ releases { number } } ."),
        ("{ releases { number } }", "{ releases { number } } é"),
        ("{ releases { number } }", "{ releases\x00 { number } }"),
        ("{ releases { number } }", "{ releases\x0c { number } }"),
        ("{ releases { number } }", "query é { releases { number } }"),
        ("{ releases { number } }", "query 1 { releases { number } }"),
        ("{ ...F } fragment F on Query { releases { number } }", "{ . . . F } fragment F on Query { releases { number } }"),
        ('{ search(text: "a") { totalCount } }', '{ search(text: "a) { totalCount } }'),
        ('{ search(text: "a") { totalCount } }', '{ search(text: "a\nb") { totalCount } }'),
        ('{ search(text: "a") { totalCount } }', '{ search(text: "a\ud800") { totalCount } }'),
        ('{ search(text: "a") { totalCount } }', '{ search(text: a) { totalCount } }'),
        ("{ search(text: \"a\", types: [SKILL]) { totalCount } }", "{ search(text: \"a\", types: [\"SKILL\"]) { totalCount } }"),
        ('{ a: skill(code: "1") { id } a: skill(code: "1") { id } }', '{ a: skill(code: "1") { id } a: skill(code: "2") { id } }'),
        ("query A { releases { number } } query B { __typename }", "query A { releases { number } } query A { __typename }"),
    ],
)  # fmt: skip
def test_an_invalid_document_has_the_errors_for_its_own_text(valid: str, invalid: str) -> None:
    documents = Documents(SCHEMA)
    assert errors_of(documents, valid) == ()
    alone = errors_of(Documents(SCHEMA), invalid)
    assert alone
    assert errors_of(documents, invalid) == alone


def test_limits_hold_for_texts_whose_key_is_cached() -> None:
    documents = Documents(SCHEMA)
    assert errors_of(documents, "{ __typename }") == ()
    for text in (
        "{ __typename #" + "x" * 50_000 + "\n}",
        "{ " + "\n" * 4_001 + "__typename }",
        "{" + "#\n" * 3_000 + "__typename }",
    ):
        assert [item["extensions"]["code"] for item in errors_of(documents, text)] == ["QUERY_TOO_COMPLEX"]


def test_the_parser_is_not_called_for_a_text_whose_key_is_cached(monkeypatch: pytest.MonkeyPatch) -> None:
    documents = Documents(SCHEMA)
    documents.prepare(PROFILE % ONE)
    monkeypatch.delattr(Validator, "parse")
    assert isinstance(documents.find(PROFILE % TWO), ValidDocument)
    assert isinstance(documents.find(PROFILE % "x"), NewDocument)


def test_a_document_with_an_irreplaceable_literal_is_validated_once() -> None:
    counted, text = Counted(), '{ nodes(ids: "%s") { id } }'
    assert counted.prepare(text % ONE, text % ONE, text % ONE) == 1
    assert counted.prepare(text % TWO) == 1


def test_texts_with_the_same_key_have_their_own_literals() -> None:
    documents = Documents(SCHEMA)
    text = '{ a: skill(code: "%s") { id } b: skill(code: "%s") { id } skills(first: %d) { totalCount } }'
    values = [
        list(valid_document(documents, text % item).values({"own": 1}).values())
        for item in (("1", "2", 3), ("4", "5", 6))
    ]
    assert values == [[1, "1", "2", 3], [1, "4", "5", 6]]


def test_a_literal_used_as_two_types_is_read_as_both() -> None:
    documents = Documents(SCHEMA)
    text = '{ occupationalProfile(uuid: "%s") { code } node(id: "%s") { id } }'
    documents.prepare(text % (ONE, ONE))
    prepared = valid_document(documents, text % (TWO, TWO))
    assert prepared.literals.raw == {"__literal_0_UUID": TWO, "__literal_0_ID": TWO}


def test_a_literal_counts_in_the_cost_of_its_own_text() -> None:
    documents = Documents(SCHEMA)
    text = "{ skills(first: %d) { nodes { code } } }"
    costs = []
    for number in (1, 10, 100):
        prepared = valid_document(documents, text % number)
        costs.append(prepared.operation(None).cost.of(prepared.values(None)))
    assert costs == [4, 22, 202]


async def locations(server: Server, text: str) -> list[Any]:
    return [error["locations"] for error in (await server.post(text)).json()["errors"]]


async def test_errors_have_the_locations_of_the_received_text(server: Server) -> None:
    first = '{ skills(first: 1, after: "x") { totalCount } }'
    second = '# a comment\nquery Second {\n\n  skills(first: 2, after: "y") { totalCount }\n}'
    assert await locations(server, first) == [[{"line": 1, "column": 3}]]
    assert await locations(server, second) == [[{"line": 4, "column": 3}]]


async def test_literals_and_variables_give_equal_responses(server: Server) -> None:
    data = await server.ask("{ occupationalProfiles(first: 3) { nodes { uuid code } } }")
    for node in data["occupationalProfiles"]["nodes"]:
        literal = await server.ask(PROFILE % node["uuid"])
        variable = await server.ask(
            "query ($id: UUID!) { occupationalProfile(uuid: $id) { code } }", {"id": node["uuid"]}
        )
        assert literal == variable == {"occupationalProfile": {"code": node["code"]}}


BASES = (
    PROFILE % ONE,
    'query A($n: Int = 3) { skills(first: $n, after: "x") { totalCount nodes { code } } }',
    'query A { a: skill(code: "1") { id } b: skill(code: "2") { id @include(if: true) } }',
    '{ search(text: "a b", first: 3, types: [SKILL]) { totalCount } }',
    'query B { nodes(ids: ["a", "b"]) { id } } query C { releases { number } }',
    "query Q @skip(if: false) { releases { number } }",
)
PIECES = (*'"\\#\n {}()10-.a$:@![],\ufeffé\x00\ud800|&_', '"x"', '"""', "query", "...", '"0', "#0", "01", "null")


@pytest.mark.slow
def test_mutated_documents_are_prepared_independently() -> None:
    random, warm, hits = Random(7), Documents(SCHEMA), 0  # a sample
    for base in BASES:
        warm.prepare(base)
    for _ in range(12_000):
        text = random.choice(BASES)
        for _ in range(random.randint(1, 2)):
            at = random.randrange(len(text) + 1)
            text = text[:at] + random.choice(PIECES) + text[at + random.choice((0, 0, 1, 2)) :]
        data = warm.find(text)
        if isinstance(data, ValidDocument) and text not in BASES:
            hits += 1
            alone = valid_document(Documents(SCHEMA), text)
            assert (alone.key, alone.literals, operation_type(alone, None), list(alone.operations)) == (
                data.key,
                data.literals,
                operation_type(data, None),
                list(data.operations),
            )
            assert data.as_written() == alone.as_written()
    assert hits > 100
