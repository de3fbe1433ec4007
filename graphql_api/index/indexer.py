"""The indexer: turns normalised documents into the rows of an index, as declared.

The first document that embeds or lists a concept writes it, and its own document completes it. Duplicates are written once.
"""

import sqlite3
from collections.abc import Callable, Iterable, Iterator
from functools import cache
from hashlib import blake2s
from typing import Any, NamedTuple

import orjson

from graphql_api.competent.declarations import (
    CONCEPT_TYPES,
    Concepts,
    ConceptType,
    Plain,
    Terms,
    Value,
    concept_type,
)
from graphql_api.competent.hal import Document
from graphql_api.index.documents import compressed, decompressed
from graphql_api.index.facts import Facts, facts
from graphql_api.index.tables import LANGUAGES, SEARCHED, TYPES, DamagedIndex, numbers, parts

_NEW = """
    INSERT INTO concept (code, item, facts, digest, is_final, n, concept_type, uuid) VALUES (?, ?, ?, ?, ?, ?, ?, ?)
"""
_AGAIN = "UPDATE concept SET code = ?, item = ?, facts = ?, digest = ?, is_final = ? WHERE n = ?"
_BODY = "INSERT INTO document VALUES (?, ?)"
_DOCUMENT = "UPDATE concept SET document = ? WHERE n = ?"
_HOLDS = "INSERT OR IGNORE INTO embeds VALUES (?, ?, ?)"
_TEXT = "INSERT INTO text VALUES (?, ?, ?, ?)"
_TERM = "INSERT INTO term VALUES (?, ?, ?, ?)"
_MODIFIED = "INSERT OR REPLACE INTO modified VALUES (?, ?)"
_DONE = "INSERT INTO crawled VALUES (?)"
_FOUND = "DELETE FROM missing WHERE path = ?"
_MISSING = "INSERT OR REPLACE INTO missing VALUES (?, ?)"
MAX_RECENT = 8192
"""Maximum embedded concepts that are cached by object identity."""
_STATEMENTS = (_NEW, _AGAIN, _BODY, _DOCUMENT, _HOLDS, _TEXT, _TERM, _MODIFIED, _DONE, _FOUND, _MISSING)


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


