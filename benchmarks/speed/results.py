"""What whole runs found, a JSON file for each part, in a folder that git ignores."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import orjson

FOLDER = Path(__file__).resolve().parents[1] / "results"

Part = Mapping[str, Any]
"""What one part found."""


def plain(value: Any) -> Any:
    """The same as JSON has it: named tuples are objects."""
    if isinstance(value, Mapping):
        return {name: plain(each) for name, each in value.items()}
    if hasattr(value, "_asdict"):
        return plain(value._asdict())
    return [plain(each) for each in value] if isinstance(value, list | tuple) else value


def keep(name: str, found: Part) -> None:
    """Write what a part found in place of what it found before."""
    FOLDER.mkdir(exist_ok=True)
    (FOLDER / f"{name}.json").write_bytes(orjson.dumps(found, option=orjson.OPT_INDENT_2))


def kept(name: str) -> Part | None:
    """What a part found last; None where it was not measured yet."""
    file = FOLDER / f"{name}.json"
    return orjson.loads(file.read_bytes()) if file.is_file() else None
