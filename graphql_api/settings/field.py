"""How a setting is declared, and the name of its environment variable."""

import math
from collections.abc import Sequence
from dataclasses import Field, dataclass, field
from typing import Any

PREFIX = "COMPETENT_"


@dataclass(frozen=True, slots=True)
class Section:
    """A section of docs/settings.md. Calling it declares a setting of that section."""

    title: str

    def __call__(
        self,
        default: Any,
        help: str,
        *,
        least: float | None = None,
        most: float = math.inf,
        choices: Sequence[str] = (),
        formerly: str = "",
    ) -> Any:
        """A dataclass field with a default and a help sentence.

        `least` and `most` bound a number, `choices` are the values of a text other than the default. `formerly` is an earlier
        name without the prefix: a start with it is refused with the new name.
        """
        bounds = {"least": least, "most": most, "choices": choices}
        return field(default=default, metadata={"section": self.title, "help": help, "formerly": formerly, **bounds})


def variable(setting: "Field[Any]") -> str:
    """The environment variable of a setting."""
    return PREFIX + setting.name.upper()
