"""Reads settings from the environment with the types of their defaults; one error lists all faults."""

import os
from collections.abc import Iterable, Mapping
from dataclasses import Field
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from graphql_api.errors import SettingsError
from graphql_api.settings.field import PREFIX, variable
from graphql_api.settings.files import UnusableFile, read_small
from graphql_api.settings.kubernetes import service_variables
from graphql_api.settings.secret import Secret


def read(settings: Iterable["Field[Any]"], environment: Mapping[str, str]) -> dict[str, Any]:
    """The values in the environment by setting name. Raises SettingsError, which lists all faults."""
    known = {variable(each): each for each in settings}
    ignored = service_variables(environment)
    given = {name: value for name, value in environment.items() if name.startswith(PREFIX) and name not in ignored}
    faults = [_unknown(name, known) for name in sorted(given.keys() - known.keys())]
    values: dict[str, Any] = {}
    for name in given.keys() & known.keys():
        try:
            values[known[name].name] = _parse(known[name], given[name])
        except ValueError as error:
            faults.append(f"{name} {error}")
    if faults:
        raise SettingsError("; ".join(faults) + ". docs/settings.md lists all settings.")
    return values


def _unknown(name: str, settings: Mapping[str, "Field[Any]"]) -> str:
    """The error for an unknown variable, with the new name or the closest setting."""
    for new, setting in settings.items():
        if setting.metadata["formerly"] and name == PREFIX + setting.metadata["formerly"]:
            return f"{name} is now {new}"
    similar = get_close_matches(name, settings, n=1, cutoff=0.8)
    return f"{name} is not a setting of this server" + (f" (did you mean {similar[0]}?)" if similar else "")


def read_key(file: Path) -> Secret:
    """Read the key for the Competent API from a file. Raises SettingsError if it cannot be read."""
    try:
        return Secret(read_small(file, 10_000).decode("utf-8-sig").strip())
    except UnusableFile as error:
        raise SettingsError(f"COMPETENT_API_KEY_FILE cannot be read: {error} ({file})") from None
    except UnicodeDecodeError:
        raise SettingsError(f"COMPETENT_API_KEY_FILE is not text: {file}") from None


def _parse(setting: "Field[Any]", text: str) -> Any:
    if isinstance(setting.default, tuple):
        return tuple(_path(each) for each in text.split(os.pathsep) if each)
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


def _number(setting: "Field[Any]", text: str) -> int | float:
    kind = int if isinstance(setting.default, int) else float
    try:
        number = kind(text)
    except ValueError:
        raise ValueError(f"must be a {'whole ' if kind is int else ''}number, not {text!r}") from None
    if not number >= setting.metadata["least"]:
        raise ValueError(f"must be at least {setting.metadata['least']}, not {text!r}")
    if number > setting.metadata["most"]:
        raise ValueError(f"must be at most {setting.metadata['most']}, not {text!r}")
    return number
