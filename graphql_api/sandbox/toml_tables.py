"""Reads and validates the TOML files of the bundled data: one table per concept or term, named by its code.

Keys of a table are the declared fields of its type in snake case, such as `working_context`. Errors name the file, the table and
the key, and say what to write instead. Tables that are returned have only known keys and valid references.
"""

import re
import tomllib
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from graphql_api.competent import declarations
from graphql_api.competent.declarations import Concepts, ConceptType, Terms, Value
from graphql_api.sandbox.dataset import COMPETENCE, COMPETENCE_SET, LANGUAGES, PROFILE, main_text, release_order

RELEASES = {"3.11": "2022-06-30", "3.10": "2022-03-31", "3.9": "2021-12-16"}
"""Releases of the bundled data with their publication dates, newest first; tables describe the newest one."""
SMALL = "3.9"
"""The release that has only the profiles with `since = "3.9"` and their competences. Other profiles start in the next one."""


class BundledDataError(ValueError):
    """A file of the bundled data is invalid; the message names the file, the table and the key."""


Values = Mapping[str, Any]
"""Values of a TOML table by key."""


@dataclass(frozen=True, slots=True)
class TomlTable:
    """The table of a concept or term in a file."""

    file: str
    code: str
    values: Values

    @property
    def prefix(self) -> str:
        return self.code.partition("-")[0]

    def as_of(self, release: str) -> Values | None:
        """The values in a release; None if the table is not in it."""
        return as_of(self.values, release, _DEFAULT_SINCE.get(self.prefix))

    def states(self) -> list[Values]:
        """The values in each release that has the table, the newest first."""
        return [values for release in RELEASES if (values := self.as_of(release)) is not None]

    def error(self, reason: str, key: str = "") -> BundledDataError:
        """An error in this table, or in one of its keys; a key of an inline table is a path such as `skill.nl`."""
        return BundledDataError(f"{self.file}: table [{self.code}]{key and f', key {key}'}: {reason}")


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
_BEFORE = tuple(RELEASES)[:-1]
"""Releases in which values may change, newest first."""
_DEFAULT_SINCE = {PROFILE.code_prefix: _BEFORE[-1]}
"""The first release of tables without `since`, by prefix; other tables are in all releases."""
_TEXT: _Shapes = dict.fromkeys(LANGUAGES, "text")
_CODE = re.compile(r"([A-Z]{2})-(\d+)")
_MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z")
_EXPECTED = {
    "text": "a text that is not blank",
    "uuid": "a UUID in lower case",
    "list": "a list of different texts, such as ['a', 'b']",
    "lists": "a table of lists, such as { ISCO08 = ['2221'] }",
    "release": f"one of the releases {', '.join(map(repr, RELEASES))}",
    "moment": "a time in UTC such as '2021-11-03T09:12:00Z'",
}
"""Descriptions of shapes in error messages."""


@cache
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
    return _PLAIN[value.conversion]


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
_TABLES[PROFILE.code_prefix] = {**_TABLES[PROFILE.code_prefix], "few_competences": "text"}
_TABLES[COMPETENCE_SET.code_prefix] = {
    **{key: shape for key, shape in _TABLES[COMPETENCE_SET.code_prefix].items() if key != "skills"},
    "competences": _References(COMPETENCE.code_prefix),  # its skills are theirs
}
_REQUIRED = {PROFILE.code_prefix: "title", COMPETENCE.code_prefix: "skill", COMPETENCE_SET.code_prefix: "title"}


def read_tables(folder: Path) -> dict[str, TomlTable]:
    """All tables in the TOML files of a folder, by code in `code_order`. Raises BundledDataError."""
    tables: dict[str, TomlTable] = {}
    for path in sorted(folder.glob("*.toml")):
        for table in _read_file(path):
            if table.code in tables:
                raise table.error(f"this code is also used in {tables[table.code].file}; use another code")
            tables[table.code] = table
    if not tables:
        raise BundledDataError(f"{folder}: the folder has no .toml file with tables")
    for table in tables.values():
        _check_references(table, tables)
    return dict(sorted(tables.items(), key=lambda named: code_order(named[0])))


def as_of(values: Values, release: str, since: str | None = None) -> Values | None:
    """The values of a table, or of an inline table, in a release; None if it did not exist.

    `since` is its first release if it names none; by default it is in all releases.
    """
    if since is None and values.keys().isdisjoint(_HISTORY):
        return values
    order = release_order(release)
    first, last = values.get("since", since or release), values.get("until", release)
    if not release_order(first) <= order <= release_order(last):
        return None
    older: Values = {}
    for change in _BEFORE:
        if order < release_order(change):
            older = {**older, **values.get("before", {}).get(change, {})}
    return {**values, **older}


