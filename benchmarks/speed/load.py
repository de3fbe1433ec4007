"""Generates load with wrk: N connections that each send the next body of an operation after each response.

A run with a failed request is rejected.
"""

import json
import subprocess
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import NamedTuple

from benchmarks.speed.processes import OTHER_CORE, Serving, needed, pinned, processor_time

CLIENTS = 16

_SCRIPT = """
local requests, turn = {}, 0
function init(arguments)
  local headers = { ["Content-Type"] = "application/json", ["Accept"] = "application/json" }
  for body in io.lines(arguments[1]) do
    requests[#requests + 1] = wrk.format("POST", wrk.path, headers, body)
  end
end
function request()
  turn = turn % #requests + 1
  return requests[turn]
end
function done(summary, latency)
  local failed = summary.errors
  io.write(string.format('\\n{"answers": %d, "seconds": %.6f, "bytes": %d, "p50": %.6f, "p99": %.6f, "failed": %d}\\n',
    summary.requests, summary.duration / 1e6, summary.bytes, latency:percentile(50) / 1e3, latency:percentile(99) / 1e3,
    failed.connect + failed.read + failed.write + failed.status + failed.timeout))
end
"""


class Load(NamedTuple):
    """Responses per second, and median and 99th percentile in milliseconds.

    `per_cpu_second` is relative to the server's CPU time, which depends less on other programs. `failed` is the share of
    requests without a response of status 200.
    """

    per_second: float
    per_cpu_second: float
    p50: float
    p99: float
    failed: float = 0.0

    @property
    def answered(self) -> float:
        """Responses of status 200 per second."""
        return self.per_second * (1 - self.failed)


class Driver:
    """Runs wrk with its script and the bodies in a folder."""

    def __init__(self, folder: Path) -> None:
        self._wrk = needed("wrk", "wrk")
        self._folder = folder
        (folder / "load.lua").write_text(_SCRIPT)

    def run(
        self, server: Serving, bodies: Sequence[bytes], seconds: int, clients: int = CLIENTS, *, may_fail: bool = False
    ) -> Load:
        """Run for a whole number of seconds. Raises RuntimeError if a request failed, unless it `may_fail`."""
        (bodies_file := self._folder / "bodies").write_bytes(b"\n".join(bodies) + b"\n")
        script = str(self._folder / "load.lua")
        length = ["-t1", f"-c{clients}", f"-d{seconds}s", "--timeout", "20s", "-s", script, server.url, "--"]
        before = processor_time(server.pid)
        process = subprocess.run(  # noqa: S603  # our own
            pinned(OTHER_CORE, [self._wrk, *length, str(bodies_file)]), capture_output=True, text=True, check=True
        ).stdout
        used = processor_time(server.pid) - before
        result = json.loads(process.splitlines()[-1])
        if (result["failed"] and not may_fail) or not result["answers"]:
            raise RuntimeError(f"{server.url}: {result['failed']} of {result['answers']} requests failed:\n{process}")
        failed = min(1.0, result["failed"] / result["answers"])
        return Load(
            result["answers"] / result["seconds"], result["answers"] / used, result["p50"], result["p99"], failed
        )


def middle(runs: Sequence[Load]) -> Load:
    """The median of each figure."""
    return Load(*(median(item) for item in zip(*runs, strict=True)))
