"""A bar that shows how far the reading of a workbook is."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def progress_bar() -> "Iterator[Callable[[str, int, int], None]]":
    """A bar on a terminal, for the reading of a workbook; nothing where nobody looks."""
    from rich.console import Console
    from rich.progress import Progress, TaskID

    with Progress(console=Console(stderr=True), transient=True, disable=not sys.stderr.isatty()) as bar:
        tasks: dict[str, TaskID] = {}

        def tell(what: str, done: int, total: int) -> None:
            task = tasks.setdefault(what, TaskID(-1))
            if task == -1:
                task = tasks[what] = bar.add_task(what)
            bar.update(task, completed=done, total=total or None)

        yield tell
