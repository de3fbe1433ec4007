"""Declarations take effect: a searched field is found, a compared field is in the changes."""

from dataclasses import replace
from typing import Any

import pytest

from graphql_api.competent.declarations import (
    CONCEPT_TYPES,
    NOT_COMPARED,
    SKILL,
    TECHNICAL_COMPETENCE,
    Concepts,
    ConceptType,
    Field,
    Plain,
    SearchRule,
    Terms,
    concept_type,
)
from graphql_api.competent.hal import Document
from graphql_api.index import search, tables
from graphql_api.index.diff import changes, selected
from graphql_api.index.tables import check
from tests.index.small_indexes import normalised, written_index

OWN, HOLDER, OTHER, SAME = (f"00000000-0000-4000-8000-00000000000{n}" for n in "abcd")

FIELDS = [pytest.param(type, field, id=f"{type}.{field.name}") for type in CONCEPT_TYPES for field in type.fields]
SEARCHED = [field for field in FIELDS if field.values[1].search is not None]  # type: ignore[union-attr]


def raw_value(field: Field, word: str, uuid: str = OTHER) -> dict[str, Any]:
    """A HAL document's value for a field, with a word in it if it has texts; another word is another value."""
    match field.value:
        case Plain("text"):
            value: Any = {"nl": word}
        case Plain("code"):
            value = word
        case Plain("strings"):
            value = [word]
        case Plain("moment"):
            value = f"20{len(word)}-01-01T00:00:00Z"
        case Plain("names"):
            value = [{"id": uuid, "code": "AN-1", "name": word, "language": "nl"}]
        case Plain("classifications"):
            value = [{"type": "ISCO-08", "value": word}]
        case Terms():
            value = [{"id": uuid, "code": word, "title": {"nl": word}}]
        case Concepts(name):
            type = concept_type(name)
            texts = {field.hal_keys[0]: {"nl": word} for field in type.fields if field.search is not None}
            value = [{"id": uuid, "code": f"{type.code_prefix}-1", **texts}]
    return {field.hal_keys[0]: value}


def document(type: ConceptType, keys: dict[str, Any]) -> tuple[ConceptType, Document]:
    """The whole document of a concept with these keys, or of one that embeds it if it has no route."""
    if type.route is not None:
        return type, normalised(type, OWN, **keys)
    holder, field = next(
        (type_name, field)
        for type_name in CONCEPT_TYPES
        for field in type_name.fields
        if type_name.route and isinstance(field.value, Concepts) and field.value.type_name == type.name
    )
    return holder, normalised(holder, HOLDER, code="X-1", **{field.hal_keys[0]: [{"id": OWN, **keys}]})


@pytest.mark.parametrize(("type", "field"), SEARCHED)
def test_a_declared_searched_field_is_found_by_search(type: ConceptType, field: Field) -> None:
    with written_index(
        document(type, {"code": f"{type.code_prefix}-7", **raw_value(field, "quidditch")})
    ) as connection:
        hits, total = search.Search().search(connection, "quidditch", {type}, None, 0, 10)
        [(uuid,)] = connection.execute("SELECT uuid FROM concept WHERE n = ?", (hits[0].row_id,))

    assert (total, uuid, hits[0].field, hits[0].text) == (1, OWN, field.name, "quidditch")


@pytest.mark.parametrize(("type", "field"), FIELDS)
def test_a_declared_field_is_in_changes_unless_excluded_by_name(type: ConceptType, field: Field) -> None:
    same = {"code": f"{type.code_prefix}-7"} | raw_value(field, "one")
    other = same | raw_value(field, "another", SAME)
    with written_index(document(type, same)) as before, written_index(document(type, other)) as after:
        own = [change.fields for change in selected(changes(before, after), {type}, {"CHANGED"})]

    name = f"{field.name}.nl" if field.value == Plain("text") else field.name
    assert own == ([] if f"{type}.{field.name}" in NOT_COMPARED else [(name,)])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"number": SKILL.number}, "3 is declared twice as the number of a concept type"),
        ({"number": 15}, "the number 15; it goes from 1 to 14"),
        ({"fields": TECHNICAL_COMPETENCE.fields}, "3 is declared twice as the role of embedded concepts"),
        ({"fields": (Field("x", Plain("text"), "", search=SearchRule(3, 0.1)),)}, "3 is declared twice as the rank"),
    ],
)
def test_declarations_that_an_index_cannot_tell_apart_are_refused(change: dict[str, Any], message: str) -> None:
    made_up = replace(SKILL, **{"name": "Tool", "number": 9, "fields": (), **change})
    check([*CONCEPT_TYPES, replace(made_up, number=9, fields=())])
    with pytest.raises(ValueError, match=message):
        check([*CONCEPT_TYPES, made_up])


def test_an_index_of_other_declarations_has_another_format(monkeypatch: pytest.MonkeyPatch) -> None:
    assert tables._format() == tables.FORMAT
    with monkeypatch.context() as patch:
        patch.setattr(tables.normalise, "FORMAT", "another")
        assert tables._format() != tables.FORMAT
    with monkeypatch.context() as patch:
        patch.setattr(tables, "VERSION", tables.VERSION - 1)
        assert tables._format() != tables.FORMAT
    monkeypatch.setitem(NOT_COMPARED, "Skill.regions", "made up")
    assert tables._format() != tables.FORMAT


def test_every_field_that_is_excluded_from_changes_is_declared() -> None:
    assert NOT_COMPARED.keys() <= {f"{type}.{field.name}" for type in CONCEPT_TYPES for field in type.fields}
