"""The bundled data: a folder of TOML files as two releases.

The same files always give the same uuids and codes, and a thing has the same ones in both releases unless its file
says otherwise.
"""

import uuid
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from graphql_api.sandbox.dataset import (
    LANGUAGES,
    AlternativeName,
    Block,
    Competence,
    Dataset,
    Profile,
    Texts,
    texts,
)
from graphql_api.sandbox.toml_tables import RELEASES, Table, as_of, read_tables

DATA = Path(__file__).parent / "data"
"""Where the bundled data stands in the package."""

_NAMESPACE = uuid.UUID("b4a1c3f6-52d7-4c0e-9a7e-6d1f0c2e8b35")

Values = Mapping[str, Any]


@cache
def bundled_datasets(folder: Path = DATA) -> tuple[Dataset, ...]:
    """The releases that the folder's files tell, newest first; read once a process.

    Raises:
        BundledDataError: a file has an error; the text names file and code.
    """
    tables = read_tables(folder)
    identities = _Identities(tables)
    return tuple(_Assembly(number, tables, identities).dataset() for number in RELEASES)


class _Identities:
    """Uuids and codes of what the files tell without them, counted over all releases."""

    def __init__(self, tables: Mapping[str, Table]) -> None:
        self._indicators: dict[str, tuple[str, str]] = {}
        self._names: dict[tuple[str, str, str], str] = {}
        indicators = [values for release in RELEASES for values in _indicators(tables, release)]
        taken = {values["code"] for values in indicators if "code" in values}
        # What has a code of its own goes first, so that the same text elsewhere is the same indicator.
        for values in sorted(indicators, key=lambda values: "code" not in values):
            self._indicators.setdefault(_text_key(values), (_uuid(values, _text_key(values)), values.get("code", "")))
        numbers = (code for code in map("BI-{}".format, range(1, 1_000_000)) if code not in taken)
        self._indicators = {key: (id_, code or next(numbers)) for key, (id_, code) in self._indicators.items()}
        for release in RELEASES:
            for name in _names(tables, release):
                self._names.setdefault(name, f"AN-{len(self._names) + 1}")

    def indicator(self, values: Values) -> tuple[str, str]:
        """Uuid and code of an indicator: the same Dutch text is the same indicator."""
        return self._indicators[_text_key(values)]

    def name(self, profile: str, language: str, name: str) -> AlternativeName:
        key = (profile, language, name)
        return AlternativeName(_uuid({}, "|".join(key)), self._names[key], language, name)


class _Assembly:
    """One release put together from the tables; what is not in it is left out wherever it is named."""

    def __init__(self, number: str, tables: Mapping[str, Table], identities: _Identities) -> None:
        self._number = number
        self._identities = identities
        self._blocks: dict[str, tuple[Block, Table]] = {}
        there = [(table, values) for table in tables.values() if (values := as_of(table.values, number)) is not None]
        self._labels = {t.code: _block(v, t.code) for t, v in there if t.kind not in ("OP", "CP")}
        self._competences = {t.code: self._competence(t, v) for t, v in there if t.kind == "CP"}
        self._profiles = [self._profile(t, v) for t, v in there if t.kind == "OP"]

    def dataset(self) -> Dataset:
        soft_skills = tuple(label for code, label in self._labels.items() if code.startswith("SS-"))
        competences = tuple(self._competences.values())
        return Dataset(self._number, RELEASES[self._number], tuple(self._profiles), competences, soft_skills)

    def _competence(self, table: Table, values: Values) -> Competence:
        skill = as_of(values["skill"], self._number)
        if skill is None or "code" not in skill:
            raise table.error("its skill has no code or is not there in every release")
        # Documents know regions of blocks only: a competence of some regions shows there in its own way.
        regional = {"regions": values.get("regions", ())}
        indicators = (as_of(one, self._number) for one in values.get("indicators", ()))
        return Competence(
            _uuid(values, table.code),
            table.code,
            self._shared(table, _block(skill, skill["code"])),
            tuple(self._named(values, "knowledge")),
            tuple(self._shared(table, self._indicator({**regional, **one})) for one in indicators if one is not None),
        )

    def _indicator(self, values: Values) -> Block:
        id_, code = self._identities.indicator(values)
        return Block(id_, code, _texts(values), tuple(values.get("regions", ())))

    def _shared(self, table: Table, block: Block) -> Block:
        """The one block of this code: told twice, it must be told alike."""
        first, told_by = self._blocks.setdefault(block.code, (block, table))
        if first != block:
            raise table.error(f"{block.code} ({block.texts['nl']!r}) is told otherwise by {told_by.code}")
        return first

    def _named(self, values: Values, key: str) -> Iterator[Block]:
        return (self._labels[code] for code in values.get(key, ()) if code in self._labels)

    def _profile(self, table: Table, values: Values) -> Profile:
        competences = self._competences
        return Profile(
            uuid=_uuid(values, table.code),
            code=table.code,
            title=_texts(values["title"]),
            description=_texts(values.get("description", {})),
            working_context=_texts(values.get("working_context", {})),
            names=tuple(self._identities.name(table.code, *name) for name in _names_of(values)),
            essential=tuple(competences[code] for code in values.get("essential", ()) if code in competences),
            optional=tuple(competences[code] for code in values.get("optional", ()) if code in competences),
            soft_skills=tuple(self._named(values, "soft")),
            digital_skills=tuple(self._named(values, "digital")),
            proofs=tuple(self._named(values, "proofs")),
            sectors=tuple(self._named(values, "sectors")),
            areas=tuple(self._named(values, "areas")),
            codes=tuple(("ISCO08", code) for code in values.get("isco", ())),
            last_modified=values.get("last_modified"),
            last_published=f"{RELEASES[self._number]}T00:00:00Z",
        )


def _indicators(tables: Mapping[str, Table], release: str) -> Iterator[Values]:
    for table in tables.values():
        if table.kind == "CP" and (values := as_of(table.values, release)) is not None:
            for indicator in values.get("indicators", ()):
                if (there := as_of(indicator, release)) is not None:
                    if not _text_key(there):
                        raise table.error("an indicator has no text")
                    yield there


def _names(tables: Mapping[str, Table], release: str) -> Iterator[tuple[str, str, str]]:
    for table in tables.values():
        if table.kind == "OP" and (values := as_of(table.values, release)) is not None:
            yield from ((table.code, *name) for name in _names_of(values))


def _names_of(values: Values) -> Iterator[tuple[str, str]]:
    names = values.get("names", {})
    return ((language, name) for language in LANGUAGES for name in names.get(language, ()))


def _block(values: Values, code: str) -> Block:
    return Block(_uuid(values, code), code, _texts(values), tuple(values.get("regions", ())))


def _texts(values: Values) -> Texts:
    return texts(*(values.get(language) for language in LANGUAGES))


def _text_key(values: Values) -> str:
    return next((values[language].strip() for language in LANGUAGES if language in values), "")


def _uuid(values: Values, name: str) -> str:
    return values.get("uuid") or str(uuid.uuid5(_NAMESPACE, values.get("code", name)))