class Indexer:
    """Writes into the tables of one index. Rows are buffered; `commit` writes all of them or none."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._rows: dict[str, list[tuple[Any, ...]]] = {}
        self._known: dict[tuple[ConceptType, str], _WrittenConcept] = {}
        self._incomplete: dict[tuple[ConceptType, str], dict[str, Any]] = {}
        self._forms: dict[tuple[int, int], int] = {}
        self._recent: dict[int, _EmbeddedConcept] = {}
        try:
            self._read_concepts()
            self._read_forms()
        except (ValueError, KeyError) as error:
            raise DamagedIndex("the item or the document of a concept") from error
        self._last = max((known.n for known in self._known.values()), default=0)
        self._last_body: int = connection.execute("SELECT coalesce(max(n), 0) FROM document").fetchone()[0]
        self._searched = set(connection.execute(_SEARCHED_OF_UNSETTLED))

    def _read_concepts(self) -> None:
        for kind, uuid, n, settled, item in self._connection.execute(_CONCEPTS):
            key = (TYPES[kind], uuid)
            self._known[key] = _WrittenConcept(n, hash(item) if settled else None)
            if not settled and TYPES[kind].is_block:
                self._incomplete[key] = orjson.loads(item)

    def _read_forms(self) -> None:
        for n, number, body in self._connection.execute(_DOCUMENTS_OF_BLOCKS):
            self._forms[n, hash(decompressed(body))] = number

    def whole(self, type: ConceptType, document: Document) -> None:
        """Add a concept from its own document, or a block from a list item."""
        if "id" not in document:
            return
        if type.is_block:
            known = self._block(type, document)
            reference = self._reference(type, known, document)
            self._put(_DOCUMENT, [(-reference if reference < 0 else None, known.n)])
            return
        known = self._known.get((type, document["id"]), _UNKNOWN)
        if known.item is None:
            n = self._write(type, document, facts(type, document), settled=True).n
            self._put(_DOCUMENT, [(self._body(self._embed(type, document, n)), n)])
            self._filters(type, document, n)

    def done(self, path: str) -> None:
        """Record that the document at this path is indexed."""
        self._put(_DONE, [(path,)])
        self._put(_FOUND, [(path,)])

    def missing(self, path: str, code: str) -> None:
        """Record that loading this path failed with this error code."""
        self._put(_MISSING, [(path, code)])

    def commit(self) -> None:
        """Write the buffered rows in one transaction; if it fails, they stay buffered."""
        with self._connection:
            for sql in _STATEMENTS:
                self._connection.executemany(sql, self._rows.get(sql, ()))
        self._rows.clear()

    def _put(self, sql: str, rows: Iterable[tuple[Any, ...]]) -> None:
        self._rows.setdefault(sql, []).extend(rows)

    def _embed(self, type: ConceptType, document: Document, whole: int | None = None) -> dict[str, Any]:
        """Write the embedded concepts, as parts of `whole` if given; returns the document with references in their place."""
        body = dict(document)
        held: dict[ConceptType, set[int]] = {}
        for name, (value, target) in _parts(type).items():
            if (found := document.get(name)) is None:
                continue
            embedded = [self._embedded(target, each) for each in ([found] if value.single else found)]
            references = [reference for _, reference in embedded]
            body[name] = references[0] if value.single else references
            if whole is not None:
                earlier = held.setdefault(target, set())
                new = {n for n, _ in embedded} - earlier
                self._put(_HOLDS, [(whole, value.role, n) for n in new])
                earlier |= new
        return body

    def _embedded(self, type: ConceptType, document: Document) -> tuple[int, int]:
        """Write an embedded concept, unless it is written; returns its number, and the reference for this form of it."""
        recent = self._recent.get(id(document))
        if recent is not None and recent.document is document and recent.type is type:
            return recent.n, recent.reference
        known = self._known.get((type, document["id"]))
        if type.is_block:
            if known is None or known.item is None:
                known = self._block(type, document)
        elif known is None:
            known = self._write(type, document, {}, settled=False)
            self._embed(type, document, known.n)
        reference = self._reference(type, known, document)
        if len(self._recent) >= MAX_RECENT:
            self._recent.clear()
        self._recent[id(document)] = _EmbeddedConcept(document, type, known.n, reference)
        return known.n, reference

    def _reference(self, type: ConceptType, known: _WrittenConcept, document: Document) -> int:
        form = hash(orjson.dumps(document))
        if form == known.item:
            return known.n
        if (number := self._forms.get((known.n, form))) is None:
            number = self._forms[known.n, form] = self._body(self._embed(type, document))
        return -number

    def _body(self, body: dict[str, Any]) -> int:
        self._last_body += 1
        self._put(_BODY, [(self._last_body, compressed(body))])
        return self._last_body

    def _block(self, type: ConceptType, document: Document) -> _WrittenConcept:
        """Write a block, merged with the values of earlier documents."""
        key = type, document["id"]
        known, incomplete = self._known.get(key), self._incomplete.get(key, {})
        if known is not None and known.item is not None:
            return known
        merged = document if type.route is None else _said(document)
        merged = {**merged, **_said(incomplete)}
        if known is not None and merged == incomplete:
            return known
        settled = _is_complete(type, merged)
        known = self._write(type, merged, facts(type, merged), settled)
        if _parts(type):
            self._embed(type, merged, known.n)
        self._incomplete.pop(key, None)
        if not settled:
            self._incomplete[key] = merged
        return known

    def _write(self, type: ConceptType, document: Document, found: Facts, settled: bool) -> _WrittenConcept:
        """Insert or update the row of a concept, and write its texts."""
        key = type, document["id"]
        before = self._known.get(key)
        if before is None:
            self._last += 1
        n = before.n if before else self._last
        keys = _item_keys(type)
        item, told = orjson.dumps({name: document[name] for name in document if name in keys}), orjson.dumps(found)
        row = (document.get("code"), item, told, _digest(told) if found else 0, settled, n)
        if before:
            self._put(_AGAIN, [row])
        else:
            self._put(_NEW, [(*row, type.number, key[1])])
        self._known[key] = known = _WrittenConcept(n, hash(item) if settled else None)
        self._texts(type, document, n, settled)
        return known

    def _texts(self, type: ConceptType, document: Document, n: int, settled: bool) -> None:
        for name, number, texts in _searched_fields(type):
            if (n, number) in self._searched:
                continue
            rows = [(n, number, _PLACES[language], text) for language, text in texts(document.get(name))]
            self._put(_TEXT, rows)
            if rows and not settled:
                self._searched.add((n, number))

    def _filters(self, type: ConceptType, document: Document, n: int) -> None:
        """Write the values by which profiles are filtered: terms, classification codes, and the modification time."""
        for field in type.fields:
            found = document.get(field.name)
            match field.value:
                case Terms(scheme=scheme):
                    self._put(_TERM, [(n, scheme, each["id"], each["code"]) for each in found or ()])
                case Plain("classifications"):
                    self._put(_TERM, [(n, each["scheme"], None, each["code"]) for each in found or ()])
            if field.is_filter and found:
                self._put(_MODIFIED, [(n, found)])


_UNKNOWN = _WrittenConcept(0, None)
_CONCEPTS = "SELECT concept_type, uuid, n, is_final, item FROM concept"
_PLACES = {language: place for place, language in enumerate(LANGUAGES)}

_BLOCKS = numbers(each.number for each in CONCEPT_TYPES if each.is_block)
_DOCUMENTS_OF_BLOCKS = f"""
    SELECT concept.n, document.n, body FROM concept JOIN document ON document.n = concept.document
    WHERE concept_type IN ({_BLOCKS})
