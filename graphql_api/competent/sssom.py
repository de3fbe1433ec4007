"""Reads mappings of concepts to other classifications from SSSOM/TSV, the Simple Standard for Sharing Ontological Mappings.

The metadata block (YAML behind `#`) declares prefixes; each row below it maps one concept of Competent to a concept elsewhere.
Rows that cannot be used are reported by their line, and the others are read.

Source: https://mapping-commons.github.io/sssom/spec-formats-tsv/
"""

import csv
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import NamedTuple

import yaml

from graphql_api.competent.values import as_uuid

MAX_FILE_BYTES = 20_000_000
"""Maximum size of a file."""
MAX_METADATA_CHARS = 100_000
"""Maximum size of the metadata block."""
MAX_TEXT_CHARS = 1_000
"""Maximum number of characters of an id, a label or a source."""
REQUIRED = ("subject_id", "predicate_id", "object_id", "mapping_justification")
"""Columns that the standard requires."""
NO_TERM = "sssom:NoTermFound"
"""Object of a row that says that there is no mapping."""

_SKOS = "http://www.w3.org/2004/02/skos/core#"
_BUILT_IN = {"skos": _SKOS, "sssom": "https://w3id.org/sssom/", "semapv": "https://w3id.org/semapv/vocab/"}
_CODE = re.compile(r"[A-Za-z]{1,8}-[0-9]{1,10}")
_IRI = re.compile(r"https?://[^\s<>\"{}|\\^`]+")
_SCHEMES = {
    "esco": "ESCO",
    "rome": "ROME",
    "onet": "O*NET",
    "talentbrussels": "Talent Brussels",
    "competent1": "Competent 1",
}


class InvalidMappings(Exception):
    """A file is not SSSOM/TSV, or too large. The message is for the operator, without the name of the file."""


class MappingMatch(Enum):
    """How close a mapping is; the values are the names of SKOS properties."""

    EXACT = "exactMatch"
    CLOSE = "closeMatch"
    BROAD = "broadMatch"
    NARROW = "narrowMatch"
    RELATED = "relatedMatch"


@dataclass(frozen=True, slots=True)
class Mapped:
    """A mapping of a concept of Competent, by its uuid or code, to a concept of another classification."""

    subject: str
    scheme: str
    uri: str
    code: str | None
    label: str | None
    match: MappingMatch
    source: str | None
    line: int = field(default=0, compare=False)
    """Its line in the file."""


class RowProblem(NamedTuple):
    """A row that cannot be used: its line in the file, and why."""

    line: int
    message: str


def read_mappings(data: bytes) -> Iterator[Mapped | RowProblem]:
    """Yield the mapping of each row, or why it cannot be used; rows that say that there is no match are left out.

    Raises InvalidMappings if the file as a whole cannot be used.
    """
    lines = _decoded(data).splitlines(keepends=True)
    start = next((number for number, line in enumerate(lines) if not line.startswith("#")), len(lines))
    metadata = _metadata("".join(lines[:start]))
    reader = csv.reader(iter(lines[start:]), delimiter="\t", strict=True)
    try:
        columns = next(reader, [])
        _check_columns(columns)
        rows = _Rows(metadata)
        for values in reader:
            line = start + reader.line_num
            if any(values) and (row := _read(rows, columns, values, line)) is not None:
                yield row
    except csv.Error as error:
        raise InvalidMappings(f"line {start + reader.line_num} is not tab-separated text: {error}") from None


def scheme_key(scheme: str) -> str:
    """A name of a classification without case, spaces and punctuation, to compare it by."""
    return re.sub(r"[\W_]", "", scheme).lower()


def _decoded(data: bytes) -> str:
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InvalidMappings(f"it is not UTF-8 (byte {error.start})") from None


def _metadata(block: str) -> Mapping[str, object]:
    if len(block) > MAX_METADATA_CHARS:
        raise InvalidMappings(f"its metadata has more than {MAX_METADATA_CHARS:,} characters")
    try:
        metadata = yaml.safe_load(re.sub("^#", "", block, flags=re.MULTILINE)) or {}
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        mark = getattr(error, "problem_mark", None)
        where = f"line {mark.line + 1}" if mark else "the metadata"
        raise InvalidMappings(f"{where} is not YAML") from None
    if not isinstance(metadata, dict):
        raise InvalidMappings("its metadata has no names: lines such as `# curie_map:` are expected before the columns")
    return metadata


def _check_columns(columns: list[str]) -> None:
    if missing := [name for name in REQUIRED if name not in columns]:
        first = ", ".join(column[:40] for column in columns[:10]) or "nothing"
        raise InvalidMappings(
            f"it has no column {', '.join(missing)}, separated by tabs; the first columns are {first}"
        )
    if repeated := [name for name in columns if columns.count(name) > 1]:
        raise InvalidMappings(f"it has the column {repeated[0][:40]} twice")


