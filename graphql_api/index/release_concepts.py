"""The concepts of one release, looked up a few at a time, since a large release should not be in memory."""

import sqlite3
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping

import orjson

from graphql_api.competent.declarations import CONCEPT_TYPES
from graphql_api.index.concepts import Key
from graphql_api.index.labels import labels
from graphql_api.index.profile_closure import array
from graphql_api.index.tables import numbers
from graphql_api.index.tokenizer import fold

Labels = Mapping[str, str]
"""What a concept is called, folded, by language."""

_BY_KEY = """
    SELECT n, concept_type, uuid, code FROM json_each(?) AS input
    CROSS JOIN concept ON concept_type = json_extract(input.value, '$[0]') AND uuid = json_extract(input.value, '$[1]')
    ORDER BY concept_type, position, n
"""
_BY_CODE = """
    SELECT code, uuid FROM json_each(?) AS input CROSS JOIN concept ON concept_type = ? AND code = input.value
    ORDER BY position, n
"""
_BY_UUID = f"""
    SELECT concept_type, uuid FROM json_each(?) AS input
    CROSS JOIN concept ON concept_type IN ({numbers(type.number for type in CONCEPT_TYPES)}) AND uuid = input.value
    ORDER BY concept_type
"""  # noqa: S608  # numbers of types
_NEIGHBOURS = """
    SELECT whole, concept_type, uuid FROM (
        SELECT input.value AS whole, member AS part FROM json_each(?1) AS input CROSS JOIN embeds ON container = input.value
        UNION
        SELECT input.value, container FROM json_each(?1) AS input CROSS JOIN embeds ON member = input.value
    ) CROSS JOIN concept ON n = part
"""


class ReleaseConcepts:
    """The concepts of one release. Each lookup reads the file; keys that the release does not have are left out."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self.connection = connection

    def rows(self, keys: Iterable[Key]) -> dict[Key, int]:
        """The row ids of concepts, in the order of types and codes."""
        return {(type, uuid): n for n, type, uuid, _ in self._by_key(keys)}

    def codes(self, keys: Iterable[Key]) -> dict[Key, str | None]:
        """The codes of concepts."""
        return {(type, uuid): code for _, type, uuid, code in self._by_key(keys)}

    def _by_key(self, keys: Iterable[Key]) -> sqlite3.Cursor:
        return self.connection.execute(_BY_KEY, (orjson.dumps([*keys]).decode(),))

    def with_codes(self, type: int, codes: Iterable[str | None]) -> dict[str, list[Key]]:
        """The concepts of a type that have each of these codes."""
        by_code: defaultdict[str, list[Key]] = defaultdict(list)
        texts = orjson.dumps([*{code for code in codes if code}]).decode()
        for code, uuid in self.connection.execute(_BY_CODE, (texts, type)):
            by_code[code].append((type, uuid))
        return by_code

    def with_uuids(self, uuids: Iterable[str]) -> dict[str, list[Key]]:
        """The concepts that have each of these uuids, of any type."""
        by_uuid: defaultdict[str, list[Key]] = defaultdict(list)
        for type, uuid in self.connection.execute(_BY_UUID, (orjson.dumps([*uuids]).decode(),)):
            by_uuid[uuid].append((type, uuid))
        return by_uuid

    def labels(self, rows: Mapping[Key, int]) -> dict[Key, Labels]:
        """What concepts are called, by their row ids."""
        of_rows = labels(self.connection, rows.values())
        return {key: {language: fold(text) for language, text in of_rows[n].items() if text} for key, n in rows.items()}

    def neighbours(self, keys: Collection[Key]) -> dict[Key, set[Key]]:
        """What each concept contains, and what it is directly part of."""
        neighbours: defaultdict[Key, set[Key]] = defaultdict(set)
        by_row = {n: key for key, n in self.rows(keys).items()}
        for n, type, uuid in self.connection.execute(_NEIGHBOURS, (array(by_row),)):
            neighbours[by_row[n]].add((type, uuid))
        return neighbours
