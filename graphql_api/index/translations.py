"""Counts of translated concepts."""

import sqlite3
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from graphql_api.competent.declarations import ConceptType
from graphql_api.index.labels import label_path
from graphql_api.index.tables import LANGUAGES


class Translated(NamedTuple):
    """Number of concepts of a type, and of those with a text in each language."""

    total: int
    by_language: Mapping[str, int]


def translated(connection: sqlite3.Connection, types: Sequence[ConceptType]) -> dict[ConceptType, Translated]:
    """The counts of each type, by the text that it is called by. Reads each concept of these types once."""
    counts = {}
    for type in types:
        path = ".".join(label_path(type))
        texts = ", ".join(
            f"count(nullif(json_extract(CAST(item AS TEXT), '$.{path}.{language}'), ''))" for language in LANGUAGES
        )
        sql = f"SELECT count(*), {texts} FROM concept WHERE concept_type = ?"  # noqa: S608  # names of declared fields
        total, *by_language = connection.execute(sql, (type.number,)).fetchone()
        counts[type] = Translated(total, dict(zip(LANGUAGES, by_language, strict=True)))
    return counts
