"""A progress bar for reading workbooks."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def progress_bar() -> "Iterator[Callable[[str, int, int], None]]":
    """Show a progress bar while a workbook is read, if standard error is a terminal; yields the function that updates it."""
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
