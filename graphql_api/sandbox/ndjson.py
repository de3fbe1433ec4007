"""Reads an NDJSON export of the server into a dataset: the release on the first line, then one concept per line.

The keys of a line are those of the Competent API, its `type` is a GraphQL type, and concepts that it embeds have lines of their
own above it. Every line is read or reported: one error lists all invalid lines with their numbers. In lenient mode they are
skipped.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import IO

import orjson

from graphql_api.competent import declarations
from graphql_api.competent.declarations import Concepts, ConceptType, Field, Plain, Terms
from graphql_api.sandbox.dataset import (
    COMPETENCE,
    LANGUAGES,
    PROFILE,
    AlternativeName,
    Classification,
    Concept,
    Dataset,
    Item,
    Profile,
    Term,
    Texts,
    relations,
    texts,
)
from graphql_api.sandbox.report import BadRow, Progress, Report, WorkbookError, one_line, silent

MAX_FILE_BYTES = 1_000_000_000
MAX_LINE_BYTES = 4_000_000
"""Maximum bytes of a line; a profile of a release of real size has 60,000."""
_RELEASE = "Release"
_NUMBER = re.compile(r"\d{1,3}(\.\d{1,3}){1,3}", re.ASCII)
_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_EVERY = 500
"""Lines between two reports of progress."""

Values = Mapping[str, object]


class LineError(ValueError):
    """A line cannot be read; the message is the reason."""


def is_ndjson(path: Path) -> bool:
    """Whether a file is NDJSON, by its name."""
    return path.suffix.lower() == ".ndjson"


def read_ndjson(path: Path, progress: Progress = silent, *, lenient: bool = False) -> Dataset:
    """Read the release in an NDJSON file.

    Raises WorkbookError if the file cannot be read, does not begin with a release, has no profile, or has invalid lines that are
    not to be skipped.
    """
    try:
        size = path.stat().st_size
        if size > MAX_FILE_BYTES:
            raise WorkbookError(f"{path.name}: has {size:,} bytes; the limit is {MAX_FILE_BYTES:,}")
        with path.open("rb") as file:
            return _read(path.name, file, size, progress, lenient)
    except OSError as error:
        raise WorkbookError(f"{path}: cannot read the file ({error.strerror})") from error


def _read(name: str, file: IO[bytes], size: int, progress: Progress, lenient: bool) -> Dataset:
    lines, reader, report = _lines(name, file), _Reader(), Report()
    try:
        release = _release(next(lines, b""))
    except LineError as error:
        raise WorkbookError(f"{name}: the first line must be a release as this server exports it: {error}") from None
    for number, line in enumerate(lines, 2):
        try:
            reader.add(line)
        except LineError as error:
            report.add(BadRow("", number, one_line(str(error))))
        if number % _EVERY == 0:
            progress(name, file.tell(), size)
    progress(name, size, size)
    if report.count and not lenient:
        raise report.error(name, "line")
    dataset = replace(reader.dataset(release), notes=tuple(report.notes(name, "line")), left_out=report.count)
    if not dataset.profiles:
        raise WorkbookError(f"{name}: no line has an occupational profile")
    return dataset


def _lines(name: str, file: IO[bytes]) -> Iterator[bytes]:
    while line := file.readline(MAX_LINE_BYTES + 1):
        if len(line) > MAX_LINE_BYTES:
            raise WorkbookError(f"{name}: a line has more than {MAX_LINE_BYTES:,} bytes")
        yield line


def _object(line: bytes) -> Values:
    try:
        value = orjson.loads(line.removeprefix(b"\xef\xbb\xbf"))
    except orjson.JSONDecodeError as error:
        raise LineError(f"no valid JSON ({error})") from None
    if not isinstance(value, dict):
        raise LineError("no JSON object")
    return value


def _release(line: bytes) -> Dataset:
    """An empty dataset of the release."""
    values = _object(line)
    number, published_on, source = (values.get(key) for key in ("number", "publicationDate", "source"))
    if values.get("type") != _RELEASE:
        raise LineError(f"its type is not {_RELEASE}")
    if not isinstance(number, str) or not _NUMBER.fullmatch(number):
        raise LineError("it has no release number such as 3.27")
    return Dataset(
        number, _optional("publicationDate", published_on) or None, (), (), {}, _optional("source", source) or None
    )


class _Reader:
    """Collects concepts by type and uuid."""

    def __init__(self) -> None:
        self._concepts: dict[str, dict[str, Concept]] = {type.name: {} for type in declarations.CONCEPT_TYPES}

    def add(self, line: bytes) -> None:
        """Read a line. Raises LineError."""
        values = _object(line)
        of_type = self._concepts.get(str(values.get("type")))
        if of_type is None:
            raise LineError(f"unknown type {values.get('type')!r} (known: {', '.join(self._concepts)})")
        type = declarations.concept_type(str(values["type"]))
        concept = self._concept(type, values)
        if concept.uuid in of_type:
            raise LineError(f"a second {type.name} with the id {concept.uuid}")
        of_type[concept.uuid] = concept

    def dataset(self, release: Dataset) -> Dataset:
        """The dataset of all concepts, in the order of their lines."""
        profiles = tuple(
            Profile(concept.uuid, concept.code, concept.texts, concept.values, concept.related)
            for concept in self._concepts[PROFILE.name].values()
        )
        embedded = {value.type_name for _, value in relations(PROFILE)} - {COMPETENCE.name}
        blocks = {name: tuple(self._concepts[name].values()) for name in embedded}
        competences = tuple(self._concepts[COMPETENCE.name].values())
        return replace(release, profiles=profiles, competences=competences, blocks=blocks)

    def _concept(self, type: ConceptType, values: Values) -> Concept:
        read_texts: dict[str, Texts] = {}
        plain: dict[str, str | tuple[str, ...] | None] = {}
        related: dict[str, tuple[Concept | Item, ...]] = {}
        for field, key in _keys(type):
            value = values.get(key)
            match field.value:
                case Plain("text"):
                    read_texts[field.name] = _texts(key, value)
                case Plain("strings"):
                    plain[field.name] = tuple(_text(key, item) for item in _list(key, value))
                case Plain("moment" | "code"):
                    plain[field.name] = _optional(key, value) or None
                case Concepts() as declared:
                    related[field.name] = tuple(self._embedded(key, declared, value))
                case _:
                    related[field.name] = tuple(_item(field, key, item) for item in _list(key, value))
        return Concept(_uuid(values), _optional("code", values.get("code")), read_texts, plain, related)

    def _embedded(self, key: str, declared: Concepts, value: object) -> Iterator[Concept]:
        """The concepts that a field embeds."""
        type = declarations.concept_type(declared.type_name)
        for part in ([] if value is None else [value]) if declared.single else _list(key, value):
            values = _dict(key, part)
            concept = self._concepts[type.name].get(uuid := _uuid(values))
            if concept is None:
                raise LineError(f"{key}: no line above has the {type.name} {uuid}")
            # Concepts without documents of their own may embed others in each document.
            own = [field for field, name in _keys(type) if isinstance(field.value, Concepts) and name in values]
            if type.route is None and own:
                others = self._concept(type, values).related
                concept = replace(
                    concept, related={**concept.related, **{field.name: others[field.name] for field in own}}
                )
            yield concept


@cache
def _keys(type: ConceptType) -> tuple[tuple[Field, str], ...]:
    """The fields of a type with their keys, without the code."""
    return tuple((field, field.hal_keys[0]) for field in type.fields if field.name != "code")


def _item(field: Field, key: str, value: object) -> Item:
    values = _dict(key, value)
    match field.value:
        case Terms():
            return Term(
                _optional("id", values.get("id")),
                _optional("code", values.get("code")),
                _texts("title", values.get("title")),
            )
        case Plain("names"):
            return AlternativeName(*(_optional(name, values.get(name)) for name in ("id", "code", "language", "name")))
    return Classification(_text("type", values.get("type")), _text("value", values.get("value")))


def _texts(key: str, value: object) -> Texts:
    if value is None:
        return texts()
    values = _dict(key, value)
    return texts(*(_optional(language, values.get(language)) or None for language in LANGUAGES))


def _uuid(values: Values) -> str:
    uuid = values.get("id")
    if not isinstance(uuid, str) or not _UUID.fullmatch(uuid):
        raise LineError(f"id: {uuid!r} is not a uuid in lower case")
    return uuid


def _optional(key: str, value: object) -> str:
    """A text, empty if it is null."""
    return "" if value is None else _text(key, value)


def _text(key: str, value: object) -> str:
    if not isinstance(value, str):
        raise LineError(f"{key}: {value!r} is not a text")
    return value


def _list(key: str, value: object) -> list[object]:
    if value is not None and not isinstance(value, list):
        raise LineError(f"{key}: {value!r} is not a list")
    return value or []


def _dict(key: str, value: object) -> Values:
    if not isinstance(value, dict):
        raise LineError(f"{key}: {value!r} is not an object")
    return value
