"""API keys in one small file: created, listed and revoked by the operator, looked up by running servers.

A key is shown once, when it is created; the file holds its salted hash. Writes are atomic, and the file is readable by its
owner only.

A key has 256 random bits, so a slow hash (scrypt, argon2) would protect nothing: 2^256 values cannot be tried, and a fast
hash costs a request only microseconds. The salt makes hashes of the same key differ between files.
"""

import logging
import os
import re
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from hashlib import blake2b
from hmac import compare_digest
from pathlib import Path
from time import monotonic
from typing import Any

import orjson

from graphql_api.errors import SettingsError
from graphql_api.settings import Settings
from graphql_api.settings.files import UnusableFile, is_open_to_others, read_small, user_config_folder

log = logging.getLogger(__name__)

RELOAD_INTERVAL = 1.0
"""Seconds between checks for a changed file; a revoked key may work for this long."""
_NAME = re.compile(r"[A-Za-z0-9._-]{1,64}")
_ID = re.compile(r"[0-9a-f]{12}")
_KEY = re.compile(r"cgk_([0-9a-f]{12})_([A-Za-z0-9_-]{43})")
MAX_FILE_BYTES = 10_000_000
"""Maximum size of the keys file: about 40,000 clients."""


@dataclass(frozen=True, slots=True)
class ClientKey:
    """The owner of a key. `per_minute` is its quota of requests per minute; None means the setting's default."""

    name: str
    id: str
    salt: str
    hash: str
    made: str
    per_minute: int | None = None


class Keys:
    """The keys in a file, held in memory; the file is checked for changes at most once per second."""

    def __init__(self, file: Path, clock: Callable[[], float] = monotonic) -> None:
        self.file = file
        self._clock = clock
        self._clients: dict[str, ClientKey] = {}
        self._stamp: tuple[int, int, int] | None = None
        self._checked_at = clock()
        self._fault = ""
        self._read()

    def clients(self) -> list[ClientKey]:
        """All clients with a valid key, sorted by name."""
        self._reload_if_changed()
        return sorted(self._clients.values(), key=lambda client: client.name)

    def client(self, key: str) -> ClientKey | None:
        """The owner of a key; None if the key is malformed, unknown or revoked."""
        self._reload_if_changed()
        match = _KEY.fullmatch(key)
        client = self._clients.get(match[1], _NO_CLIENT) if match else _NO_CLIENT
        # Constant-time comparison, which takes as long for an unknown key as for a known one.
        same = compare_digest(_hash(client.salt, match[2] if match else ""), client.hash)
        return client if same and client is not _NO_CLIENT else None

    def new(self, name: str, per_minute: int | None = None) -> str:
        """Create a key for a client that has none; the key cannot be read again later.

        Raises SettingsError if the name or quota is invalid, or the client already has a key.
        """
        if not _NAME.fullmatch(name):
            raise SettingsError("invalid name: use 1 to 64 letters, digits, dots, dashes and underscores")
        if per_minute is not None and per_minute < 1:
            raise SettingsError("the quota must be at least 1 request per minute")
        with self._changing() as clients:
            if any(client.name == name for client in clients.values()):
                raise SettingsError(f"client {name} already has a key: revoke it first, or choose another name")
            id, secret, salt = secrets.token_hex(6), secrets.token_urlsafe(32), secrets.token_hex(16)
            made = datetime.now(UTC).isoformat(timespec="seconds")
            clients[id] = ClientKey(name, id, salt, _hash(salt, secret), made, per_minute)
        return f"cgk_{id}_{secret}"

    def revoke(self, name: str) -> None:
        """Revoke a client's key; running servers notice within a second. Raises SettingsError if the client has none."""
        with self._changing() as clients:
            ids = [client.id for client in clients.values() if client.name == name]
            if not ids:
                raise SettingsError(f"no client named {name} has a key; `competent-graphql key list` lists all clients")
            for id in ids:
                del clients[id]

    def _reload_if_changed(self) -> None:
        now = self._clock()
        if now - self._checked_at >= RELOAD_INTERVAL:
            self._checked_at = now
            fault = ""
            try:
                self._read()
            except SettingsError as error:
                fault = str(error)
            if fault and fault != self._fault:  # log each problem once
                log.error("keys file not reloaded, the previous keys stay valid: %s", fault)
            self._fault = fault

    def _read(self) -> None:
        stamp = _stamp(self.file)
        if stamp != self._stamp:
            if stamp is None:
                log.warning("keys file not found, all keys are refused until it is back: %s", self.file)
            self._clients = _clients(self.file) if stamp is not None else {}  # no file: all keys are refused
            self._stamp = stamp

    @contextmanager
    def _changing(self) -> Iterator[dict[str, ClientKey]]:
        """The current clients, to be changed in place; saved if the block does not raise. One change at a time."""
        draft = self.file.with_name(f".{self.file.name}.new")
        descriptor = self._create_draft(draft)
        try:
            with os.fdopen(descriptor, "wb") as stream:
                clients = _clients(self.file) if self.file.exists() else {}
                yield clients
                entries = [asdict(client) for client in clients.values()]
                stream.write(orjson.dumps({"keys": entries}, option=orjson.OPT_INDENT_2) + b"\n")
                stream.flush()
                os.fsync(stream.fileno())
            draft.replace(self.file)
        except OSError as error:
            raise self._write_error(error) from None
        finally:
            draft.unlink(missing_ok=True)
        self._read()

    def _create_draft(self, draft: Path) -> int:
        """Create and open the draft file, which also locks out other writers. Returns its file descriptor."""
        try:
            self.file.parent.mkdir(parents=True, exist_ok=True)
            return os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except OSError as error:
            if isinstance(error, FileExistsError) and draft.exists():
                raise SettingsError(
                    f"another process is changing the keys file; if none is running, delete {draft}"
                ) from None
            raise self._write_error(error) from None

    def _write_error(self, error: OSError) -> SettingsError:
        return SettingsError(
            f"cannot write the keys file {self.file}: {error.strerror}; set COMPETENT_KEYS_FILE to use another file"
        )


