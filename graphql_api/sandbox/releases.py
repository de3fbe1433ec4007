"""The releases that a sandbox serves, from the bundled data or from workbooks.

A workbook is converted once into a file in the cache folder, which is used until the workbook changes. Files there are written
atomically, so several processes may start at the same time.
"""

import glob
import hashlib
import logging
import os
import tempfile
import time
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, suppress
from pathlib import Path

from graphql_api.sandbox.bundled_data import bundled_datasets
from graphql_api.sandbox.conversion import convert
from graphql_api.sandbox.dataset import release_order
from graphql_api.sandbox.document_store import (
    ReleaseDocuments,
    documents_in_memory,
    documents_of,
    read_about,
    read_documents,
)
from graphql_api.sandbox.report import Progress, WorkbookError, silent
from graphql_api.sandbox.serializers import COMPETENCES, PROFILES

logger = logging.getLogger(__name__)

_ABANDONED = 3600.0
"""Seconds after which an unfinished file counts as abandoned."""
_UNUSED = 30 * 86400.0
"""Seconds without a start that uses it after which a conversion is removed; a workbook that is back is converted again."""
_CONVERSIONS = "*-????????????????.sqlite"


class Releases:
    """One or more releases with distinct numbers, newest first. Raises ValueError for none or duplicates."""

    def __init__(self, documents: Iterable[ReleaseDocuments]) -> None:
        self._held: list[ReleaseDocuments] = []
        self._serve(documents)
        if not self._documents or len(self._by_number) < len(self._documents):
            raise ValueError("one or more releases are required, each with a different number")

    def _serve(self, documents: Iterable[ReleaseDocuments]) -> None:
        self._documents = sorted(documents, key=lambda one: release_order(one.number), reverse=True)
        self._by_number = {one.number: one for one in self._documents}

    def __iter__(self) -> Iterator[ReleaseDocuments]:
        return iter(self._documents)

    def __len__(self) -> int:
        return len(self._documents)

    @property
    def current(self) -> ReleaseDocuments:
        """The release with the highest number."""
        return self._documents[0]

    @property
    def numbers(self) -> tuple[str, ...]:
        return tuple(self._by_number)

    def get(self, name: str) -> ReleaseDocuments | None:
        """The release with this number, or the current one for `current`; None if it does not exist."""
        return self.current if name == "current" else self._by_number.get(name)

    def publish(self, documents: ReleaseDocuments) -> None:
        """Add a release, which becomes `current` if its number is the highest. Raises ValueError if it is served already."""
        if documents.number in self._by_number:
            raise ValueError(f"release {documents.number} is published already")
        self._serve([*self._documents, documents])

    @property
    def held(self) -> tuple[str, ...]:
        """Numbers of the releases held back, in the order of publication."""
        return tuple(one.number for one in self._held)

    def hold(self, count: int) -> None:
        """Hold back the newest `count` releases, as if unpublished. Raises ValueError if none would be left to serve."""
        if not 0 <= count < len(self._documents):
            raise ValueError(f"at most {len(self) - 1} of {len(self)} releases can be held back, not {count}")
        self._held = self._documents[:count][::-1]
        self._serve(self._documents[count:])

    def publish_held(self) -> None:
        """Publish the oldest release held back."""
        self.publish(self._held.pop(0))

    @property
    def digests(self) -> list[tuple[str, str]]:
        """Number and digest of each release, served or held back."""
        return [(documents.number, documents.digest) for documents in (*self._documents, *self._held)]

    def describe(self) -> str:
        """A one-line description: the releases, and the size of the current one."""
        older = f" and {', '.join(self.numbers[1:])}" if len(self) > 1 else ""
        held = f"; held back: {', '.join(self.held)}" if self.held else ""
        if left_out := sum(release.left_out for release in (*self._documents, *self._held)):
            held += f"; rows skipped: {left_out:,}"
        profiles, competences = self.current.count(PROFILES), self.current.count(COMPETENCES)
        return (
            f"release {self.current.number} (current){older}:"
            f" {profiles:,} occupational profiles, {competences:,} technical competences{held}"
        )

    def close(self) -> None:
        for documents in (*self._documents, *self._held):
            documents.close()


def bundled_releases() -> Releases:
    """The bundled data, in memory."""
    return Releases(documents_in_memory(dataset) for dataset in bundled_datasets())


def workbook_files(paths: Iterable[Path]) -> list[Path]:
    """These files, with each folder replaced by the workbooks and NDJSON files in it, without lock files and hidden files.

    Raises:
        WorkbookError: If a folder has neither.
    """
    return [file for path in paths for file in (_workbooks_in(path) if path.is_dir() else [path])]


def _workbooks_in(folder: Path) -> list[Path]:
    workbooks = [file for suffix in ("xlsx", "xlsm", "ndjson") for file in folder.glob(f"*.{suffix}")]
    if files := sorted(file for file in workbooks if not file.name.startswith(("~$", "."))):
        return files
    raise WorkbookError(f"{folder}: no export (.xlsx or .ndjson) in this folder")


