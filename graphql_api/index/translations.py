"""Counts of translated concepts."""

import sqlite3
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from graphql_api.competent.declarations import Concepts, ConceptType, Plain, concept_type
from graphql_api.index.tables import LANGUAGES, SEARCHED


class Translated(NamedTuple):
    """Number of concepts of a type, and of those with a text in each language."""

    total: int
    by_language: Mapping[str, int]


def translated(connection: sqlite3.Connection, types: Sequence[ConceptType]) -> dict[ConceptType, Translated]:
    """The counts of each type, by the text that it is called by. Reads each concept of these types once."""
    counts = {}
    for type in types:
        path = ".".join(_label(type))
        texts = ", ".join(
            f"count(nullif(json_extract(CAST(item AS TEXT), '$.{path}.{language}'), ''))" for language in LANGUAGES
        )
        sql = f"SELECT count(*), {texts} FROM concept WHERE concept_type = ?"  # noqa: S608  # names of declared fields
        total, *by_language = connection.execute(sql, (type.number,)).fetchone()
        counts[type] = Translated(total, dict(zip(LANGUAGES, by_language, strict=True)))
    return counts


def _label(type: ConceptType) -> tuple[str, ...]:
    """The path of the text that concepts of a type are called by, in their item."""
    name = next(iter(SEARCHED[type]))
    value = next(field.value for field in type.fields if field.name == name)
    match value:
        case Concepts(type_name=contained):
            return name, *_label(concept_type(contained))
        case Plain("text"):
            return (name,)
    raise ValueError(f"{type.name} is not called by a text")
