"""The mappings of Competent's concepts to other classifications, from all files that an operator names."""

import logging
from collections.abc import Iterable, Sequence
from hashlib import blake2s
from pathlib import Path
from typing import NamedTuple
from uuid import UUID

from graphql_api.competent.sssom import (
    MAX_FILE_BYTES,
    InvalidMappings,
    Mapped,
    RowProblem,
    read_mappings,
    scheme_key,
)
from graphql_api.competent.values import as_uuid
from graphql_api.errors import SettingsError
from graphql_api.settings.files import UnusableFile, read_small, warn_of_rows

log = logging.getLogger(__name__)

MAX_MAPPINGS = 200_000
"""Maximum number of mappings of all files; one takes about 500 bytes of memory."""
MAX_PER_CONCEPT = 50
"""Maximum number of mappings of one concept; the cost of a query counts on it."""


class Mappings:
    """Mappings by concept and by URI. Immutable once read."""

    def __init__(self, mappings: Iterable[Mapped] = ()) -> None:
        self._by_subject: dict[str, list[Mapped]] = {}
        self._by_uri: dict[str, list[str]] = {}
        digest = blake2s(digest_size=12)
        for mapped in mappings:
            digest.update(repr(mapped).encode())
            self._by_subject.setdefault(mapped.subject, []).append(mapped)
            subjects = self._by_uri.setdefault(mapped.uri, [])
            if mapped.subject not in subjects:
                subjects.append(mapped.subject)
        self.digest = digest.hexdigest()
        """The same for the same mappings, on every server."""

    def __bool__(self) -> bool:
        return bool(self._by_subject)

    def __len__(self) -> int:
        return sum(map(len, self._by_subject.values()))

    @property
    def subjects(self) -> Sequence[str]:
        """The uuids and codes of all concepts that are mapped."""
        return list(self._by_subject)

    def of(self, uuid: str, code: str | None, scheme: str | None = None) -> list[Mapped]:
        """The mappings of a concept, those by its uuid before those by its code; only of one classification if it is named."""
        mappings = [mapped for key in (uuid, code) if key for mapped in self._by_subject.get(key, ())]
        if scheme is None:
            return mappings[:MAX_PER_CONCEPT]
        key_of_scheme = scheme_key(scheme)
        return [mapped for mapped in mappings if scheme_key(mapped.scheme) == key_of_scheme][:MAX_PER_CONCEPT]

    def mapped_from(self, uri: str) -> Sequence[str]:
        """The uuids and codes of the concepts that are mapped to a URI."""
        return self._by_uri.get(uri, ())


def uuids_and_codes(subjects: Iterable[str]) -> tuple[list[UUID], list[str]]:
    """The subjects of mappings that are uuids, and those that are codes."""
    uuids = {subject: as_uuid(subject) for subject in subjects}
    return [uuid for uuid in uuids.values() if uuid], [subject for subject, uuid in uuids.items() if uuid is None]


NO_MAPPINGS = Mappings()


class ReadFile(NamedTuple):
    """A file of mappings, and the rows of it that cannot be used."""

    file: Path
    mappings: list[Mapped]
    problems: list[RowProblem]


def read_file(file: Path) -> ReadFile:
    """Read a file; raises SettingsError if it cannot be used as a whole."""
    mappings, problems = list[Mapped](), list[RowProblem]()
    try:
        for row in read_mappings(read_small(file, MAX_FILE_BYTES)):
            if isinstance(row, Mapped):
                mappings.append(row)
            else:
                problems.append(row)
    except (UnusableFile, InvalidMappings) as error:
        raise SettingsError(f"cannot use the mappings in {file.name}: {error}") from None
    return ReadFile(file, mappings, problems)


def open_mappings(files: Sequence[Path]) -> Mappings:
    """The mappings of all files; logs the rows that cannot be used. Raises SettingsError."""
    read = list(map(read_file, files))
    for file in read:
        warn_of_rows(log, file.file, file.problems)
    rows = [mapped for file in read for mapped in file.mappings]
    if len(rows) > MAX_MAPPINGS:
        raise SettingsError(f"COMPETENT_MAPPING has {len(rows):,} mappings; the limit is {MAX_MAPPINGS:,}")
    return Mappings(dict.fromkeys(rows))
