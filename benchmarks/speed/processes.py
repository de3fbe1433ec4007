"""Programs that run beside the benchmark, each on a core of its own choice, and ended with it.

A program is ended by its own id; nothing else on the machine is touched.
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

PATIENCE = 60.0
"""Seconds in which a program must be there."""
SERVER_CORE, OTHER_CORE = "0", "1"
"""The server has one core for itself; load and upstream share the other."""


class Serving(NamedTuple):
    """A server that runs: where it takes operations, and its process."""

    url: str
    pid: int


class Missing(Exception):
    """A program that the benchmark needs is not installed."""


def pinned(core: str, command: Sequence[str]) -> list[str]:
    """The command on one core; as it is where there is only one."""
    return ["taskset", "-c", core, *command] if (os.cpu_count() or 1) > 1 and shutil.which("taskset") else [*command]


def needed(program: str, package: str) -> str:
    """Where a program is; Missing where it is not, with the package that has it."""
    if found := shutil.which(program, path=os.environ.get("PATH", "") + ":/usr/sbin"):
        return found
    raise Missing(f"{program} is not there: apt-get install {package}")


def installed(*command: str | Path) -> bool:
    """Whether a program is there and runs on this machine."""
    try:
        return subprocess.run(command, capture_output=True).returncode == 0  # noqa: S603  # our own
    except OSError:
        return False


@contextmanager
def running(
    command: Sequence[str], core: str, log: Path, environment: Mapping[str, str] | None = None, *, quiet: bool = False
) -> Iterator[subprocess.Popen[str]]:
    """A program while it runs; what it says as an error goes to the log, and with `quiet` all that it says."""
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
            process.communicate(timeout=PATIENCE)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()


def wait_for(port: int, process: subprocess.Popen[str], log: Path) -> None:
    """Return once somebody listens there; RuntimeError where the program ended before, or takes too long."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end and process.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.01)
        else:
            return
    raise RuntimeError(f"{process.args!r} did not start: {log.read_text()[-2000:]}")


def resident(pid: int) -> float:
    """The memory that a process has now, in MB."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 / 1e6 for line in lines if line.startswith("VmRSS:"))


def processor_time(pid: int) -> float:
    """Seconds of processor time that a process has used so far."""
    told = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(told[11]) + int(told[12])) / os.sysconf("SC_CLK_TCK")