def workbook_releases(
    paths: Iterable[Path], cache_dir: Path | None, progress: Progress = silent, *, lenient: bool = False
) -> Releases:
    """The releases in workbooks, or in folders of workbooks; each workbook is one release.

    Raises:
        WorkbookError: If a workbook cannot be read, there is none, or two are the same release.
    """
    opened: dict[str, tuple[Path, ReleaseDocuments]] = {}
    with ExitStack() as on_error:
        for path in workbook_files(paths):
            documents = open_workbook(path, cache_dir, progress, lenient=lenient)
            on_error.callback(documents.close)
            if documents.number in opened:
                first = opened[documents.number][0]
                raise WorkbookError(f"{first} and {path} are both release {documents.number}: pass one of them")
            opened[documents.number] = (path, documents)
        if not opened:
            raise WorkbookError("no workbook was passed")
        on_error.pop_all()
    return Releases(documents for _, documents in opened.values())


def converted_digests(cache_dir: Path) -> Iterator[tuple[str, str]]:
    """Yield number and digest of each conversion in a cache folder, whatever its workbook."""
    for file in cache_dir.glob(_CONVERSIONS):
        if (about := read_about(file)) and "digest" in about:
            yield about["number"], about["digest"]


def open_workbook(
    path: Path, cache_dir: Path | None, progress: Progress = silent, *, lenient: bool = False
) -> ReleaseDocuments:
    """The documents of a workbook, converted only if the cache folder has no current conversion.

    Without a writable cache folder they are made in memory. Logs the notes about skipped rows and missing sheets each time.

    Raises:
        WorkbookError: If the workbook cannot be used, or changed twice while it was read.
    """
    for _ in range(2):
        source = _state(path)
        try:
            documents = _converted(path, cache_dir, source, lenient, progress)
        except WorkbookError:
            if _state(path) == source:
                raise
            continue
        with ExitStack() as unless_served:
            unless_served.callback(documents.close)
            if _state(path) == source:
                for note in documents.notes:
                    logger.warning("%s", note)
                unless_served.pop_all()
                return documents
    raise WorkbookError(f"{path.name}: the file changed while it was read; start again when it is complete")


def _state(path: Path) -> str:
    try:
        state = path.stat()
    except OSError as error:
        raise WorkbookError(f"{path}: cannot read the file ({error.strerror})") from None
    return f"{state.st_size} bytes of {state.st_mtime_ns}"


def _converted(path: Path, cache_dir: Path | None, source: str, lenient: bool, progress: Progress) -> ReleaseDocuments:
    documents = None
    if cache_dir is None:
        logger.warning("no cache folder: %s is converted again at every start", path.name)
    else:
        cached = cache_dir.absolute() / _file_name(path)
        documents = _read_cached(cached, source, lenient)
        if documents is None:
            try:
                _convert_to(cached, path, source, lenient, progress)
            except OSError as error:
                logger.warning("cannot write %s (%s): %s is converted again at every start", cached, error, path.name)
            documents = _read_cached(cached, source, lenient)
        with suppress(OSError):
            os.utime(cached)  # used now
    return documents or documents_of(convert(path, None, source, lenient, progress))


def _read_cached(cached: Path, source: str, lenient: bool) -> ReleaseDocuments | None:
    documents = read_documents(cached, source)
    if documents is not None and documents.left_out and not lenient:
        documents.close()
        return None
    return documents


def _file_name(path: Path) -> str:
    where = hashlib.sha256(str(path.resolve()).encode()).hexdigest()
    return f"{path.stem}-{where[:16]}.sqlite"


def _convert_to(cached: Path, path: Path, source: str, lenient: bool, progress: Progress) -> None:
    """Write a temporary file and rename it, so that no process opens an incomplete file."""
    cached.parent.mkdir(parents=True, exist_ok=True)
    _sweep(cached)
    handle, name = tempfile.mkstemp(prefix=f".{cached.stem}-", suffix=".part", dir=cached.parent)
    part = Path(name)
    try:
        with os.fdopen(handle, "rb") as file:
            convert(path, part, source, lenient, progress)
            os.fsync(file.fileno())
        part.replace(cached)
    except BaseException:
        with suppress(OSError):
            part.unlink()
        raise


def _sweep(cached: Path) -> None:
    """Remove unfinished files of processes that were killed long ago, and conversions that were not used for long."""
    unfinished = cached.parent.glob(f".{glob.escape(cached.stem)}-*.part")
    for files, seconds in ((unfinished, _ABANDONED), (cached.parent.glob(_CONVERSIONS), _UNUSED)):
        for file in files:
            with suppress(OSError):
                if file.stat().st_mtime < time.time() - seconds:
                    file.unlink()
