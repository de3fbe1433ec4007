"""Converts a workbook into documents in a separate process with limited memory and CPU time.

The parser holds whole sheets in memory and aborts its process if memory runs out, so a malicious or damaged workbook must not
be parsed in the server process. The separate process also returns the memory that parsing took.
"""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import orjson

from graphql_api.sandbox.report import BadRow, Progress, WorkbookError

MEMORY = 4 << 30
"""Maximum bytes of address space of a conversion; a release takes 0.3 GB of memory."""
CPU_SECONDS = 900
"""Maximum CPU seconds of a conversion; a release takes four."""


def convert(workbook: Path, target: Path | None, source: str, lenient: bool, progress: Progress) -> bytes:
    """Write a workbook's documents to the file `to`, or return them as a serialized database if it is None.

    Raises:
        WorkbookError: If the workbook cannot be used.
        OSError: If the file cannot be written.
    """
    options = orjson.dumps([str(workbook), target and str(target), source, lenient, MEMORY, CPU_SECONDS]).decode()
    with _running([sys.executable, "-P", "-m", "graphql_api.sandbox.converter", options]) as (process, output):
        for line in output:
            match orjson.loads(line):
                case ["progress", name, done, total]:
                    progress(name, done, total)
                case ["error", message, rows]:
                    raise WorkbookError(message, (BadRow(*row) for row in rows))
                case ["not written", reason] if target is None:
                    raise WorkbookError(f"{workbook.name}: cannot be converted ({reason})")
                case ["not written", reason]:
                    raise OSError(reason)
                case ["done"]:
                    return output.read()
        process.wait()
    raise WorkbookError(
        f"{workbook.name}: reading it took more than {MEMORY >> 30} GB of memory or {CPU_SECONDS // 60} minutes, or broke the "
        f"parser (exit status {process.returncode}); save it again in a spreadsheet program, with Competent's sheets only"
    )


@contextmanager
def _running(command: list[str]) -> Iterator[tuple["subprocess.Popen[bytes]", IO[bytes]]]:
    """Run a process and yield it with its output; it has ended afterwards, and is killed after an exception."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    try:
        process = subprocess.Popen(  # noqa: S603  # this Python, and a path as an argument
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=environment
        )
    except OSError as error:
        raise WorkbookError(f"cannot start a process to read workbooks ({error.strerror})") from error
    with process:
        assert process.stdout is not None
        try:
            yield process, process.stdout
        except BaseException:
            process.kill()
            raise
