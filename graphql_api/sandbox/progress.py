"""How long work tells how far it is: by calling what it was handed, never by drawing anything itself.

Whoever listens is only told; what it returns is ignored.
"""

from collections.abc import Callable

Progress = Callable[[str, int, int], None]
"""Told what is being worked on (a sheet, a collection), how much of it is done, how much there is (0: unknown)."""


def silent(what: str, done: int, total: int) -> None:
    """For those who do not want to know."""
