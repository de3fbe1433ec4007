"""Saves the responses of a visit as files, without the key."""

import base64
import os
from pathlib import Path
from typing import Any
from urllib.parse import quote, quote_plus

import orjson

from graphql_api.cli.doctor.probe import Seen, Visit
from graphql_api.errors import SettingsError
from graphql_api.sandbox.replay import file_name

KEPT = ("content-type", "etag", "last-modified", "cache-control", "expires", "vary", "retry-after")
KEPT_BEGINNING = "x-ratelimit-"
HIDDEN = "KEY"


def demand_folder(folder: Path) -> None:
    """Create the folder if necessary. Raises SettingsError if it is not writable, before the first call is made."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        problem = None if os.access(folder, os.W_OK) else "it is not writable"
    except OSError as error:
        problem = error.strerror
    if problem:
        raise SettingsError(f"cannot save the responses in {folder}: {problem}")


def record(visit: Visit, folder: Path, key: str) -> int:
    """Write each response to a file, and return their number."""
    came = [seen for name, seen in visit.items() if seen.status and name != "unchanged"]
    for seen in came:
        file = folder / file_name(seen.path)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(orjson.dumps(_recorded(seen, key), option=orjson.OPT_INDENT_2))
    return len(came)


def _recorded(seen: Seen, key: str) -> dict[str, Any]:
    headers = {name: each for name, each in seen.headers.items() if name in KEPT or name.startswith(KEPT_BEGINNING)}
    told: dict[str, Any] = {"path": seen.path, "status": seen.status, "headers": headers}
    try:
        told["document"] = orjson.loads(seen.body)
    except ValueError:
        told["text"] = seen.body.decode(errors="replace")
    return scrubbed(told, key)  # type: ignore[no-any-return]


def scrubbed(value: Any, key: str) -> Any:
    """The value with the key replaced in all its texts, names included, also URL-encoded and in Base64."""
    return _without(_forms(key), value)


def _without(forms: list[str], value: Any) -> Any:
    if isinstance(value, str):
        for form in forms:
            place = value.lower().find(form.lower())
            while place >= 0:
                value = value[:place] + HIDDEN + value[place + len(form) :]
                place = value.lower().find(form.lower(), place + len(HIDDEN))
        return value
    if isinstance(value, dict):
        return {_without(forms, name): _without(forms, each) for name, each in value.items()}
    return [_without(forms, each) for each in value] if isinstance(value, list) else value


def _forms(key: str) -> list[str]:
    if not key:
        return []
    coded = base64.b64encode(key.encode()).decode()
    return sorted({key, quote(key, safe=""), quote_plus(key), coded, coded.rstrip("=")}, key=len, reverse=True)
