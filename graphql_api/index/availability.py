"""Why the index of a release is not available: it is being built, or its build failed; and the errors that say so to clients."""

import asyncio
import time
from dataclasses import dataclass
from typing import Literal

from graphql_api.errors import NotIndexedYet
from graphql_api.index.crawler import CrawlProgress
from graphql_api.index.index import Index
from graphql_api.index.part import PartReader

FIRST_RETRY, LONGEST_RETRY = 30.0, 3600.0
"""Seconds before failed documents, or a failed build, are retried: the first delay, doubled each time, and the maximum."""

UNKNOWN_RETRY = 60.0
"""Seconds after which clients try again while the pace of a crawl is not known."""

Reason = Literal["the file was corrupt", "the file cannot be written"]


@dataclass
class Build:
    """A crawl in progress, by this process or another; `part` has what is read so far."""

    task: "asyncio.Task[Index]"
    progress: CrawlProgress
    part: PartReader

    def state(self) -> dict[str, float | str | None]:
        """The state and progress, as in `IndexRegistry.state`."""
        left = self.progress.remaining
        return {
            "state": "building",
            "progress": round(self.progress.share, 3),
            "documents": self.progress.done,
            "remaining": None if left is None else round(left),
        }

    def error(self, release: str) -> NotIndexedYet:
        """The error for clients meanwhile, with the progress and an estimate of the remaining seconds, at most an hour."""
        done, total, left = self.progress.done, self.progress.total, self.progress.remaining
        share = f"{done} of {total} documents" if total else "reading its lists"
        share += "" if left is None else f", about {_duration(left)} left"
        message = f"Release {release} is being indexed ({share}). Fields that do not need the index work meanwhile."
        retry_after = UNKNOWN_RETRY if left is None else min(max(left, 1), LONGEST_RETRY)
        return NotIndexedYet(message, retry_after=float(round(retry_after)), progress=self.progress.share)


def _duration(seconds: float) -> str:
    if seconds > 5400:
        return f"{round(seconds / 3600)} hours"
    return f"{round(seconds / 60)} minutes" if seconds > 90 else f"{max(round(seconds), 2)} seconds"


@dataclass
class Failure:
    """Why the index of a release is missing, and when the next build may start (`until`, a time of `time.monotonic`)."""

    reason: Reason
    until: float
    pause: float

    @property
    def left(self) -> float:
        """Seconds until the next build may start; negative once it may."""
        return self.until - time.monotonic()

    def state(self) -> dict[str, float | str]:
        """The state, as in `IndexRegistry.state`."""
        return {"state": "failed", "retryAfter": float(max(round(self.left), 0))}

    def error(self, release: str) -> NotIndexedYet:
        """The error for clients until then, with the remaining seconds (1 to 60)."""
        message = (
            f"The index of release {release} could not be built; the server will try again. Fields that do not need it work "
            "meanwhile."
        )
        return NotIndexedYet(message, retry_after=float(max(round(min(self.left, 60)), 1)))


class Failures:
    """The last failure of each release. A first corruption is repaired immediately; further failures double the delay."""

    def __init__(self) -> None:
        self._failures: dict[str, Failure] = {}

    def get(self, release: str) -> Failure | None:
        """The last failure of a release, whether its delay is over or not; None if there was none."""
        return self._failures.get(release)

    def waiting(self, release: str) -> Failure | None:
        """The last failure of a release, if the next build may not start yet."""
        failure = self._failures.get(release)
        return failure if failure is not None and failure.left > 0 else None

    def add(self, release: str, reason: Reason) -> Failure:
        """Record a failure."""
        before = self._failures.get(release)
        if before is not None and before.left < -LONGEST_RETRY:
            before = None
        pause = FIRST_RETRY if before is None else min(max(before.pause * 2, FIRST_RETRY), LONGEST_RETRY)
        if before is None and reason == "the file was corrupt":
            pause = 0.0
        failure = self._failures[release] = Failure(reason, time.monotonic() + pause, pause)
        return failure