"""  # noqa: S608  # numbers of types
_SEARCHED_OF_UNSETTLED = "SELECT DISTINCT concept, field FROM concept JOIN text ON concept = n WHERE NOT is_final"


def _said(document: Document) -> dict[str, Any]:
    return {name: value for name, value in document.items() if value is not None}


def _is_complete(type: ConceptType, block: Document) -> bool:
    """Whether no other document can add values to a block.

    Concepts of types without a route have only embedded documents, so for them a text that is known to be empty is final.
    """
    names = ("code", *SEARCHED[type])
    return all(name in block for name in names) if type.route is None else all(map(block.get, names))


@cache
def _parts(type: ConceptType) -> dict[str, tuple[Concepts, ConceptType]]:
    return {name: (value, concept_type(value.type_name)) for name, value in parts(type).items()}


class _SearchedField(NamedTuple):
    """A searched field: its name, its number in the index, and the function that reads its texts."""

    name: str
    number: int
    texts: Callable[[Any], Iterable[tuple[str, str]]]


@cache
def _searched_fields(type: ConceptType) -> tuple[_SearchedField, ...]:
    fields = (field for field in type.fields if field.search is not None)
    return tuple(_SearchedField(field.name, SEARCHED[type][field.name], _texts_of(field.value)) for field in fields)


@cache
def _item_keys(type: ConceptType) -> frozenset[str]:
    """The keys of the item: all fields of a block; id, code and label of other concepts."""
    named = [field.name for field in type.fields] if type.is_block else ["code", *list(SEARCHED[type])[:1]]
    return frozenset(("id", *named))


def _texts_of(value: Value) -> Callable[[Any], Iterable[tuple[str, str]]]:
    """The function that reads (language, text) of all texts of a field; of embedded concepts, their labels."""
    match value:
        case Plain("text"):
            return lambda found: (found or {}).items()
        case Plain("names"):
            return lambda found: ((each["language"] or LANGUAGES[0], each["name"]) for each in found or ())
        case Plain("strings"):
            return lambda found: ((LANGUAGES[0], each) for each in found or ())
        case Plain():
            return lambda found: [(LANGUAGES[0], found)] if found else ()
        case Terms():
            return lambda found: (text for each in found or () for text in (each["title"] or {}).items())
        case Concepts():
            return lambda found: _labels(value, found)


def _labels(value: Concepts, found: Any) -> Iterator[tuple[str, str]]:
    labels = _searched_fields(concept_type(value.type_name))[:1]
    for each in () if found is None else [found] if value.single else found:
        for label in labels:
            yield from label.texts(each.get(label.name))


def _digest(facts: bytes) -> int:
    # Never 0, which marks a concept without known facts.
    return int.from_bytes(blake2s(facts, digest_size=8).digest(), "big", signed=True) or 1
