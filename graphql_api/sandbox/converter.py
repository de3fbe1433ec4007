"""The process that converts one workbook or NDJSON file: `python -m graphql_api.sandbox.converter OPTIONS`.

`conversion.py` starts it. Writes progress and errors to standard output as lines of JSON and, after `["done"]`, the database
unless a file was named.
"""

import gc
import os
import sqlite3
import sys
from contextlib import suppress
from pathlib import Path
from typing import NoReturn

import orjson

from graphql_api.sandbox.document_store import database_of, write_documents
from graphql_api.sandbox.excel import read_workbook
from graphql_api.sandbox.ndjson import is_ndjson, read_ndjson
from graphql_api.sandbox.report import WorkbookError


def main(options: str) -> NoReturn:
    """Convert a file and end the process.

    `options` as JSON: file to read, file to write or null, source, lenient, bytes of memory, CPU seconds.
    """
    workbook, target, source, lenient, memory, seconds = orjson.loads(options)
    _limit(memory, seconds)
    gc.disable()  # a release has millions of objects and no cycles
    try:
        read = read_ndjson if is_ndjson(path := Path(workbook)) else read_workbook
        dataset = read(path, _progress, lenient=lenient)
        database = b""
        if target is None:
            database = database_of(dataset, source, _progress)
        else:
            write_documents(dataset, Path(target), source, _progress)
    except WorkbookError as error:
        _send("error", str(error), [[row.sheet, row.row, row.reason, row.column] for row in error.faults])
    except (OSError, sqlite3.Error) as error:
        _send("not written", str(error))
    else:
        _send("done")
        sys.stdout.buffer.write(database)
    sys.stdout.buffer.flush()
    os._exit(0)  # without freeing millions of objects one by one


def _progress(what: str, done: int, total: int) -> None:
    _send("progress", what, done, total)


def _send(*message: object) -> None:
    sys.stdout.buffer.write(orjson.dumps(message) + b"\n")
    sys.stdout.buffer.flush()


def _limit(memory: int, seconds: int) -> None:
    """Limit memory and CPU time of this process, and let the kernel kill it before the server if memory runs out."""
    with suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("1000")
    try:
        import resource
    except ImportError:  # pragma: no cover  # Windows
        return
    for limit, value in (
        (resource.RLIMIT_AS, memory),
        (resource.RLIMIT_CPU, seconds),
        (resource.RLIMIT_CORE, 0),
    ):
        hard = resource.getrlimit(limit)[1]
        with suppress(OSError, ValueError):
            resource.setrlimit(limit, (value if hard == resource.RLIM_INFINITY else min(value, hard), hard))


if __name__ == "__main__":
    main(sys.argv[1])
