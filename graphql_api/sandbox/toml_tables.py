"""The bundled data's TOML files as checked tables: each thing once, named by its code.

Whatever is wrong in a file is told with the file and the code; what comes out holds only known keys and references that
lead somewhere.
"""

import re
import tomllib
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from graphql_api.sandbox.dataset import LANGUAGES, release_order

RELEASES = {"3.11": "2022-06-30", "3.10": "2022-03-31"}
"""Releases of the bundled data with their days of publication, newest first: tables tell the first of them."""

REFERENCES = {
    "knowledge": "KN",
    "essential": "CP",
    "optional": "CP",
    "soft": "SS",
    "digital": "DS",
    "proofs": "PL",
    "sectors": "ES",
    "areas": "AI",
}
"""Keys that list codes of other tables, with the kind of code they list."""

_HISTORY = {"since": "release", "until": "release", "before": "before"}
_LABEL = {"uuid": "uuid", **dict.fromkeys(LANGUAGES, "text")}
_BLOCK = {**_LABEL, "regions": "list"}
_INLINE = {**_BLOCK, "code": "text"}
_COMPETENCE = {"uuid": "uuid", "skill": "block", "knowledge": "list", "indicators": "blocks", "regions": "list"}
_PROFILE = {
    "uuid": "uuid",
    **dict.fromkeys(("title", "description", "working_context"), "texts"),
    "names": "names",
    **dict.fromkeys(("essential", "optional", "soft", "digital", "proofs", "sectors", "areas", "isco"), "list"),
    "last_modified": "moment",
}
_KINDS: dict[str, dict[str, str]] = {
    "OP": _PROFILE,
    "CP": _COMPETENCE,
    **dict.fromkeys(("KN", "SS"), _BLOCK),
    **dict.fromkeys(("DS", "PL", "ES", "AI"), _LABEL),
}
_NEEDED = {"OP": "title", "CP": "skill"}
_CODE = re.compile(r"([A-Z]{2})-(\d+)")
_MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z")


class BundledDataError(ValueError):
    """A file of the bundled data does not say what it should; the text names the file and the code."""


@dataclass(frozen=True, slots=True)
class Table:
    """One thing as its file tells it."""

    file: str
    code: str
    values: Mapping[str, Any]

    @property
    def kind(self) -> str:
        return self.code.partition("-")[0]

    def error(self, reason: str) -> BundledDataError:
        return BundledDataError(f"{self.file}: {self.code}: {reason}")


def read_tables(folder: Path) -> dict[str, Table]:
    """All tables of the folder's TOML files by code, in the order of their codes' numbers."""
    tables: dict[str, Table] = {}
    for path in sorted(folder.glob("*.toml")):
        for table in _read_file(path):
            if table.code in tables:
                raise table.error(f"stands in {tables[table.code].file} too")
            tables[table.code] = table
    if not tables:
        raise BundledDataError(f"{folder}: there is no data")
    for table in tables.values():
        _check_references(table, tables)
    return dict(sorted(tables.items(), key=lambda named: code_order(named[0])))


def as_of(values: Mapping[str, Any], release: str) -> Mapping[str, Any] | None:
    """A table (or a table inside one) as it was in a release, None where it did not exist."""
    asked = release_order(release)
    if asked < release_order(values.get("since", release)) or asked > release_order(values.get("until", release)):
        return None
    return values if release == next(iter(RELEASES)) else {**values, **values.get("before", {})}


def code_order(code: str) -> tuple[str, int]:
    """What codes sort by: CP-7 stands before CP-11."""
    kind, _, number = code.partition("-")
    return kind, int(number)


def _read_file(path: Path) -> Iterator[Table]:
    try:
        tables = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise BundledDataError(f"{path.name}: {error}") from error
    for code, values in tables.items():
        table = Table(path.name, code, values)
        known = _CODE.fullmatch(code)
        if known is None or known[1] not in _KINDS or not isinstance(values, dict):
            raise table.error(f"a table is named by a code that begins with {', '.join(_KINDS)}")
        _check_values(table, values, _KINDS[known[1]])
        if (needed := _NEEDED.get(known[1])) and needed not in values:
            raise table.error(f"it has no {needed}")
        yield table


def _check_values(table: Table, values: object, shapes: Mapping[str, str]) -> None:
    if not isinstance(values, dict):
        raise table.error(f"{values!r} should be a table")
    for key, value in values.items():
        shape = shapes.get(key) or _HISTORY.get(key)
        if shape is None:
            raise table.error(f"unknown key {key!r} (known: {', '.join([*shapes, *_HISTORY])})")
        _check_value(table, key, value, shape, shapes)


def _check_value(table: Table, key: str, value: Any, shape: str, shapes: Mapping[str, str]) -> None:
    match shape:
        case "before":
            _check_values(table, value, shapes)
        case "block":
            _check_values(table, value, _INLINE)
        case "blocks" if isinstance(value, list):
            for block in value:
                _check_values(table, block, _INLINE)
        case "texts":
            _check_values(table, value, dict.fromkeys(LANGUAGES, "text"))
        case "names":
            _check_values(table, value, dict.fromkeys(LANGUAGES, "list"))
        case _ if not _fits(value, shape):
            raise table.error(f"{key} = {value!r} is no {_SHAPES[shape]}")


_SHAPES = {
    "text": "text",
    "uuid": "uuid",
    "list": "list of texts that are each there once",
    "blocks": "list of tables",
    "release": f"release ({', '.join(RELEASES)})",
    "moment": "moment like 2021-11-03T09:12:00Z",
}


def _fits(value: object, shape: str) -> bool:
    if shape == "list":
        return isinstance(value, list) and all(isinstance(item, str) for item in value) and len({*value}) == len(value)
    if not isinstance(value, str):
        return False
    match shape:
        case "release":
            return value in RELEASES
        case "moment":
            return _MOMENT.fullmatch(value) is not None
        case "uuid":
            return _is_uuid(value)
    return shape == "text" and bool(value.strip())


def _is_uuid(value: str) -> bool:
    try:
        return str(uuid.UUID(value)) == value
    except ValueError:
        return False


def _check_references(table: Table, tables: Mapping[str, Table]) -> None:
    for values in (table.values, {**table.values, **table.values.get("before", {})}):
        for key, kind in REFERENCES.items():
            for code in values.get(key, ()):
                if code not in tables:
                    raise table.error(f"{key} names {code}, which exists nowhere")
                if tables[code].kind != kind:
                    raise table.error(f"{key} names {code}, where only {kind}-codes belong")
        if both := {*values.get("essential", ())} & {*values.get("optional", ())}:
            raise table.error(f"{', '.join(sorted(both))} cannot be essential and optional")