def _hash(salt: str, secret: str) -> str:
    return blake2b(secret.encode(), salt=bytes.fromhex(salt), digest_size=32).hexdigest()


_NO_CLIENT = ClientKey("", "", "00" * 16, "00" * 32, "")


def _stamp(file: Path) -> tuple[int, int, int] | None:
    try:
        stat = file.stat()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise SettingsError(f"cannot read the keys file {file}: {error.strerror}") from None
    return stat.st_mtime_ns, stat.st_size, stat.st_ino


def _clients(file: Path) -> dict[str, ClientKey]:
    try:
        entries = orjson.loads(read_small(file, MAX_FILE_BYTES))["keys"]
        return {client.id: client for client in map(_client, entries)}
    except UnusableFile as error:
        raise SettingsError(f"cannot read the keys file {file}: {error}") from None
    except (ValueError, TypeError, KeyError):
        raise SettingsError(f"{file} is not a valid keys file; `competent-graphql key new NAME` creates one") from None


def _client(entry: dict[str, Any]) -> ClientKey:
    client = ClientKey(**entry)
    if not (_NAME.fullmatch(client.name) and _ID.fullmatch(client.id) and isinstance(client.made, str)):
        raise ValueError
    if len(bytes.fromhex(client.salt)) != 16 or len(bytes.fromhex(client.hash)) != 32:
        raise ValueError
    if client.per_minute is not None and (type(client.per_minute) is not int or client.per_minute < 1):
        raise ValueError
    return client


def keys_of(settings: Settings) -> Keys:
    """The keys of clients. Raises SettingsError if the file is missing: every request would be refused for no visible reason."""
    keys = Keys(keys_file(settings))
    if not keys.file.exists():
        raise SettingsError(
            f"COMPETENT_ACCESS=keys requires a keys file, but {keys.file} does not exist: create it with "
            "`competent-graphql key new NAME`, or set COMPETENT_KEYS_FILE (docs/access.md)"
        )
    if permissions := is_open_to_others(keys.file):
        log.warning("other users of this system can %s the keys file: chmod 600 %s", permissions, keys.file)
    if not keys.clients():
        log.warning(
            "no client has a key, so every request is refused: create one with `competent-graphql key new NAME`"
        )
    return keys


def keys_file(settings: Settings) -> Path:
    """The path of the keys file; raises SettingsError if it is not set and the user has no home directory."""
    if settings.keys_file is not None:
        return settings.keys_file
    if (folder := user_config_folder()) is None:
        raise SettingsError(
            "no folder for the keys file, because this user has no home directory: set COMPETENT_KEYS_FILE"
        )
    return folder / "keys.json"
