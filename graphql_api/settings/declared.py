"""How a setting is declared, and what its environment variable is called."""

import math
from collections.abc import Sequence
from dataclasses import Field, field
from typing import Any

PREFIX = "COMPETENT_"


def setting(
    default: Any, help: str, *, least: float | None = None, most: float = math.inf, choices: Sequence[str] = ()
) -> Any:
    """A field of the settings: its default, what it does, the bounds of a number, what a text may be beside the default."""
    return field(default=default, metadata={"help": help, "least": least, "most": most, "choices": choices})


def variable(setting: "Field[Any]") -> str:
    """The environment variable of a setting."""
    return PREFIX + setting.name.upper()
