"""Documents taken apart into the rows of an index.

A thing is written by whatever names it first and completed by its own document; what is told twice is written once.
"""

import sqlite3
from collections.abc import Collection, Iterable, Mapping
from hashlib import blake2s
from typing import Any

import orjson

from graphql_api.competent import fields
from graphql_api.competent.fields import (
    CODES,
    ESSENTIAL,
    LANGUAGES,
    OPTIONAL,
    SKILL_TEXT,
    Name,
    first,
    id_text,
    texts,
    things,
    uuid_text,
)
from graphql_api.competent.hal import Document, parts
from graphql_api.index.tables import DamagedIndex, Field, Kind, Role

_TERMS = {"sector": "economicSectors", "area": "areasOfInterest", "proof": "proofsOfLearning"}
_BLOCKS = (
    (Role.KNOWLEDGE, Kind.Knowledge, "knowledgeItems"),
    (Role.INDICATOR, Kind.BehaviouralIndicator, "behaviouralIndicators"),
)
_PROSE = {Field.TITLE: "title", Field.DESCRIPTION: "description", Field.WORKING_CONTEXT: "workingContext"}
_SKILLS = ((Role.SOFT_SKILL, Kind.SoftSkill, "softSkills"), (Role.DIGITAL_SKILL, Kind.DigitalSkill, "digitalSkills"))

_SKILL_KEYS = ("id", "code", *SKILL_TEXT, "regions")
_LISTED = (Kind.SoftSkill, Kind.DigitalSkill)

Facts = dict[str, Any]
"""What is compared between releases, by GraphQL field; empty for a thing that is only embedded so far."""


_THING = "INSERT INTO thing (code, item, facts, digest, kind, uuid, n) VALUES (?, ?, ?, ?, ?, ?, ?)"
_WHOLE = "UPDATE thing SET code = ?, item = ?, facts = ?, digest = ? WHERE kind = ? AND uuid = ? AND n = ?"
_HOLDS = "INSERT OR IGNORE INTO holds VALUES (?, ?, ?)"
_TEXT = "INSERT INTO text VALUES (?, ?, ?, ?)"
_TERM = "INSERT INTO term VALUES (?, ?, ?, ?)"
_MODIFIED = "INSERT OR REPLACE INTO modified VALUES (?, ?)"
_DONE = "INSERT INTO done VALUES (?)"
_FOUND = "DELETE FROM missing WHERE path = ?"
_MISSING = "INSERT OR REPLACE INTO missing VALUES (?, ?)"


