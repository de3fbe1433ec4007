"""Small files that settings name, read without blocking and up to a maximum size; and the default folders of the user."""

import logging
import os
import stat
from collections.abc import Sequence
from pathlib import Path

import platformdirs

_APP = "competent-graphql"
MAX_WARNINGS = 20
"""Maximum number of rows of a file that the log names."""


class UnusableFile(Exception):
    """A file cannot be read. The message says why, without the name of the file."""


def read_small(file: Path, most_bytes: int) -> bytes:
    """The content of a regular file. Raises UnusableFile if it is not one, is unreadable or has more than `most_bytes` bytes.

    A named pipe would block until it has a writer, and a device may never end. The opened file itself is checked, because the
    path may point to another one by then.
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


def warn_of_rows(log: logging.Logger, file: Path, problems: Sequence[tuple[int, str]]) -> None:
    """Log the rows of a file that are skipped, each with its line and what is wrong with it: the first ones, and their number."""
    for line, message in problems[:MAX_WARNINGS]:
        log.warning("%s, line %d: %s; the row is skipped", file.name, line, message)
    if len(problems) > MAX_WARNINGS:
        log.warning("%s: %d rows are skipped in all", file.name, len(problems))


def is_open_to_others(file: Path) -> str:
    """What other users may do with a file: `read` or `change`; empty if neither, if it is inaccessible, or not on POSIX."""
    try:
        mode = file.stat().st_mode
    except OSError:
        return ""
    if os.name != "posix":
        return ""
    return "change" if mode & (stat.S_IWGRP | stat.S_IWOTH) else "read" if mode & stat.S_IROTH else ""


def user_cache_folder() -> Path | None:
    """The user's cache folder, or None without a home directory, as in a container."""
    try:
        return _absolute(platformdirs.user_cache_path(_APP))
    except RuntimeError:
        return None


def user_config_folder() -> Path | None:
    """The user's configuration folder, or None without a home directory, as in a container."""
    try:
        return _absolute(platformdirs.user_config_path(_APP))
    except RuntimeError:
        return None


def _absolute(folder: Path) -> Path | None:
    """The folder if it is absolute, otherwise None: older versions of platformdirs return `~/.cache` unexpanded."""
    return folder if folder.is_absolute() else None
