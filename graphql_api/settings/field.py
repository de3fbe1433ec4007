"""How a setting is declared, and what its environment variable is called."""

import math
from collections.abc import Sequence
from dataclasses import Field, field
from typing import Any

PREFIX = "COMPETENT_"


def setting(
    default: Any,
    help: str,
    *,
    least: float | None = None,
    most: float = math.inf,
    choices: Sequence[str] = (),
    formerly: str = "",
) -> Any:
    """A field of the settings: its default, what it does, the bounds of a number, what a text may be beside the default.

    `formerly` is the name that it had before, without the prefix: a start with that name says the new one.
    """
    metadata = {"help": help, "least": least, "most": most, "choices": choices, "formerly": formerly}
    return field(default=default, metadata=metadata)


def variable(setting: "Field[Any]") -> str:
    """The environment variable of a setting."""
    return PREFIX + setting.name.upper()