def code_order(code: str) -> tuple[str, int]:
    """Sort key of codes: CP-7 comes before CP-11."""
    prefix, _, number = code.partition("-")
    return prefix, int(number)


def _read_file(path: Path) -> Iterator[TomlTable]:
    try:
        tables = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise BundledDataError(f"{path.name}: not valid TOML: {error}") from error
    for code, values in tables.items():
        table = TomlTable(path.name, code, values)
        match = _CODE.fullmatch(code)
        if match is None or match[1] not in _TABLES:
            prefixes = ", ".join(_TABLES)
            raise table.error(
                f"the name is not a code; use a prefix, a hyphen and a number, such as CP-1 (prefixes: {prefixes})"
            )
        _check_values(table, values, _TABLES[match[1]])
        if (required := _REQUIRED.get(match[1])) and required not in values:
            raise table.error(f"the key {required} is missing")
        yield table


def _check_values(table: TomlTable, values: object, shapes: _Shapes, path: str = "") -> None:
    """Check a table, or an inline table at a key (`path`)."""
    if not isinstance(values, dict):
        raise table.error(f"{values!r} must be a table, such as {{ nl = '…' }}", path)
    for key, value in values.items():
        key_path = f"{path}.{key}" if path else key
        shape = shapes.get(key) or _HISTORY.get(key)
        if shape is None:
            raise table.error(f"unknown key; use one of {', '.join([*shapes, *_HISTORY])}", key_path)
        _check_value(table, key_path, value, shape, shapes)


def _check_value(table: TomlTable, path: str, value: object, shape: _Shape, shapes: _Shapes) -> None:
    match shape:
        case _References():
            _check_reference_list(table, path, value, shape)
        case "before":
            _check_before(table, path, value, shapes)
        case "texts":
            _check_values(table, value, _TEXT, path)
        case "names":
            _check_values(table, value, dict.fromkeys(LANGUAGES, "list"), path)
        case "lists" if isinstance(value, dict):
            _check_values(table, value, dict.fromkeys(value, "list"), path)
        case _ if not _fits(value, shape):
            raise table.error(f"{value!r} must be {_EXPECTED[shape]}", path)


def _check_before(table: TomlTable, path: str, value: object, shapes: _Shapes) -> None:
    """Check the older values of a table by the release in which they changed."""
    if not isinstance(value, dict) or not value.keys() <= {*_BEFORE}:
        releases = " or ".join(_BEFORE)
        raise table.error(
            f"name the release in which the values changed ({releases}), as in before.'{_BEFORE[0]}'", path
        )
    for release, values in value.items():
        _check_values(table, values, shapes, f"{path}.{release}")


def _check_reference_list(table: TomlTable, path: str, value: object, shape: _References) -> None:
    """Check codes, each at most once, and inline tables; for a single reference, one of them."""
    references = [value] if shape.single else value
    expected = f"a code {shape.prefix}-…{' or an inline table' * shape.inline}"
    if not isinstance(references, list):
        raise table.error(f"{value!r} must be a list, each item {expected}", path)
    for number, reference in enumerate(references, 1):
        item_path = path if shape.single else f"{path}[{number}]"
        match reference:
            case dict() if shape.inline:
                _check_values(table, reference, {**_TABLES[shape.prefix], "code": "text"}, item_path)
            case str() if references.count(reference) > 1:
                raise table.error(f"{reference} is listed more than once; remove the repetition", path)
            case str():
                pass
            case _:
                raise table.error(f"{reference!r} must be {expected}", item_path)


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


def _check_references(table: TomlTable, tables: Mapping[str, TomlTable]) -> None:
    references = {key: shape for key, shape in _TABLES[table.prefix].items() if isinstance(shape, _References)}
    for values in table.states():
        for key, shape in references.items():
            for code in filter(_is_code, [values.get(key)] if shape.single else values.get(key, ())):
                if code not in tables:
                    raise table.error(f"no file has a table [{code}]; add it or correct the code", key)
                if tables[code].prefix != shape.prefix:
                    raise table.error(f"{code} must be a code {shape.prefix}-…", key)
        if both := {*values.get("essential_competences", ())} & {*values.get("optional_competences", ())}:
            codes = ", ".join(sorted(both))
            raise table.error(
                f"{codes} cannot be essential and optional; remove it from one of the lists", "optional_competences"
            )


def _is_code(reference: object) -> bool:
    return isinstance(reference, str)
