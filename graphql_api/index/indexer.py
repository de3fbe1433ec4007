"""The indexer: turns normalised documents into the rows of an index, as declared.

The first document that embeds or lists a concept writes it, and its own document completes it. Duplicates are written once.
"""

import sqlite3
from functools import cache
from hashlib import blake2s
from typing import NamedTuple

import orjson

from graphql_api.competent.declarations import (
    CONCEPT_TYPES,
    Concepts,
    ConceptType,
    Plain,
    Terms,
    concept_type,
)
from graphql_api.competent.hal import Document, JsonObject
from graphql_api.index.documents import compressed, decompressed
from graphql_api.index.facts import Facts, facts
from graphql_api.index.searched_fields import is_complete, item_keys, searched_fields
from graphql_api.index.tables import LANGUAGES, TYPES, DamagedIndex, numbers, parts

_INSERT = """
    INSERT INTO concept (code, item, facts, digest, is_final, n, concept_type, uuid) VALUES (?, ?, ?, ?, ?, ?, ?, ?)
"""
_UPDATE = "UPDATE concept SET code = ?, item = ?, facts = ?, digest = ?, is_final = ? WHERE n = ?"
_BODY = "INSERT INTO document VALUES (?, ?)"
_DOCUMENT = "UPDATE concept SET document = ? WHERE n = ?"
_EMBEDS = "INSERT OR IGNORE INTO embeds VALUES (?, ?, ?)"
_TEXT = "INSERT INTO text VALUES (?, ?, ?, ?)"
_TERM = "INSERT INTO term VALUES (?, ?, ?, ?, ?)"
_REGION = "INSERT OR IGNORE INTO region VALUES (?, ?)"
_MODIFIED = "INSERT OR REPLACE INTO modified VALUES (?, ?)"
_CRAWLED = "INSERT INTO crawled VALUES (?)"
_NO_LONGER_MISSING = "DELETE FROM missing WHERE path = ?"
_MISSING = "INSERT OR REPLACE INTO missing VALUES (?, ?)"
MAX_EMBEDDED = 8192
"""Maximum embedded concepts that are cached by object identity."""
_OF_CONCEPTS = (_INSERT, _UPDATE, _BODY, _DOCUMENT, _EMBEDS, _TEXT, _TERM, _REGION, _MODIFIED)
_STATEMENTS = (*_OF_CONCEPTS, _CRAWLED, _NO_LONGER_MISSING, _MISSING)


SqlValue = str | int | bytes | None


class _WrittenConcept(NamedTuple):
    """A written concept: its number, and the hash of its item; None while the item may change."""

    n: int
    item: int | None


class _EmbeddedConcept(NamedTuple):
    """A written embedded concept, cached because the next documents often embed the same object."""

    document: Document
    type: ConceptType
    n: int
    reference: int
    """The reference for this form of it, as in the documents of the index."""


