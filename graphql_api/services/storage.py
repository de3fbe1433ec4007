"""Where documents and indexes are stored by the settings, and what identifies the data that they are of."""

import hashlib
import logging
import os
from collections.abc import Callable
from pathlib import Path

from graphql_api.errors import SettingsError
from graphql_api.index.index_file import WORKBOOK, delete_unusable
from graphql_api.sandbox import Releases
from graphql_api.sandbox.app import Sandbox
from graphql_api.sandbox.bundled_data import DATA
from graphql_api.sandbox.document_store import FORMAT
from graphql_api.sandbox.releases import converted_digests, workbook_files
from graphql_api.settings import Settings
from graphql_api.settings.files import user_cache_folder
from graphql_api.store import Backend
from graphql_api.store.sqlite import SqliteFile
from graphql_api.upstream.transport import ASGIApp
from graphql_api.upstream.valkey import Shared, is_shared

log = logging.getLogger(__name__)


def cache_dir(settings: Settings) -> Path | None:
    """The cache folder; None if it is not set and the user has no home directory."""
    return settings.cache_dir or user_cache_folder()


def index_folder(settings: Settings) -> Path | None:
    """The folder of index files, created if missing; None if indexes are not persisted or it is not writable."""
    folder = None if settings.store == "memory:" else cache_dir(settings)
    return _writable(folder / "index") if folder else None


def _writable(folder: Path) -> Path | None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError:
        return None
    return folder if os.access(folder, os.W_OK) else None


def shared_server(settings: Settings) -> Shared | None:
    """The Valkey server that replicas share, if the settings name one."""
    return Shared(settings.store, origin_of(settings)) if is_shared(settings.store) else None


def backend_of(settings: Settings, keep: float) -> Backend | None:
    """The SQLite file of documents, each stored for `keep` seconds; None if they are in memory only. Raises SettingsError."""
    backend, _, where = settings.store.partition(":")
    if backend == "memory" or (not settings.store and not settings.is_remote):
        return None
    if backend == "sqlite" and where and not where.startswith(":"):
        return SqliteFile(
            Path(where), origin_of(settings), keep, settings.store_bytes, settings.upstream_document_bytes
        )
    if settings.store:
        raise SettingsError(
            "COMPETENT_STORE must be `memory:`, `sqlite:PATH` or the address of a Valkey server (valkey://HOST:PORT)"
        )
    folder = cache_dir(settings)
    if folder is None:
        log.warning(
            "no cache folder, because this user has no home directory: documents and indexes are lost when this process ends; "
            "set COMPETENT_CACHE_DIR"
        )
        return None
    try:
        return SqliteFile(
            folder / "documents.sqlite",
            origin_of(settings),
            keep,
            settings.store_bytes,
            settings.upstream_document_bytes,
        )
    except SettingsError as error:
        log.warning("%s; documents are cached in memory only", error)
        return None


def index_origin(settings: Settings, competent: ASGIApp | None) -> Callable[[str], str]:
    """What identifies the data of an index: for a workbook its content, so that other workbooks do not matter.

    Deletes the indexes of workbooks whose conversion is no longer in the cache folder.
    """
    origin = origin_of(settings)
    if not (settings.data and isinstance(competent, Sandbox)):
        return lambda release: origin
    releases: Releases = competent.state.releases
    folder, cache = index_folder(settings), cache_dir(settings)
    if folder and cache:
        usable = {*releases.digests, *converted_digests(cache)}
        delete_unusable(folder, [(WORKBOOK + digest, number) for number, digest in usable])
    return lambda release: WORKBOOK + documents.digest if (documents := releases.get(release)) else origin


def origin_of(settings: Settings) -> str:
    """What identifies the data of stored documents.

    That of the sandbox may change under the same paths, so its origin has the path, size and time of the files, and the format.
    """
    if settings.is_remote:
        return settings.upstream_url.rstrip("/")
    files = workbook_files(settings.data) or sorted(DATA.glob("*.toml"))
    versions = [f"{file.resolve()} {file.stat().st_size} {file.stat().st_mtime_ns}" for file in files]
    return "sandbox " + hashlib.blake2s("\n".join([FORMAT, *versions]).encode(), digest_size=8).hexdigest()
