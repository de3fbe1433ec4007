"""Saves the responses of a visit as files, without the key."""

import base64
import os
from pathlib import Path
from typing import Any
from urllib.parse import quote, quote_plus

import orjson

from graphql_api.cli.doctor.probe import ProbeResponse, Visit
from graphql_api.errors import SettingsError
from graphql_api.sandbox.replay import file_name

Json = Any
"""A JSON value; the same type is returned."""
RECORDED_HEADERS = ("content-type", "etag", "last-modified", "cache-control", "expires", "vary", "retry-after")
RECORDED_PREFIX = "x-ratelimit-"
REPLACEMENT = "KEY"


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
    responses = [seen for name, seen in visit.items() if seen.status and name != "unchanged"]
    for seen in responses:
        file = folder / file_name(seen.path)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(orjson.dumps(_recorded(seen, key), option=orjson.OPT_INDENT_2))
    return len(responses)


def _recorded(seen: ProbeResponse, key: str) -> dict[str, object]:
    headers = {
        name: header
        for name, header in seen.headers.items()
        if name in RECORDED_HEADERS or name.startswith(RECORDED_PREFIX)
    }
    recorded: dict[str, object] = {"path": seen.path, "status": seen.status, "headers": headers}
    try:
        recorded["document"] = orjson.loads(seen.body)
    except ValueError:
        recorded["text"] = seen.body.decode(errors="replace")
    scrubbed_record: dict[str, object] = scrubbed(recorded, key)
    return scrubbed_record


def scrubbed(value: Json, key: str) -> Json:
    """The value with the key replaced in all its texts, names included, also URL-encoded and in Base64."""
    return _without(_forms(key), value)


def _without(forms: list[str], value: Json) -> Json:
    if isinstance(value, str):
        for form in forms:
            position = value.lower().find(form.lower())
            while position >= 0:
                value = value[:position] + REPLACEMENT + value[position + len(form) :]
                position = value.lower().find(form.lower(), position + len(REPLACEMENT))
        return value
    if isinstance(value, dict):
        return {_without(forms, name): _without(forms, item) for name, item in value.items()}
    return [_without(forms, item) for item in value] if isinstance(value, list) else value


def _forms(key: str) -> list[str]:
    if not key:
        return []
    coded = base64.b64encode(key.encode()).decode()
    return sorted({key, quote(key, safe=""), quote_plus(key), coded, coded.rstrip("=")}, key=len, reverse=True)