class Writer:
    """Writes into the tables of one index: rows are gathered, and `commit` writes all of them or none."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        rows = connection.execute("SELECT kind, uuid, n, digest FROM thing")
        self._things: dict[tuple[int, str], tuple[int, int]] = {
            (kind, uuid): (n, digest) for kind, uuid, n, digest in rows
        }
        self._last = max((n for n, _ in self._things.values()), default=0)
        self._rows: dict[str, list[tuple[Any, ...]]] = {}
        lacking = connection.execute(
            "SELECT kind, uuid, item FROM thing WHERE code IS NULL AND kind IN (?, ?)", _LISTED
        )
        try:
            self._lacking: dict[tuple[int, str], dict[str, Any]] = {
                (kind, id_): orjson.loads(item) for kind, id_, item in lacking
            }
        except ValueError as error:
            raise DamagedIndex("the item of a thing") from error
        self._labelled = {n for (n,) in connection.execute("SELECT thing FROM text WHERE field = ?", (Field.LABEL,))}

    def profile(self, document: Document) -> None:
        """A whole occupational profile, with the competences and skills that it embeds."""
        names, terms = fields.names(document.get("alternativeNames")), _terms(document)
        facts = _profile_facts(document, names, terms)
        n = self._thing(Kind.OccupationalProfile, document, ("id", "code", "title"), facts)
        if n is None:
            return
        for field, key in _PROSE.items():
            self._texts(n, field, facts[key].items())
        self._texts(n, Field.NAME, ((each.language or LANGUAGES[0], each.name) for each in names))
        self._put(_TERM, ((n, *each) for each in terms))
        essential = self._hold(n, Role.ESSENTIAL, map(self._embedded, things(first(document, ESSENTIAL))))
        self._hold(n, Role.OPTIONAL, map(self._embedded, things(first(document, OPTIONAL))), without=essential)
        for role, kind, key in _SKILLS:
            self._hold(n, role, [self.skill(kind, each) for each in things(document.get(key))])
        if modified := fields.moment(document.get("lastModified")):
            self._put(_MODIFIED, [(n, modified.isoformat())])

    def done(self, path: str) -> None:
        """The document at this path was written."""
        self._put(_DONE, [(path,)])
        self._put(_FOUND, [(path,)])

    def missing(self, path: str, code: str) -> None:
        """There was no document at this path, but an error of this code."""
        self._put(_MISSING, [(path, code)])

    def commit(self) -> None:
        """Write what was gathered, in one transaction; what could not be written stays gathered."""
        with self._connection:
            for sql in (_THING, _WHOLE, _HOLDS, _TEXT, _TERM, _MODIFIED, _DONE, _FOUND, _MISSING):
                self._connection.executemany(sql, self._rows.get(sql, ()))
        self._rows.clear()

    def _put(self, sql: str, rows: Iterable[tuple[Any, ...]]) -> None:
        self._rows.setdefault(sql, []).extend(rows)

    def competence(self, document: Document) -> None:
        """A whole technical competence."""
        self._competence(document, _competence_facts(document))

    def _embedded(self, document: Document) -> int | None:
        known = self._things.get((Kind.TechnicalCompetence, id_text(document)))
        if known:
            return known[0]
        return self._competence(document, {})

    def _competence(self, document: Document, facts: Facts) -> int | None:
        n = self._thing(Kind.TechnicalCompetence, document, ("id", "code", "skill"), facts)
        skill = next(iter(parts(document.get("skill"))), None)
        if n is None or skill is None:
            return n
        self._label(n, texts(skill.get("description")))
        self._hold(n, Role.SKILL, [self._block(Kind.Skill, skill)])
        for role, kind, key in _BLOCKS:
            self._hold(n, role, [self._block(kind, each) for each in parts(document.get(key))])
        return n

    def skill(self, kind: Kind, document: Document) -> int | None:
        """A soft or digital skill, listed or embedded; what one of these tells completes what another did not."""
        key = (kind, id_text(document))
        known, lacking = self._things.get(key), self._lacking.get(key)
        if known and lacking is None:
            return known[0]
        told = {name: document[name] for name in _SKILL_KEYS if document.get(name) is not None} | (lacking or {})
        if known and told == lacking:
            return known[0]
        label = texts(first(told, SKILL_TEXT))
        facts = {"code": fields.code(told), "description": label}
        n = self._thing(kind, told, _SKILL_KEYS, facts, again=lacking is not None)
        self._label(n, label)
        self._lacking.pop(key, None)
        if n is not None and not all(facts.values()):
            self._lacking[key] = told
        return n

    def _block(self, kind: Kind, document: Document) -> int | None:
        known = self._things.get((kind, id_text(document)))
        if known:  # by far the most frequent case: the same block in many competences
            return known[0]
        label = texts(document.get("description"))
        facts = {"code": fields.code(document), "description": label, "regions": _regions(document)}
        n = self._thing(kind, document, ("id", "code", "description", "regions"), facts)
        self._label(n, label)
        return n

    def _thing(
        self, kind: Kind, document: Document, keys: tuple[str, ...], facts: Facts, again: bool = False
    ) -> int | None:
        uuid = uuid_text(document.get("id"))
        if uuid is None:
            return None
        n, digest = self._things.get((kind, uuid), (0, 0))
        if n and not again and (digest or not facts):
            return n
        told = orjson.dumps(facts)
        item = orjson.dumps({key: document[key] for key in keys if key in document})
        if not n:
            self._last += 1
        row = (fields.code(document), item, told, _digest(told) if facts else 0, kind, uuid, n or self._last)
        self._put(_WHOLE if n else _THING, [row])
        self._things[kind, uuid] = (row[6], row[3])
        return row[6]

    def _hold(
        self, whole: int, role: Role, held: Iterable[int | None], without: Collection[int] = ()
    ) -> Collection[int]:
        found = {part for part in held if part is not None and part not in without}
        self._put(_HOLDS, ((whole, role, part) for part in found))
        return found

    def _label(self, thing: int | None, found: Mapping[str, str]) -> None:
        if thing is not None and found and thing not in self._labelled:
            self._labelled.add(thing)
            self._texts(thing, Field.LABEL, found.items())

    def _texts(self, thing: int, field: Field, found: Iterable[tuple[str, str]]) -> None:
        self._put(_TEXT, ((thing, field, LANGUAGES.index(language), text) for language, text in found))


def _terms(document: Document) -> list[tuple[str, str | None, str | None]]:
    """Scheme, uuid and code of what a profile is filed under."""
    rows: list[tuple[str, str | None, str | None]] = [
        (scheme, str(each.uuid) if each.uuid else None, each.code)
        for scheme, key in _TERMS.items()
        for each in fields.labels(document.get(key))
    ]
    return rows + [(scheme, None, code) for scheme, code in fields.codes(first(document, CODES))]


def _digest(facts: bytes) -> int:
    # Never 0, which stands for a thing whose own document was not read yet.
    return int.from_bytes(blake2s(facts, digest_size=8).digest(), "big", signed=True) or 1


def _profile_facts(document: Document, names: list[Name], terms: list[tuple[str, str | None, str | None]]) -> Facts:
    return {
        "code": fields.code(document),
        **{key: texts(document.get(key)) for key in _PROSE.values()},
        "alternativeNames": sorted([each.language or "", each.name] for each in names),
        "essentialCompetences": _ids(first(document, ESSENTIAL)),
        "optionalCompetences": _ids(first(document, OPTIONAL)),
        "softSkills": _ids(document.get("softSkills")),
        "digitalSkills": _ids(document.get("digitalSkills")),
        **{
            key: sorted(code or uuid or "" for each, uuid, code in terms if each == scheme)
            for scheme, key in _TERMS.items()
        },
        "classifications": sorted([scheme, code or ""] for scheme, _, code in terms if scheme not in _TERMS),
    }


def _competence_facts(document: Document) -> Facts:
    return {
        "code": fields.code(document),
        "skill": _ids(document.get("skill")),
        "knowledgeItems": _ids(document.get("knowledgeItems")),
        "behaviouralIndicators": _ids(document.get("behaviouralIndicators")),
    }


def _ids(value: object) -> list[str]:
    return sorted(map(id_text, things(value)))


def _regions(document: Document) -> list[str]:
    return sorted(fields.bare_texts(document.get("regions")))
