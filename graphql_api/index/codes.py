"""Finds what a code names: a concept by its own code (`OP-101`, `op 101`), profiles by an ISCO-08 code or its prefix (`2221`)."""

import re
import sqlite3
from collections.abc import Collection, Iterator
from html import escape
from typing import NamedTuple

from graphql_api.competent.declarations import OCCUPATIONAL_PROFILE, ConceptType
from graphql_api.competent.values import ISCO
from graphql_api.index.tables import TYPES


class CodeMatch(NamedTuple):
    """A concept and its code that matches; `field` is its GraphQL field, `marked` the code as HTML, with <mark> elements."""

    row_id: int
    field: str
    code: str
    marked: str


_CONCEPT = re.compile(r"(?:code )?([a-z]{1,4}) ?(\d{1,9})", re.ASCII)
_ISCO = re.compile(
    r"(?:(?:https? data europa eu )?(?:esco )?isco ?(?:08 )?(?:code )?c?|c(?=\d{4}))?(\d{1,4})(?: isco(?: 08)?)?",
    re.ASCII,
)
"""A code of ISCO-08, also as ESCO writes it (`C2221`, and in a URI)."""

_BY_CODE = "SELECT n, code FROM concept WHERE concept_type = ? AND code = ? ORDER BY position"
_BY_ISCO = """
SELECT n, min(term.code) FROM term JOIN concept ON n = profile
WHERE scheme = ? AND substr(term.code, 1, ?) = ? GROUP BY n ORDER BY 2, position
"""


def with_code(connection: sqlite3.Connection, folded: str, types: Collection[ConceptType] | None) -> list[CodeMatch]:
    """The concepts that a folded text names by a code, each once, in order of code; empty if it is not a code.

    `types` limits the result; None means all. Letter case and signs of a code do not matter.
    """
    searched = TYPES.values() if types is None else types
    if group := group_of(folded):
        return list(_of_group(connection, group)) if OCCUPATIONAL_PROFILE in searched else []
    if match := _CONCEPT.fullmatch(folded):
        return list(_concepts(connection, match[1].upper(), match[2], searched))
    return []


def group_of(folded: str) -> str | None:
    """The digits of a folded text that is an ISCO-08 code or its prefix; None if it is not."""
    match = _ISCO.fullmatch(folded)
    return match[1] if match else None


def _concepts(
    connection: sqlite3.Connection, prefix: str, number: str, types: Collection[ConceptType]
) -> Iterator[CodeMatch]:
    for type in (type for type in types if type.code_prefix == prefix):
        for row_id, own_code in connection.execute(_BY_CODE, (type.number, f"{prefix}-{number}")):
            yield CodeMatch(row_id, "code", own_code, f"<mark>{escape(own_code)}</mark>")


def _of_group(connection: sqlite3.Connection, prefix: str) -> Iterator[CodeMatch]:
    for row_id, code in connection.execute(_BY_ISCO, (ISCO, len(prefix), prefix)):
        marked = f"<mark>{prefix}</mark>{escape(code[len(prefix) :])}"
        yield CodeMatch(row_id, "classifications", code, marked)
