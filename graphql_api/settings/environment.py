"""Declares settings and reads them from the environment with the types of their defaults; one error lists all faults.

Kubernetes sets variables in every pod for each Service of its namespace: a Service `competent-graphql` sets
`COMPETENT_GRAPHQL_SERVICE_HOST`, `COMPETENT_GRAPHQL_PORT` and more, and one named `competent` even sets `COMPETENT_PORT`
(Kubernetes documentation, "Discovering services"). They are ignored if their value is one that Kubernetes writes, so that a
misspelled setting is still refused.
"""

import math
import os
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import Field, field
from difflib import get_close_matches
from enum import Enum
from ipaddress import ip_address
from pathlib import Path
from typing import Any, TypeVar

from graphql_api.errors import SettingsError
from graphql_api.settings.files import UnusableFile, read_small

PREFIX = "COMPETENT_"
ON_OFF = ("on", "off")

T = TypeVar("T")
Setting = Field[Any]
"""A dataclass field as a `Section` declares it."""

_SERVICE = rf"{PREFIX}(?:[A-Z0-9_]+_)?"
_HOST = re.compile(rf"{_SERVICE}(?:SERVICE_HOST|PORT_\d+_(?:TCP|UDP|SCTP)_ADDR)")
_NUMBER = re.compile(rf"{_SERVICE}(?:SERVICE_PORT(?:_[A-Z0-9_]+)?|PORT_\d+_(?:TCP|UDP|SCTP)_PORT)")
_PROTOCOL = re.compile(rf"{_SERVICE}PORT_\d+_(?:TCP|UDP|SCTP)_PROTO")
_ADDRESS = re.compile(rf"{_SERVICE}PORT(?:_\d+_(?:TCP|UDP|SCTP))?")
_URL = re.compile(r"(?:tcp|udp|sctp)://(.+):(\d{1,5})")


class Secret(str):
    """A string that logs, tracebacks and format strings show as `…`; `reveal()` returns it."""

    def __repr__(self) -> str:
        return "Secret('…')" if self.reveal() else "Secret('')"

    __str__ = __repr__

    def __format__(self, spec: str) -> str:
        return format(repr(self), spec)

    def reveal(self) -> str:
        """The secret itself."""
        return str.__str__(self)


class Section(Enum):
    """A section of docs/settings.md, in the order of that page. Calling it declares a setting of that section."""

    MOST_USED = "The ten settings that most people need"
    UPSTREAM = "Competent API"
    SANDBOX = "Sandbox"
    STORE = "Store and caches"
    INDEX = "Index"
    SERVER = "Server and connections"
    LOAD = "Timeouts and load"
    ACCESS = "Keys of clients"
    DATA = "What is said about the data"
    GRAPHQL = "GraphQL"
    PERSISTED = "Persisted queries"
    LIMITS = "Limits of a GraphQL document"
    STREAMING = "WebSockets and event streams"
    LOGS = "Logs and metrics"

    def __call__(
        self,
        default: T,
        help: str,
        *,
        minimum: float | None = None,
        maximum: float = math.inf,
        choices: Sequence[str] = (),
        formerly: str = "",
    ) -> T:
        """A dataclass field with a default and a help sentence.

        `minimum` and `maximum` bound a number, `choices` are the values of a text other than the default. `formerly` is an
        earlier name without the prefix: a start with it is refused with the new name.
        """
        bounds = {"minimum": minimum, "maximum": maximum, "choices": choices}
        return field(default=default, metadata={"section": self, "help": help, "formerly": formerly, **bounds})


def settings_by_section(settings: Iterable[Setting]) -> dict[Section, list[Setting]]:
    """The settings of each section, in the order of docs/settings.md."""
    return {section: [one for one in settings if one.metadata["section"] is section] for section in Section}


def variable(setting: Setting) -> str:
    """The environment variable of a setting."""
    return PREFIX + setting.name.upper()


