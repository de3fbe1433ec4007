"""Describes the machine and software versions of a measurement, without host names or paths."""

import os
import platform
import re
import sqlite3
import subprocess
from datetime import date
from importlib.metadata import version
from pathlib import Path

import orjson

from benchmarks.speed.contestants import PEERS
from benchmarks.speed.processes import needed

_PACKAGES = ("strawberry-graphql", "graphql-core", "starlette", "uvicorn", "orjson")
_PEERS = (
    "mercurius",
    "fastify",
    "graphql-yoga",
    "graphql-jit",
    "dataloader",
    "graphql",
    "@tailcallhq/core-linux-x64-gnu",
)


def describe() -> dict[str, str]:
    """The facts by name."""
    return {
        "on": date.today().isoformat(),
        "machine": f"{os.cpu_count()} cores ({_processor()}), {_memory():.0f} GB, {platform.system()} ({platform.machine()})",
        "server": f"Python {platform.python_version()}, SQLite {sqlite3.sqlite_version}, "
        + ", ".join(f"{name} {version(name)}" for name in _PACKAGES),
        "peers": f"Node {_version(needed('node', 'nodejs'), '--version')}, "
        + ", ".join(f"{name.split('/')[0].strip('@')} {_installed(name)}" for name in _PEERS),
        "upstream and load": f"nginx {_version(needed('nginx', 'nginx'), '-v')}, wrk {_version(needed('wrk', 'wrk'), '-v')}",
        "load of the machine when the part began": f"{os.getloadavg()[0]:.1f}",
    }


def _processor() -> str:
    match = re.search(r"model name\s*: (.+)", Path("/proc/cpuinfo").read_text())
    return match[1].strip() if match else platform.processor()


def _memory() -> float:
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9


def _version(program: str, option: str) -> str:
    """The version that a program prints."""
    done = subprocess.run([program, option], capture_output=True, text=True)  # noqa: S603  # wrk ends with 1
    match = re.search(r"\d+(\.\d+)+", done.stdout + done.stderr)
    return match[0] if match else "?"


def _installed(package: str) -> str:
    file = PEERS / "node_modules" / package / "package.json"
    return str(orjson.loads(file.read_bytes())["version"]) if file.is_file() else "?"
