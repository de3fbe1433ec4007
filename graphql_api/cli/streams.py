"""Standard input and output in UTF-8 regardless of locale, code page and PYTHONIOENCODING, as JSON and GraphQL are UTF-8."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from errno import EDQUOT, EFBIG, EIO, ENOSPC
from io import TextIOWrapper

from graphql_api.cli.bootstrap import stop


def use_utf8() -> None:
    """Switch the standard streams to UTF-8. Characters beyond it are escaped; a closed stream becomes an empty one."""
    for name, mode, errors in (
        ("stdin", "r", "strict"),
        ("stdout", "w", "backslashreplace"),
        ("stderr", "w", "backslashreplace"),
    ):
        stream = getattr(sys, name)
        if stream is None:
            setattr(sys, name, open(os.devnull, mode, encoding="utf-8"))  # noqa: PTH123, SIM115  # open until the process ends
        elif isinstance(stream, TextIOWrapper):
            stream.reconfigure(encoding="utf-8", errors=errors)


@contextmanager
def writable_output() -> Iterator[None]:
    """Exit with 2 and one sentence if a full or failing disk does not accept the output of the command inside."""
    try:
        try:
            yield
        finally:
            sys.stdout.flush()
    except OSError as error:
        if error.errno not in (ENOSPC, EDQUOT, EFBIG, EIO):
            raise
        sys.stdout = open(os.devnull, "w")  # noqa: PTH123, SIM115  # so that its buffered output is not retried at exit
        stop(f"cannot write the output: {error.strerror}")


def as_utf8(argument: str) -> str:
    """A command-line argument decoded as UTF-8 if its bytes are valid UTF-8, otherwise as the locale decoded it."""
    try:
        return os.fsencode(argument).decode("utf-8")
    except UnicodeError:
        return argument
