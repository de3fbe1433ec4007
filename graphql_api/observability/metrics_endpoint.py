"""Serves the metrics in Prometheus' text format, for one or several server processes.

With several, each process writes its metrics to files in a shared folder, and the one that is scraped adds them up.
"""

import logging
import os
import sys
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from graphql_api.observability.request_context import record_of, text_in

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry, Metric

log = logging.getLogger(__name__)

FOLDER = "PROMETHEUS_MULTIPROC_DIR"
"""Environment variable that prometheus-client reads when it is first imported."""


@contextmanager
def shared_folder(workers: int) -> Iterator[None]:
    """Provide a temporary folder for the metrics of several processes; enter it before the first of them starts."""
    if workers == 1:
        yield
        return
    try:
        folder = tempfile.TemporaryDirectory(prefix="competent-metrics-")
    except OSError:
        log.warning("no temporary folder is writable: each process serves its own metrics only")
        yield
        return
    with folder as name:
        os.environ[FOLDER] = name
        yield


def metrics_routes() -> list[Route]:
    """The route `/metrics`."""
    return [Route("/metrics", _metrics)]


async def _metrics(request: Request) -> Response:
    from prometheus_client.exposition import choose_encoder

    encode, content_type = choose_encoder(text_in(record_of(request.scope).head, b"accept"))
    return Response(encode(registry()), headers={"Content-Type": content_type, "Cache-Control": "no-store"})


def serve_on(host: str, port: int) -> None:
    """Serve the metrics on a separate port, in a thread of this process."""
    from prometheus_client import start_http_server

    start_http_server(port, host, registry())


def registry() -> "CollectorRegistry":
    """The metrics of this process, or of all processes that share its folder."""
    from prometheus_client import REGISTRY, CollectorRegistry
    from prometheus_client.multiprocess import MultiProcessCollector

    from graphql_api.observability.buffered_metrics import Flushing

    folder = os.environ.get(FOLDER)
    if folder is None:
        return REGISTRY
    collected = CollectorRegistry(support_collectors_without_names=True)
    collected.register(Flushing())
    MultiProcessCollector(collected, folder)  # type: ignore[no-untyped-call]  # not annotated by the library
    collected.register(_Processes(Path(folder)))
    return collected


class _Processes:
    """Memory, CPU time and open files of each live process that shares the folder (Linux)."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def collect(self) -> Iterable["Metric"]:
        """The metrics `process_…`, with the label `pid`. Marks processes that have ended as dead."""
        from prometheus_client import ProcessCollector
        from prometheus_client.multiprocess import mark_process_dead

        families: dict[str, Metric] = {}
        for pid in sorted({int(file.stem.rpartition("_")[2]) for file in self._folder.glob("*.db")}):
            if not _is_alive(pid):
                mark_process_dead(pid, str(self._folder))  # type: ignore[no-untyped-call]  # not annotated by the library
                continue
            for family in ProcessCollector(pid=partial(int, pid), registry=None).collect():
                merged = families.setdefault(family.name, family)
                samples = [sample._replace(labels={"pid": str(pid)}) for sample in family.samples]
                merged.samples = samples if merged is family else [*merged.samples, *samples]
        return families.values()


def _is_alive(pid: int) -> bool:
    if sys.platform != "linux":
        return True
    return Path(f"/proc/{pid}").exists()
