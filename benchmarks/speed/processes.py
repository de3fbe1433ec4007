"""Programs that the benchmark starts, each pinned to a core, and ends.

A program is ended by its process id; other processes are not touched.
"""

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

TIMEOUT = 60.0
"""Timeout in seconds for the start of a program."""
SERVER_CORE, OTHER_CORE = "0", "1"
"""The server has a core to itself; load generator and upstream share the other."""


class Serving(NamedTuple):
    """A running server: URL of its endpoint, and process id."""

    url: str
    pid: int


class Missing(Exception):
    """A program that the benchmark needs is not installed."""


def pinned(core: str, command: Sequence[str]) -> list[str]:
    """The command pinned to a core; unchanged if the machine has only one or no `taskset`."""
    return ["taskset", "-c", core, *command] if (os.cpu_count() or 1) > 1 and shutil.which("taskset") else [*command]


def needed(program: str, package: str) -> str:
    """The path of a program. Raises Missing, with its package, if it is not installed."""
    if result := shutil.which(program, path=os.environ.get("PATH", "") + ":/usr/sbin"):
        return result
    raise Missing(f"{program} is not there: apt-get install {package}")


def installed(*command: str | Path) -> bool:
    """True if a program is installed and runs on this machine."""
    try:
        return subprocess.run(command, capture_output=True).returncode == 0  # noqa: S603  # our own
    except OSError:
        return False


@contextmanager
def running(
    command: Sequence[str], core: str, log: Path, environment: Mapping[str, str] | None = None, *, quiet: bool = False
) -> Iterator[subprocess.Popen[str]]:
    """Run a program; its standard error goes to the log and, with `quiet`, its standard output too."""
    with log.open("a") as errors:
        process = subprocess.Popen(  # noqa: S603  # our own
            pinned(core, command),
            stdout=errors if quiet else subprocess.PIPE,
            stderr=errors,
            text=True,
            env=environment,
        )
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.communicate(timeout=TIMEOUT)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()


def wait_for(port: int, process: subprocess.Popen[str], log: Path) -> None:
    """Wait until the port accepts connections. Raises RuntimeError if the program ends or takes too long."""
    end = time.monotonic() + TIMEOUT
    while time.monotonic() < end and process.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.01)
        else:
            return
    raise RuntimeError(f"{process.args!r} did not start: {log.read_text()[-2000:]}")


def resident(pid: int) -> float:
    """The resident memory of a process, in MB."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 / 1e6 for line in lines if line.startswith("VmRSS:"))


def unique(pid: int) -> float:
    """The memory of a process that it shares with no other (unique set size), in MB."""
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    return sum(int(line.split()[1]) for line in lines if line.startswith("Private_")) * 1024 / 1e6


def processor_time(pid: int) -> float:
    """CPU seconds that a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
