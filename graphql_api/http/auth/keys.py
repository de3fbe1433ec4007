"""Keys of clients in one small file: made, listed and revoked by the operator, looked up by servers while they run.

A key is shown once, when it is made; the file holds a salted hash of it. Writes are atomic, and readable by the owner only.

A key holds 256 random bits, so there is nothing that a slow hash (scrypt, argon2) would protect: nobody tries 2^256 values,
and a fast one costs a request some microseconds. The salt keeps equal hashes from saying anything across files.
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
from graphql_api.settings.files import UnusableFile, read_small

log = logging.getLogger(__name__)

LOOK_AGAIN = 1.0
"""Seconds between two looks at whether the file has changed: so long may a revoked key still work."""
_NAME = re.compile(r"[A-Za-z0-9._-]{1,64}")
_ID = re.compile(r"[0-9a-f]{12}")
_KEY = re.compile(r"cgk_([0-9a-f]{12})_([A-Za-z0-9_-]{43})")
MAX_BYTES = 10_000_000
"""Largest file of keys: some 40,000 clients."""


@dataclass(frozen=True, slots=True)
class Client:
    """Who has a key, and how many requests a minute it is good for; None: as many as the settings say."""

    name: str
    id: str
    salt: str
    hash: str
    made: str
    per_minute: int | None = None


class Keys:
    """The keys in a file. Which of them are good is looked up in memory; the file is looked at once a second at most."""

    def __init__(self, file: Path, clock: Callable[[], float] = monotonic) -> None:
        self.file = file
        self._clock = clock
        self._clients: dict[str, Client] = {}
        self._stamp: tuple[int, int, int] | None = None
        self._looked = clock()
        self._fault = ""
        self._read()

    def clients(self) -> list[Client]:
        """All whose keys are good, by name."""
        self._reload_if_changed()
        return sorted(self._clients.values(), key=lambda client: client.name)

    def client(self, key: str) -> Client | None:
        """Whose key this is; None for what is no key, or no longer one."""
        self._reload_if_changed()
        found = _KEY.fullmatch(key)
        client = self._clients.get(found[1], _NOBODY) if found else _NOBODY
        # Compared in constant time, and as long for nobody's key as for somebody's.
        same = compare_digest(_hash(client.salt, found[2] if found else ""), client.hash)
        return client if same and client is not _NOBODY else None

    def new(self, name: str, per_minute: int | None = None) -> str:
        """Make a key for a client that has none; this is the only time that it is told."""
        if not _NAME.fullmatch(name):
            raise SettingsError("invalid name: use 1 to 64 letters, digits, dots, dashes and underscores")
        if per_minute is not None and per_minute < 1:
            raise SettingsError("the quota must be at least 1 request per minute")
        with self._changing() as clients:
            if any(client.name == name for client in clients.values()):
                raise SettingsError(f"client {name} already has a key: revoke it first, or choose another name")
            id, secret, salt = secrets.token_hex(6), secrets.token_urlsafe(32), secrets.token_hex(16)
            made = datetime.now(UTC).isoformat(timespec="seconds")
            clients[id] = Client(name, id, salt, _hash(salt, secret), made, per_minute)
        return f"cgk_{id}_{secret}"

    def revoke(self, name: str) -> None:
        """Make the key of a client worthless, for running servers too."""
        with self._changing() as clients:
            ids = [client.id for client in clients.values() if client.name == name]
            if not ids:
                raise SettingsError(f"no client named {name} has a key; `competent-graphql key list` lists all clients")
            for id in ids:
                del clients[id]

    def _reload_if_changed(self) -> None:
        now = self._clock()
        if now - self._looked >= LOOK_AGAIN:
            self._looked = now
            fault = ""
            try:
                self._read()
            except SettingsError as error:
                fault = str(error)
            if fault and fault != self._fault:  # once, and not each time that somebody looks
                log.error("keys file not reloaded, the previous keys stay valid: %s", fault)
            self._fault = fault

    def _read(self) -> None:
        stamp = _stamp(self.file)
        if stamp != self._stamp:
            if stamp is None:
                log.warning("keys file not found, all keys are refused until it is back: %s", self.file)
            self._clients = _clients(self.file) if stamp is not None else {}  # no file: no keys, and nobody gets in
            self._stamp = stamp

    @contextmanager
    def _changing(self) -> Iterator[dict[str, Client]]:
        """The clients as they are now, to be changed; written when all went well. One change at a time."""
        draft = self.file.with_name(f".{self.file.name}.new")
        opened = self._begin(draft)
        try:
            with os.fdopen(opened, "wb") as written:
                clients = _clients(self.file) if self.file.exists() else {}
                yield clients
                told = [asdict(client) for client in clients.values()]
                written.write(orjson.dumps({"keys": told}, option=orjson.OPT_INDENT_2) + b"\n")
                written.flush()
                os.fsync(written.fileno())
            draft.replace(self.file)
        except OSError as error:
            raise self._unwritable(error) from None
        finally:
            draft.unlink(missing_ok=True)
        self._read()

    def _begin(self, draft: Path) -> int:
        """The open draft, which exists for as long as a change is under way."""
        try:
            self.file.parent.mkdir(parents=True, exist_ok=True)
            return os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except OSError as error:
            if isinstance(error, FileExistsError) and draft.exists():
                raise SettingsError(
                    f"another process is changing the keys file; if none is running, delete {draft}"
                ) from None
            raise self._unwritable(error) from None

    def _unwritable(self, error: OSError) -> SettingsError:
        return SettingsError(
            f"cannot write the keys file {self.file}: {error.strerror}; set COMPETENT_KEYS_FILE to use another file"
        )


def _hash(salt: str, secret: str) -> str:
    return blake2b(secret.encode(), salt=bytes.fromhex(salt), digest_size=32).hexdigest()


_NOBODY = Client("", "", "00" * 16, "00" * 32, "")


def _stamp(file: Path) -> tuple[int, int, int] | None:
    try:
        found = file.stat()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise SettingsError(f"cannot read the keys file {file}: {error.strerror}") from None
    return found.st_mtime_ns, found.st_size, found.st_ino


def _clients(file: Path) -> dict[str, Client]:
    try:
        told = orjson.loads(read_small(file, MAX_BYTES))["keys"]
        return {client.id: client for client in map(_client, told)}
    except UnusableFile as error:
        raise SettingsError(f"cannot read the keys file {file}: {error}") from None
    except (ValueError, TypeError, KeyError):
        raise SettingsError(f"{file} is not a valid keys file; `competent-graphql key new NAME` creates one") from None


def _client(told: dict[str, Any]) -> Client:
    client = Client(**told)
    if not (_NAME.fullmatch(client.name) and _ID.fullmatch(client.id) and isinstance(client.made, str)):
        raise ValueError
    if len(bytes.fromhex(client.salt)) != 16 or len(bytes.fromhex(client.hash)) != 32:
        raise ValueError
    if client.per_minute is not None and (type(client.per_minute) is not int or client.per_minute < 1):
        raise ValueError
    return client