def read(settings: Iterable[Setting], environment: Mapping[str, str]) -> dict[str, Any]:
    """The values in the environment by setting name. Raises SettingsError, which lists all faults."""
    declared = {variable(setting): setting for setting in settings}
    ignored = service_variables(environment)
    variables = {name: value for name, value in environment.items() if name.startswith(PREFIX) and name not in ignored}
    faults = [_unknown(name, declared) for name in sorted(variables.keys() - declared.keys())]
    values: dict[str, Any] = {}
    for name in variables.keys() & declared.keys():
        try:
            values[declared[name].name] = _parse(declared[name], variables[name])
        except ValueError as error:
            faults.append(f"{name} {error}")
    if faults:
        raise SettingsError("; ".join(faults) + ". docs/settings.md lists all settings.")
    return values


def _unknown(name: str, settings: Mapping[str, Setting]) -> str:
    """The error for an unknown variable, with the new name or the closest setting."""
    for new, setting in settings.items():
        if setting.metadata["formerly"] and name == PREFIX + setting.metadata["formerly"]:
            return f"{name} is now {new}"
    similar = get_close_matches(name, settings, n=1, cutoff=0.8)
    return f"{name} is not a setting of this server" + (f" (did you mean {similar[0]}?)" if similar else "")


def read_key(file: Path, setting: str) -> Secret:
    """Read a key from the file that a setting names. Raises SettingsError if it cannot be read."""
    try:
        return Secret(read_small(file, 10_000).decode("utf-8-sig").strip())
    except UnusableFile as error:
        raise SettingsError(f"{PREFIX}{setting} cannot be read: {error} ({file})") from None
    except UnicodeDecodeError:
        raise SettingsError(f"{PREFIX}{setting} is not text: {file}") from None


def _parse(setting: Setting, text: str) -> object:
    if isinstance(setting.default, tuple):
        return tuple(_path(path) for path in text.split(os.pathsep) if path)
    if setting.default is None:
        return _path(text) if text else None
    if isinstance(setting.default, Secret):
        return Secret(text.strip())
    if isinstance(setting.default, str):
        return text.strip()
    return _number(setting, text)


def _path(text: str) -> Path:
    """A path with `~` expanded, as no shell may do it. Raises ValueError if the user has no home directory."""
    try:
        return Path(text).expanduser()
    except RuntimeError:
        raise ValueError(f"begins with ~, but this user has no home directory: {text!r}") from None


def _number(setting: Setting, text: str) -> int | float:
    number_class = int if isinstance(setting.default, int) else float
    try:
        number = number_class(text)
    except ValueError:
        raise ValueError(f"must be a {'whole ' if number_class is int else ''}number, not {text!r}") from None
    if not number >= setting.metadata["minimum"]:
        raise ValueError(f"must be at least {setting.metadata['minimum']}, not {text!r}")
    if number > setting.metadata["maximum"]:
        raise ValueError(f"must be at most {setting.metadata['maximum']}, not {text!r}")
    return number


def service_variables(environment: Mapping[str, str]) -> set[str]:
    """Names of variables with the prefix of settings that Kubernetes set, or Docker links, which have the same form."""
    return {name for name, value in environment.items() if name.startswith(PREFIX) and _is_of_a_service(name, value)}


def _is_of_a_service(name: str, value: str) -> bool:
    if _HOST.fullmatch(name):
        return _is_ip(value)
    if _NUMBER.fullmatch(name):
        return _is_port(value)
    if _PROTOCOL.fullmatch(name):
        return value in ("tcp", "udp", "sctp")
    if _ADDRESS.fullmatch(name) and (url := _URL.fullmatch(value)):
        return _is_ip(url[1].removeprefix("[").removesuffix("]")) and _is_port(url[2])
    return False


def _is_ip(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True


def _is_port(text: str) -> bool:
    return text.isascii() and text.isdecimal() and 0 < int(text[:6]) < 65536
