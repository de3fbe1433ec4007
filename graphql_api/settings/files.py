"""Small files that an operator names: read without waiting for anybody, and not beyond a size."""

import os
import stat
from pathlib import Path


class UnusableFile(Exception):
    """The file cannot be read; the message says why, and does not name the file."""


def read_small(file: Path, most_bytes: int) -> bytes:
    """The bytes of a regular file; raises UnusableFile.

    A named pipe would wait for its writer, and a device may never end, so neither is read, whatever it replaced meanwhile.
    """
    try:
        descriptor = os.open(file, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
        with os.fdopen(descriptor, "rb") as opened:
            if not stat.S_ISREG(os.fstat(opened.fileno()).st_mode):
                raise UnusableFile("it is not a regular file")
            data = opened.read(most_bytes + 1)
    except OSError as error:
        raise UnusableFile(error.strerror or "it cannot be opened") from None
    if len(data) > most_bytes:
        raise UnusableFile(f"it has more than {most_bytes:,} bytes")
    return data


def is_open_to_others(file: Path) -> str:
    """What other users of the system may do with a file, `read` or `change` it; empty if neither, or if it cannot be seen."""
    try:
        mode = file.stat().st_mode
    except OSError:
        return ""
    if os.name != "posix":
        return ""
    return "change" if mode & (stat.S_IWGRP | stat.S_IWOTH) else "read" if mode & stat.S_IROTH else ""
