"""Results of whole runs: a JSON file per part, in a folder that git ignores."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import orjson

FOLDER = Path(__file__).resolve().parents[1] / "results"

Part = Mapping[str, Any]
"""The results of one part."""


def plain(value: Any) -> Any:
    """The value as for JSON, with named tuples as objects."""
    if isinstance(value, Mapping):
        return {name: plain(item) for name, item in value.items()}
    if hasattr(value, "_asdict"):
        return plain(value._asdict())
    return [plain(item) for item in value] if isinstance(value, list | tuple) else value


def write(name: str, part: Part) -> None:
    """Write the results of a part, replacing earlier ones."""
    FOLDER.mkdir(exist_ok=True)
    (FOLDER / f"{name}.json").write_bytes(orjson.dumps(part, option=orjson.OPT_INDENT_2))


def read(name: str) -> Part | None:
    """The last results of a part, or None."""
    file = FOLDER / f"{name}.json"
    return orjson.loads(file.read_bytes()) if file.is_file() else None
