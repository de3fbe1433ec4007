"""The releases that a sandbox serves, and where they come from: the bundled data, or workbooks.

A workbook is converted once into a folder for that and opened from there until it changes; a file there is whole or not
there, however many processes start at once.
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
from graphql_api.sandbox.document_store import Documents, documents_in_memory, documents_of, read_documents
from graphql_api.sandbox.progress import Progress, silent
from graphql_api.sandbox.report import WorkbookError
from graphql_api.sandbox.serializers import COMPETENCES, PROFILES

logger = logging.getLogger(__name__)

_ABANDONED = 3600.0
"""Seconds after which a file that is still being written belongs to nobody."""


class Releases:
    """The documents of one release or more, newest first; no number stands twice."""

    def __init__(self, documents: Iterable[Documents]) -> None:
        self._held: list[Documents] = []
        self._serve(documents)
        if not self._documents or len(self._by_number) < len(self._documents):
            raise ValueError("one or more releases are required, each with a different number")

    def _serve(self, documents: Iterable[Documents]) -> None:
        self._documents = sorted(documents, key=lambda one: release_order(one.number), reverse=True)
        self._by_number = {one.number: one for one in self._documents}

    def __iter__(self) -> Iterator[Documents]:
        return iter(self._documents)

    def __len__(self) -> int:
        return len(self._documents)

    @property
    def current(self) -> Documents:
        """The release with the highest number."""
        return self._documents[0]

    @property
    def numbers(self) -> tuple[str, ...]:
        return tuple(self._by_number)

    def get(self, name: str) -> Documents | None:
        """The release of this number, or the current one for `current`; None where there is none."""
        return self.current if name == "current" else self._by_number.get(name)

    def publish(self, documents: Documents) -> None:
        """Serve one release more; with the highest number it is `current` from now on."""
        if documents.number in self._by_number:
            raise ValueError(f"release {documents.number} is published already")
        self._serve([*self._documents, documents])

    @property
    def held(self) -> tuple[str, ...]:
        """The numbers of those that are held back, in the order in which they will be published."""
        return tuple(one.number for one in self._held)

    def hold(self, count: int) -> None:
        """Keep the newest ones back, as if they were not published yet; ValueError where none would be left to serve."""
        if not 0 <= count < len(self._documents):
            raise ValueError(f"at most {len(self) - 1} of {len(self)} releases can be held back, not {count}")
        self._held = self._documents[:count][::-1]
        self._serve(self._documents[count:])

    def publish_held(self) -> None:
        """Publish the oldest of those that are held back."""
        self.publish(self._held.pop(0))

    def describe(self) -> str:
        """One line for people: which releases, and how much the current one holds."""
        older = f" and {', '.join(self.numbers[1:])}" if len(self) > 1 else ""
        held = f"; held back: {', '.join(self.held)}" if self.held else ""
        if left_out := sum(each.left_out for each in (*self._documents, *self._held)):
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
    """These files, and of a folder the workbooks in it; lock files of Excel are not among them.

    Raises:
        WorkbookError: a folder has none.
    """
    return [file for path in paths for file in (_workbooks_in(path) if path.is_dir() else [path])]


def _workbooks_in(folder: Path) -> list[Path]:
    found = [file for suffix in ("xlsx", "xlsm") for file in folder.glob(f"*.{suffix}")]
    if files := sorted(file for file in found if not file.name.startswith(("~$", "."))):
        return files
    raise WorkbookError(f"{folder}: no workbook (.xlsx) in this folder")


def workbook_releases(
    paths: Iterable[Path], cache_dir: Path | None, progress: Progress = silent, *, lenient: bool = False
) -> Releases:
    """Workbooks, or folders of them, each workbook one release.

    Raises:
        WorkbookError: a workbook cannot be read, none is given, or two hold the same release.
    """
    opened: dict[str, tuple[Path, Documents]] = {}
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


def open_workbook(
    path: Path, cache_dir: Path | None, progress: Progress = silent, *, lenient: bool = False
) -> Documents:
    """A workbook's documents, converted only if they were not before, or the workbook or their format has changed.

    Without a folder, or where it cannot be written to, they are made in memory. What is not in them is logged at each start.

    Raises:
        WorkbookError: the workbook cannot be used, or changed while it was read, twice.
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


def _converted(path: Path, cache_dir: Path | None, source: str, lenient: bool, progress: Progress) -> Documents:
    documents = None
    if cache_dir is None:
        logger.warning("no cache folder: %s is converted again at every start", path.name)
    else:
        kept = cache_dir.absolute() / _file_name(path)
        documents = _read_kept(kept, source, lenient)
        if documents is None:
            try:
                _keep(path, kept, source, lenient, progress)
            except OSError as error:
                logger.warning("cannot write %s (%s): %s is converted again at every start", kept, error, path.name)
            documents = _read_kept(kept, source, lenient)
    return documents or documents_of(convert(path, None, source, lenient, progress))


def _read_kept(kept: Path, source: str, lenient: bool) -> Documents | None:
    documents = read_documents(kept, source)
    if documents is not None and documents.left_out and not lenient:
        documents.close()
        return None
    return documents


def _file_name(path: Path) -> str:
    where = hashlib.sha256(str(path.resolve()).encode()).hexdigest()
    return f"{path.stem}-{where[:16]}.sqlite"


def _keep(path: Path, kept: Path, source: str, lenient: bool, progress: Progress) -> None:
    """Writes the file beside its place and renames it whole, so that nobody ever opens a half of it."""
    kept.parent.mkdir(parents=True, exist_ok=True)
    _sweep(kept)
    handle, name = tempfile.mkstemp(prefix=f".{kept.stem}-", suffix=".part", dir=kept.parent)
    part = Path(name)
    try:
        with os.fdopen(handle, "rb") as written:
            convert(path, part, source, lenient, progress)
            os.fsync(written.fileno())
        part.replace(kept)
    except BaseException:
        with suppress(OSError):
            part.unlink()
        raise


def _sweep(kept: Path) -> None:
    """Removes what a process that was killed long ago left half-written."""
    for part in kept.parent.glob(f".{glob.escape(kept.stem)}-*.part"):
        with suppress(OSError):
            if part.stat().st_mtime < time.time() - _ABANDONED:
                part.unlink()