class Indexer:
    """Writes into the tables of one index. Rows are buffered; `commit` writes all of them or none."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._rows: dict[str, list[tuple[SqlValue, ...]]] = {sql: [] for sql in _STATEMENTS}
        self._concepts_by_id: dict[tuple[ConceptType, str], _WrittenConcept] = {}
        self._incomplete: dict[tuple[ConceptType, str], JsonObject] = {}
        self._forms: dict[tuple[int, int], int] = {}
        self._embedded_by_identity: dict[int, _EmbeddedConcept] = {}
        try:
            self._read_concepts()
            self._read_forms()
        except (ValueError, KeyError) as error:
            raise DamagedIndex("the item or the document of a concept") from error
        self._last = max((concept.n for concept in self._concepts_by_id.values()), default=0)
        self._last_body: int = connection.execute("SELECT coalesce(max(n), 0) FROM document").fetchone()[0]
        self._searched = set(connection.execute(_TEXTS_OF_INCOMPLETE))

    def _read_concepts(self) -> None:
        for number, uuid, n, is_final, item in self._connection.execute(_CONCEPTS):
            key = (TYPES[number], uuid)
            self._concepts_by_id[key] = _WrittenConcept(n, hash(item) if is_final else None)
            if not is_final and TYPES[number].is_block:
                self._incomplete[key] = orjson.loads(item)

    def _read_forms(self) -> None:
        for n, number, body in self._connection.execute(_DOCUMENTS_OF_BLOCKS):
            self._forms[n, hash(decompressed(body))] = number

    def add(self, type: ConceptType, document: Document) -> None:
        """Add a concept from its own document, or a block from a list item."""
        if "id" not in document:
            return
        if type.is_block:
            concept = self._block(type, document)
            reference = self._reference(type, concept, document)
            self._rows[_DOCUMENT].append((-reference if reference < 0 else None, concept.n))
            return
        concept = self._concepts_by_id.get((type, document["id"]), _NOT_WRITTEN)
        if concept.item is None:
            n = self._write(type, document, facts(type, document), is_final=True).n
            self._rows[_DOCUMENT].append((self._body(self._embed(type, document, n)), n))
            self._filters(type, document, n)

    def mark_crawled(self, path: str) -> None:
        """Record that the document at this path is indexed."""
        self._rows[_CRAWLED].append((path,))
        self._rows[_NO_LONGER_MISSING].append((path,))

    def mark_missing(self, path: str, code: str) -> None:
        """Record that loading this path failed with this error code."""
        self._rows[_MISSING].append((path, code))

    @property
    def buffered(self) -> int:
        """The number of buffered rows."""
        return sum(map(len, self._rows.values()))

    def commit(self) -> None:
        """Write the buffered rows in one transaction; if it fails, they stay buffered."""
        with self._connection:
            for sql, rows in self._rows.items():
                if rows:
                    self._connection.executemany(sql, rows)
        for rows in self._rows.values():
            rows.clear()

    def _embed(self, type: ConceptType, document: Document, container: int | None = None) -> JsonObject:
        """Write the embedded concepts, as members of `container` if given. Returns the document with references to them."""
        body = dict(document)
        held: dict[ConceptType, set[int]] = {}
        for name, (value, target) in _parts(type).items():
            if (item := document.get(name)) is None:
                continue
            concepts = [self._embedded(target, embedded) for embedded in ([item] if value.single else item)]
            references = [concept.reference for concept in concepts]
            body[name] = references[0] if value.single else references
            if container is not None:
                earlier = held.setdefault(target, set())
                new = {concept.n for concept in concepts} - earlier
                self._rows[_EMBEDS] += [(container, value.role, n) for n in new]
                earlier |= new
        return body

    def _embedded(self, type: ConceptType, document: Document) -> _EmbeddedConcept:
        """Write an embedded concept, unless it is written."""
        cached = self._embedded_by_identity.get(id(document))
        if cached is not None and cached.document is document and cached.type is type:
            return cached
        concept = self._concepts_by_id.get((type, document["id"]))
        if type.is_block:
            if concept is None or concept.item is None:
                concept = self._block(type, document)
        elif concept is None:
            is_final = type.route is None  # no document of its own will complete it
            concept = self._write(type, document, facts(type, document) if is_final else {}, is_final)
            self._embed(type, document, concept.n)
        reference = self._reference(type, concept, document)
        if len(self._embedded_by_identity) >= MAX_EMBEDDED:
            self._embedded_by_identity.clear()
        embedded = _EmbeddedConcept(document, type, concept.n, reference)
        self._embedded_by_identity[id(document)] = embedded
        return embedded

    def _reference(self, type: ConceptType, concept: _WrittenConcept, document: Document) -> int:
        form = hash(orjson.dumps(document))
        if form == concept.item:
            return concept.n
        if (number := self._forms.get((concept.n, form))) is None:
            container = concept.n if type.route is None else None  # each form may embed other concepts
            number = self._forms[concept.n, form] = self._body(self._embed(type, document, container))
        return -number

    def _body(self, body: JsonObject) -> int:
        self._last_body += 1
        self._rows[_BODY].append((self._last_body, compressed(body)))
        return self._last_body

    def _block(self, type: ConceptType, document: Document) -> _WrittenConcept:
        """Write a block, merged with the values of earlier documents."""
        key = type, document["id"]
        concept, incomplete = self._concepts_by_id.get(key), self._incomplete.get(key, {})
        if concept is not None and concept.item is not None:
            return concept
        merged = document if type.route is None else _without_nulls(document)
        merged = {**merged, **_without_nulls(incomplete)}
        if concept is not None and merged == incomplete:
            return concept
        is_final = is_complete(type, merged)
        concept = self._write(type, merged, facts(type, merged), is_final)
        if _parts(type):
            self._embed(type, merged, concept.n)
        self._incomplete.pop(key, None)
        if not is_final:
            self._incomplete[key] = merged
        return concept

    def _write(self, type: ConceptType, document: Document, compared: Facts, is_final: bool) -> _WrittenConcept:
        """Insert or update the row of a concept, and write its texts."""
        key = type, document["id"]
        before = self._concepts_by_id.get(key)
        if before is None:
            self._last += 1
        n = before.n if before else self._last
        keys = item_keys(type)
        item = orjson.dumps({name: document[name] for name in document if name in keys})
        row_facts = orjson.dumps(compared)
        row = (document.get("code"), item, row_facts, _digest(row_facts) if compared else 0, is_final, n)
        if before:
            self._rows[_UPDATE].append(row)
        else:
            self._rows[_INSERT].append((*row, type.number, key[1]))
        self._concepts_by_id[key] = concept = _WrittenConcept(n, hash(item) if is_final else None)
        self._texts(type, document, n, is_final)
        self._rows[_REGION] += [(n, region) for region in document.get("regions") or ()]
        return concept

    def _texts(self, type: ConceptType, document: Document, n: int, is_final: bool) -> None:
        for name, number, texts in searched_fields(type):
            if (n, number) in self._searched:
                continue
            rows = [(n, number, _POSITIONS[language], text) for language, text in texts(document.get(name))]
            self._rows[_TEXT] += rows
            if rows and not is_final:
                self._searched.add((n, number))

    def _filters(self, type: ConceptType, document: Document, n: int) -> None:
        """Write the values by which profiles are filtered: terms, classification codes, and the modification time."""
        for field in type.fields:
            value = document.get(field.name)
            match field.value:
                case Terms(scheme=scheme):
                    self._rows[_TERM] += [
                        (n, scheme, term["id"], term["code"], orjson.dumps(term["title"]).decode())
                        for term in value or ()
                    ]
                case Plain("classifications"):
                    self._rows[_TERM] += [(n, code["scheme"], None, code["code"], "null") for code in value or ()]
            if field.is_filter and value:
                self._rows[_MODIFIED].append((n, value))


_NOT_WRITTEN = _WrittenConcept(0, None)
_CONCEPTS = "SELECT concept_type, uuid, n, is_final, item FROM concept"
_POSITIONS = {language: position for position, language in enumerate(LANGUAGES)}

_BLOCKS = numbers(type.number for type in CONCEPT_TYPES if type.is_block)
_DOCUMENTS_OF_BLOCKS = f"""
    SELECT concept.n, document.n, body FROM concept JOIN document ON document.n = concept.document
    WHERE concept_type IN ({_BLOCKS})
"""  # noqa: S608  # numbers of types
_TEXTS_OF_INCOMPLETE = "SELECT DISTINCT concept, field FROM concept JOIN text ON concept = n WHERE NOT is_final"


def _without_nulls(document: Document) -> JsonObject:
    return {name: value for name, value in document.items() if value is not None}


@cache
def _parts(type: ConceptType) -> dict[str, tuple[Concepts, ConceptType]]:
    return {name: (value, concept_type(value.type_name)) for name, value in parts(type).items()}


def _digest(facts: bytes) -> int:
    # Never 0, which marks a concept without known facts.
    return int.from_bytes(blake2s(facts, digest_size=8).digest(), "big", signed=True) or 1
