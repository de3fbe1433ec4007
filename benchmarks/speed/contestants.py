"""The servers that are measured: this one with several settings, and peers, each with one process on one core.

All use the same upstream and give the same responses; those `in_memory` cache documents, others fetch them each time.
"""

import re
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import NamedTuple

from benchmarks.servers import clean, free_port
from benchmarks.speed.processes import SERVER_CORE, Missing, Serving, installed, needed, running, wait_for

TAILCALL_PROGRAM = "node_modules/@tailcallhq/core-linux-x64-gnu/bin/tailcall"
PEERS = Path(__file__).resolve().parents[1] / "peers"
OURS = "competent-graphql"
SQLITE = f"{OURS}, SQLite store"
REFERENCE = f"{OURS}, graphql-core"
RESPONSE_CACHE = f"{OURS}, response cache"
DEFAULTS = f"{OURS}, default settings"
MERCURIUS, YOGA, TAILCALL = "Mercurius with JIT", "GraphQL Yoga with DataLoader and JIT", "Tailcall"


Start = Callable[[str, Path], AbstractContextManager[Serving]]
"""Starts a server with an upstream URL and a folder for its files; ends it when the context exits."""


class Contestant(NamedTuple):
    """A server and how it is started.

    `ours` supports all operations; those `in_memory` cache documents; `brief` ones have no goal and run less often.
    """

    name: str
    start: Start
    ours: bool = False
    in_memory: bool = True
    brief: bool = False

    @property
    def label(self) -> str:
        """Its name and, for a peer, whether it has the documents in memory."""
        return (
            self.name
            if self.ours
            else f"{self.name}, {'documents in memory' if self.in_memory else 'documents from upstream'}"
        )


def ours(**settings: str) -> dict[str, Contestant]:
    """This server with the settings to compare, by name."""
    variants: dict[str, dict[str, str]] = {
        OURS: {},
        SQLITE: {"store": "sqlite"},
        REFERENCE: {"compiled_queries": "off"},
        RESPONSE_CACHE: {"response_cache_bytes": ""},
        DEFAULTS: {"response_cache_bytes": "", "queue_timeout": ""},
    }
    return {
        name: Contestant(name, _ours({**settings, **variant}), ours=True, brief=name == SQLITE)
        for name, variant in variants.items()
    }


def peers(release: str) -> list[Contestant]:
    """The peers. Tailcall, which npm has only for Linux on x64, is omitted if it does not run."""
    node = ((MERCURIUS, "mercurius.js"), (YOGA, "yoga.js"))
    results = [
        Contestant(name, _node(script, in_memory), in_memory=in_memory, brief=not in_memory)
        for name, script in node
        for in_memory in (True, False)
    ]
    if installed(PEERS / TAILCALL_PROGRAM, "--version"):
        results += [
            Contestant(TAILCALL, _tailcall(release, in_memory), in_memory=in_memory, brief=not in_memory)
            for in_memory in (True, False)
        ]
    return results


def _ours(options: Mapping[str, str]) -> Start:
    """Starts this server, by default without the response cache and with a long queue timeout."""

    @contextmanager
    def start(upstream: str, folder: Path) -> Iterator[Serving]:
        folder.mkdir(parents=True, exist_ok=True)
        settings = {"upstream_url": upstream, "store": "memory:", "cache_dir": str(folder / "cache"), "port": "0"}
        settings |= {
            "log": "warning",
            "upstream_rate_limit": "0",
            "queue_timeout": "10",
            "response_cache_bytes": "0",
            **options,
        }
        if settings["store"] == "sqlite":
            settings["store"] = f"sqlite:{folder / 'store.sqlite'}"
        variables = {f"COMPETENT_{name.upper()}": value for name, value in settings.items() if value}
        command = [sys.executable, "-m", "graphql_api", "serve"]
        with running(command, SERVER_CORE, folder / "stderr.log", _environment(variables)) as process:
            assert process.stdout
            match = re.search(r"http://[\d.]+:\d+", process.stdout.readline())
            if match is None:
                raise RuntimeError(f"the server did not start: {(folder / 'stderr.log').read_text()[-2000:]}")
            yield Serving(f"{match[0]}/graphql", process.pid)

    return start


def _node(script: str, in_memory: bool) -> Start:
    @contextmanager
    def start(upstream: str, folder: Path) -> Iterator[Serving]:
        folder.mkdir(parents=True, exist_ok=True)
        if not (PEERS / "node_modules").is_dir():
            raise Missing("the peers are not installed: npm ci in benchmarks/peers")
        command = [needed("node", "nodejs"), str(PEERS / script), upstream, "cached" if in_memory else "uncached"]
        environment = _environment({"NODE_ENV": "production"})
        with running(command, SERVER_CORE, folder / "stderr.log", environment) as process:
            assert process.stdout
            if not (url := process.stdout.readline().strip()):
                raise RuntimeError(f"{script} did not start: {(folder / 'stderr.log').read_text()[-2000:]}")
            yield Serving(url, process.pid)

    return start


def _tailcall(release: str, in_memory: bool) -> Start:
    """Starts Tailcall without telemetry. `in_memory`: with its HTTP and field caches, the fastest combination."""

    @contextmanager
    def start(upstream: str, folder: Path) -> Iterator[Serving]:
        folder.mkdir(parents=True, exist_ok=True)
        port, schema, log = free_port(), folder / "tailcall.graphql", folder / "stderr.log"
        filled = {"UPSTREAM": upstream, "RELEASE": release, "PORT": str(port)}
        filled |= {
            "HTTP_CACHE": f"httpCache: {100_000 if in_memory else 0}",
            "CACHED": "@cache(maxAge: 86400000)" if in_memory else "",
        }
        lines = (PEERS / "tailcall.graphql").read_text().splitlines()
        text = "\n".join(line for line in lines if not line.startswith("#"))
        for name, value in filled.items():
            text = text.replace(name, value)
        schema.write_text(text)
        environment = _environment(
            {"TAILCALL_TRACKER": "false", "TC_TRACKER": "false", "HTTPS_PROXY": "http://127.0.0.1:1"}
        )
        command = [str(PEERS / TAILCALL_PROGRAM), "start", str(schema)]
        with running(command, SERVER_CORE, log, environment, quiet=True) as process:
            wait_for(port, process, log)
            yield Serving(f"http://127.0.0.1:{port}/graphql", process.pid)

    return start


def _environment(variables: Mapping[str, str]) -> dict[str, str]:
    """The environment without COMPETENT_… variables, with unbuffered output, plus these variables.

    Embeddings are off, as in an installation without extras, whatever is installed: making vectors takes a core for a minute.
    """
    return clean(**{"PYTHONUNBUFFERED": "1", "COMPETENT_EMBEDDINGS": "off", **variables})