def _read(rows: "_Rows", columns: list[str], values: list[str], line: int) -> Mapped | RowProblem | None:
    try:
        if len(values) > len(columns):
            raise _Unusable(f"it has {len(values)} values for {len(columns)} columns")
        row = {name: value.strip() for name, value in zip(columns, values, strict=False) if value.strip()}
        mapped = rows.mapped(row)
        return mapped and replace(mapped, line=line)
    except _Unusable as reason:
        return RowProblem(line, str(reason))


class _Unusable(Exception):
    """Why a row cannot be used."""


class _Rows:
    """Reads rows with the prefixes and common values of their file."""

    def __init__(self, metadata: Mapping[str, object]) -> None:
        prefixes = metadata.get("curie_map") or {}
        if not isinstance(prefixes, dict):
            raise InvalidMappings("its `curie_map` is not a map of prefixes")
        self._prefixes = {str(name): str(iri) for name, iri in prefixes.items()} | _BUILT_IN
        sources = (metadata.get(name) for name in ("mapping_provider", "mapping_set_title", "mapping_set_id"))
        self._source = next((source[:MAX_TEXT_CHARS] for source in sources if isinstance(source, str)), None)
        scheme = metadata.get("object_source")
        self._scheme = scheme if isinstance(scheme, str) else None

    def mapped(self, row: Mapping[str, str]) -> Mapped | None:
        """The mapping of a row; None if it says that there is none. Raises _Unusable."""
        for name in REQUIRED:
            if name not in row:
                raise _Unusable(f"{name} is empty")
        if long := next((name for name, value in row.items() if len(value) > MAX_TEXT_CHARS), None):
            raise _Unusable(f"{long} has more than {MAX_TEXT_CHARS:,} characters")
        subject, match = _subject(row["subject_id"]), self._match(row["predicate_id"])
        if row["object_id"] == NO_TERM or row.get("predicate_modifier", "").lower() == "not":
            return None
        prefix, code, uri = self._object(row["object_id"])
        scheme = self._scheme_of(row.get("object_source") or self._scheme, prefix)
        source = row.get("mapping_provider") or row.get("mapping_source") or self._source
        return Mapped(subject, scheme, uri, code, row.get("object_label"), match, source)

    def _match(self, predicate: str) -> MappingMatch:
        iri = predicate if _IRI.fullmatch(predicate) else self._expanded(predicate, "predicate_id")
        try:
            return MappingMatch(iri.removeprefix(_SKOS))
        except ValueError:
            names = ", ".join(f"skos:{match.value}" for match in MappingMatch)
            raise _Unusable(f"predicate_id {_quoted(predicate)} is not one of {names}") from None

    def _object(self, object_id: str) -> tuple[str, str | None, str]:
        """The prefix, code and IRI of an object: a CURIE or, as some files have it, an IRI."""
        if _IRI.fullmatch(object_id):
            matching = [(iri, name) for name, iri in self._prefixes.items() if iri and object_id.startswith(iri)]
            iri, name = max(matching, key=lambda pair: len(pair[0]), default=("", ""))
            return name, object_id.removeprefix(iri) or None if iri else None, object_id
        uri = self._expanded(object_id, "object_id")
        if not _IRI.fullmatch(uri):
            raise _Unusable(
                f"object_id {_quoted(object_id)} is not an http or https address with the prefix of curie_map"
            )
        prefix, _, code = object_id.partition(":")
        return prefix, code, uri

    def _expanded(self, curie: str, column: str) -> str:
        prefix, colon, local = curie.partition(":")
        if not colon or not local:
            raise _Unusable(f"{column} {_quoted(curie)} has no prefix")
        if prefix not in self._prefixes:
            raise _Unusable(f"{column} {_quoted(curie)} has a prefix that curie_map does not declare")
        return self._prefixes[prefix] + local

    def _scheme_of(self, declared: str | None, prefix: str) -> str:
        names = [declared.rstrip(":") if declared else "", prefix]
        for name in names:
            if (standard := _SCHEMES.get(scheme_key(name))) is not None:
                return standard
        scheme = prefix or names[0]
        if not scheme:
            raise _Unusable("its classification is unknown: declare its prefix in curie_map, or fill in object_source")
        return scheme


def _subject(subject_id: str) -> str:
    """The uuid (lower case) or code (upper case) of a subject, with or without the prefix `competent:`."""
    prefix, colon, rest = subject_id.partition(":")
    subject = rest if colon and prefix.lower() == "competent" else subject_id
    if (uuid := as_uuid(subject)) is not None:
        return str(uuid)
    if not _CODE.fullmatch(subject):
        raise _Unusable(
            f"subject_id {_quoted(subject_id)} is neither competent:CODE, such as competent:CP-7, nor a uuid"
        )
    return subject.upper()


def _quoted(text: str) -> str:
    return repr(text if len(text) <= 60 else f"{text[:60]}…")
