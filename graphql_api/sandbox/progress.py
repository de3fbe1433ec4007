"""Progress callbacks of long-running work."""

from collections.abc import Callable

Progress = Callable[[str, int, int], None]
"""Called with a name (a sheet, a collection), the amount done and the total (0 if unknown)."""


def silent(what: str, done: int, total: int) -> None:
    """Ignore progress."""
