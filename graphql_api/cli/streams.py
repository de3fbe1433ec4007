"""Standard input and output in UTF-8, whatever locale, code page or PYTHONIOENCODING say: JSON and GraphQL are UTF-8."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from errno import EDQUOT, EFBIG, EIO, ENOSPC
from io import TextIOWrapper

from graphql_api.cli.bootstrap import stop


def use_utf8() -> None:
    """Read and write UTF-8 from now on. What UTF-8 cannot hold is written as JSON escapes it; a closed stream is an empty one."""
    for name, mode, errors in (
        ("stdin", "r", "strict"),
        ("stdout", "w", "backslashreplace"),
        ("stderr", "w", "backslashreplace"),
    ):
        stream = getattr(sys, name)
        if stream is None:
            setattr(sys, name, open(os.devnull, mode, encoding="utf-8"))  # noqa: PTH123, SIM115  # open as long as the process is
        elif isinstance(stream, TextIOWrapper):
            stream.reconfigure(encoding="utf-8", errors=errors)


@contextmanager
def writable_output() -> Iterator[None]:
    """End with one sentence where a full disk, or one that fails, does not take what a command prints within this."""
    try:
        try:
            yield
        finally:
            sys.stdout.flush()
    except OSError as error:
        if error.errno not in (ENOSPC, EDQUOT, EFBIG, EIO):
            raise
        sys.stdout = open(os.devnull, "w")  # noqa: PTH123, SIM115  # what it still holds is not tried again
        stop(f"cannot write the output: {error.strerror}")


def as_utf8(argument: str) -> str:
    """An argument of the command line as its bytes read in UTF-8, if they are; else as the locale reads them."""
    try:
        return os.fsencode(argument).decode("utf-8")
    except UnicodeError:
        return argument
