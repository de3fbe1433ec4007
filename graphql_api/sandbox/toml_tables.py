"""Reads and validates the TOML files of the bundled data: one table per concept or term, named by its code.

Keys of a table are the declared fields of its type in snake case, such as `working_context`. Errors name the file and the code.
Tables that are returned have only known keys and valid references.
"""

import re
import tomllib
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from graphql_api.competent import declarations
from graphql_api.competent.declarations import Concepts, ConceptType, Terms, Value
from graphql_api.sandbox.dataset import COMPETENCE, LANGUAGES, PROFILE, main_text, release_order

RELEASES = {"3.11": "2022-06-30", "3.10": "2022-03-31"}
"""Releases of the bundled data with their publication dates, newest first; tables describe the newest one."""


class BundledDataError(ValueError):
    """A file of the bundled data is invalid; the message names the file and the code."""


@dataclass(frozen=True, slots=True)
class Table:
    """The table of a concept or term in a file."""

    file: str
    code: str
    values: Mapping[str, Any]

    @property
    def prefix(self) -> str:
        return self.code.partition("-")[0]

    def error(self, reason: str) -> BundledDataError:
        return BundledDataError(f"{self.file}: {self.code}: {reason}")


@dataclass(frozen=True, slots=True)
class _References:
    """References to tables whose codes have this prefix. If `inline`, a table may be written instead of a code."""

    prefix: str
    inline: bool = False
    single: bool = False


_Shape = str | _References
_Shapes = Mapping[str, _Shape]

_PLAIN = {
    "text": "texts",
    "code": "text",
    "strings": "list",
    "moment": "moment",
    "names": "names",
    "classifications": "lists",
}
_HISTORY: _Shapes = {"since": "release", "until": "release", "before": "before"}
_TEXT: _Shapes = dict.fromkeys(LANGUAGES, "text")
_CODE = re.compile(r"([A-Z]{2})-(\d+)")
_MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z")
_NAMES = {
    "text": "text",
    "uuid": "uuid",
    "list": "list of texts that are each there once",
    "lists": "table of lists",
    "release": f"release ({', '.join(RELEASES)})",
    "moment": "moment like 2021-11-03T09:12:00Z",
}
"""Names of shapes in error messages."""


def key_of(name: str) -> str:
    """The TOML key of a declared field, such as `working_context` for `workingContext`."""
    return re.sub(r"(?=[A-Z])", "_", name).lower()


def _shape(value: Value) -> _Shape:
    match value:
        case Concepts(type_name, single=single):
            type = declarations.concept_type(type_name)
            return _References(type.code_prefix, type.is_block, single)
        case Terms():
            return _References(value.code_prefix)
    return _PLAIN[value.kind]


def _shapes(type: ConceptType) -> dict[str, _Shape]:
    """Shapes of values by key, for tables of a type. The main text of a block is in the table itself, one key per language."""
    shapes: dict[str, _Shape] = {"uuid": "uuid", **(_TEXT if type.is_block else {})}
    for field in type.fields:
        if field.name != "code" and not (type.is_block and field.name == main_text(type)):
            shapes[key_of(field.name)] = _shape(field.value)
    return shapes


TYPES = {type.code_prefix: type for type in declarations.CONCEPT_TYPES}
"""Concept types by code prefix; all other prefixes are of terms."""
_TABLES: dict[str, _Shapes] = {
    **{prefix: _shapes(type) for prefix, type in TYPES.items()},
    **{
        field.value.code_prefix: {"uuid": "uuid", **_TEXT}
        for type in TYPES.values()
        for field in type.fields
        if isinstance(field.value, Terms) and field.value.code_prefix
    },
}
_TABLES[COMPETENCE.code_prefix] = {**_TABLES[COMPETENCE.code_prefix], "regions": "list"}
_NEEDED = {PROFILE.code_prefix: "title", COMPETENCE.code_prefix: "skill"}


def read_tables(folder: Path) -> dict[str, Table]:
    """All tables in the TOML files of a folder, by code in `code_order`. Raises BundledDataError."""
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
    """The values of a table, or of an inline table, in a release; None if it did not exist."""
    wanted = release_order(release)
    if wanted < release_order(values.get("since", release)) or wanted > release_order(values.get("until", release)):
        return None
    return values if release == next(iter(RELEASES)) else {**values, **values.get("before", {})}


def code_order(code: str) -> tuple[str, int]:
    """Sort key of codes: CP-7 comes before CP-11."""
    prefix, _, number = code.partition("-")
    return prefix, int(number)


def _read_file(path: Path) -> Iterator[Table]:
    try:
        tables = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise BundledDataError(f"{path.name}: {error}") from error
    for code, values in tables.items():
        table = Table(path.name, code, values)
        known = _CODE.fullmatch(code)
        if known is None or known[1] not in _TABLES or not isinstance(values, dict):
            raise table.error(f"a table is named by a code that begins with {', '.join(_TABLES)}")
        _check_values(table, values, _TABLES[known[1]])
        if (needed := _NEEDED.get(known[1])) and needed not in values:
            raise table.error(f"it has no {needed}")
        yield table


def _check_values(table: Table, values: object, shapes: _Shapes) -> None:
    if not isinstance(values, dict):
        raise table.error(f"{values!r} should be a table")
    for key, value in values.items():
        shape = shapes.get(key) or _HISTORY.get(key)
        if shape is None:
            raise table.error(f"unknown key {key!r} (known: {', '.join([*shapes, *_HISTORY])})")
        _check_value(table, key, value, shape, shapes)


def _check_value(table: Table, key: str, value: Any, shape: _Shape, shapes: _Shapes) -> None:
    match shape:
        case _References(prefix, inline):
            references = [value] if shape.single else value
            if not isinstance(references, list):
                raise table.error(f"{key} = {value!r} is no list of {prefix}-codes{' or tables' * inline}")
            codes = [reference for reference in references if not (inline and isinstance(reference, dict))]
            _check_value(table, key, codes, "list", shapes)
            for reference in references:
                if isinstance(reference, dict):
                    _check_values(table, reference, {**_TABLES[prefix], "code": "text"})
        case "before":
            _check_values(table, value, shapes)
        case "texts":
            _check_values(table, value, _TEXT)
        case "names":
            _check_values(table, value, dict.fromkeys(LANGUAGES, "list"))
        case "lists" if isinstance(value, dict):
            _check_values(table, value, dict.fromkeys(value, "list"))
        case _ if not _fits(value, shape):
            raise table.error(f"{key} = {value!r} is no {_NAMES[shape]}")


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
    references = {key: shape for key, shape in _TABLES[table.prefix].items() if isinstance(shape, _References)}
    for values in (table.values, {**table.values, **table.values.get("before", {})}):
        for key, shape in references.items():
            for code in filter(_is_code, [values.get(key)] if shape.single else values.get(key, ())):
                if code not in tables:
                    raise table.error(f"{key} names {code}, which exists nowhere")
                if tables[code].prefix != shape.prefix:
                    raise table.error(f"{key} names {code}, where only {shape.prefix}-codes belong")
        if both := {*values.get("essential_competences", ())} & {*values.get("optional_competences", ())}:
            raise table.error(f"{', '.join(sorted(both))} cannot be essential and optional")


def _is_code(reference: object) -> bool:
    return isinstance(reference, str)
