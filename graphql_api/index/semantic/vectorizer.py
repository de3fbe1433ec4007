"""Makes the vectors of indexes in one thread, one index after the other."""

import logging
import sqlite3
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from graphql_api.errors import EmbeddingError
from graphql_api.index.semantic.embedder import Embedder
from graphql_api.index.semantic.progress import Stopped, VectorProgress

if TYPE_CHECKING:
    from graphql_api.index.semantic.meaning import Meaning

log = logging.getLogger(__name__)

RETRY = 60.0
"""Seconds after which a failed attempt is repeated."""


@dataclass
class VectorJob:
    """The vectors of one index: their progress and, once they are complete, the comparison itself."""

    index: Path
    progress: VectorProgress
    meaning: "Meaning | None" = None
    failed: bool = False

    def state(self) -> dict[str, float | str]:
        """`state` is `complete`, `computing` or `failed` (it will be repeated), with the progress and the number of texts."""
        name = "complete" if self.meaning else "failed" if self.failed else "computing"
        return {"state": name, "progress": round(self.share, 3), "texts": self.progress.total}

    @property
    def share(self) -> float:
        """The progress, from 0 to 1 (complete)."""
        return 1.0 if self.meaning else self.progress.share


class Vectorizer:
    """Makes the vectors of one index after another with an embedder. Imports numpy only in its thread."""

    def __init__(self, embedder: Embedder) -> None:
        self.embedder = embedder
        self._stopping = threading.Event()
        self._thread = ThreadPoolExecutor(1, "vectors")

    def start(self, index: Path) -> VectorJob:
        """Make the vectors of an index in the background, or read them from their file."""
        job = VectorJob(index, VectorProgress(self._stopping))
        self._thread.submit(self._run, job)
        return job

    def _run(self, job: VectorJob) -> None:
        from graphql_api.index.semantic.vector_builder import read_meaning

        while not self._stopping.is_set():
            try:
                job.meaning = read_meaning(job.index, self.embedder, job.progress)
                job.failed = False
                return
            except Stopped:
                return
            except (EmbeddingError, OSError, sqlite3.Error) as error:
                job.failed = True
                log.warning("cannot compute the vectors of %s, trying again in %d s: %r", job.index.name, RETRY, error)
            except Exception:
                job.failed = True
                log.exception("cannot compute the vectors of %s", job.index.name)
                return
            self._stopping.wait(RETRY)

    def close(self) -> None:
        """Stop after the current batch, and wait for the thread."""
        self._stopping.set()
        self._thread.shutdown(wait=True, cancel_futures=True)
