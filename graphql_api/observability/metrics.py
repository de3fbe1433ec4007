"""What this process counts, as Prometheus metrics; floors above say what happened and know nothing of who reads it."""

import re
from bisect import bisect_left
from collections.abc import Iterable
from functools import lru_cache
from threading import Lock

from prometheus_client import REGISTRY, Counter, Gauge, Histogram, Metric
from prometheus_client.registry import Collector

from graphql_api.observability.log_writer import dropped_lines


class Frequent:
    """A count that goes up far more often than it is read: a plain number here, and added to its counter by `settle`."""

    __slots__ = ("_counter", "_lock", "_settled", "count")

    def __init__(self, counter: Counter) -> None:
        self._counter = counter
        self._lock = Lock()
        self._settled = 0
        self.count = 0
        _FREQUENT.append(self)

    def settle(self) -> None:
        """Bring the counter up to date; from any thread."""
        with self._lock:
            now = self.count
            if now > self._settled:
                self._counter.inc(now - self._settled)
            self._settled = now


class FrequentSeconds:
    """The same for a histogram; prometheus_client has no public way to add several observations at once."""

    __slots__ = ("_bounds", "_counts", "_histogram", "_lock", "_settled", "_sum", "_sum_settled")

    def __init__(self, histogram: Histogram) -> None:
        self._histogram = histogram
        self._bounds = histogram._upper_bounds
        self._counts, self._settled = [0] * len(self._bounds), [0] * len(self._bounds)
        self._sum = self._sum_settled = 0.0
        self._lock = Lock()
        _FREQUENT.append(self)

    def observe(self, seconds: float) -> None:
        """Count one that took so long."""
        self._counts[bisect_left(self._bounds, seconds)] += 1
        self._sum += seconds

    def settle(self) -> None:
        """Bring the histogram up to date; from any thread."""
        with self._lock:
            counts, total = self._counts[:], self._sum
            for bucket, now, before in zip(self._histogram._buckets, counts, self._settled, strict=True):
                bucket.inc(now - before)
            self._histogram._sum.inc(total - self._sum_settled)
            self._settled, self._sum_settled = counts, total


_FREQUENT: list[Frequent | FrequentSeconds] = []


class Settling(Collector):
    """Registered before the counters of frequent things, so that whoever reads these reads what is true."""

    def collect(self) -> Iterable[Metric]:
        """No metrics of its own."""
        settle()
        return ()


def settle() -> None:
    """Bring the counters of frequent things up to date: where several processes count into a folder, each does so for itself."""
    for each in _FREQUENT:
        each.settle()


REGISTRY.register(Settling())


class _DroppedLines(Frequent):
    """Counted where metrics are not known yet: the log begins before everything else."""

    __slots__ = ()

    def settle(self) -> None:
        """Take over the count of the log."""
        self.count = dropped_lines()
        super().settle()


_DroppedLines(
    Counter(
        "competent_log_lines_dropped",
        "Lines of the log that could not be written: nobody read them, or no disk had room",
    )
)
LINKS_REFUSED = Counter("competent_links_refused", "Links in HAL documents that lead nowhere below /releases")
PLANS = Counter(
    "competent_plans",
    "Operations by how they were run: by a plan, begun by a plan that gave up, without one, or not at all: its answer was kept",
    ["outcome"],
)
UPSTREAM_REQUESTS = Counter(
    "competent_upstream_requests", "Requests to the Competent API, by route and outcome", ["route", "outcome"]
)
STORE_LOOKUPS = Counter(
    "competent_store_lookups", "Documents looked up in the store, by how they were found", ["found"]
)
STORE_UNUSABLE = Counter(
    "competent_store_unusable",
    "Stored values that were not as this server writes them and counted as missing: documents, or state that replicas share",
    ["value"],
)
STORE_REVALIDATIONS = Counter(
    "competent_store_revalidations", "Stale copies asked for again in the background, by outcome", ["outcome"]
)
UPSTREAM_SECONDS = Histogram(
    "competent_upstream_seconds",
    "Time of one call to the Competent API, body included, by route",
    ["route"],
    buckets=(0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 1.5, 2.5, 5),
)
UPSTREAM_RETRIES = Counter("competent_upstream_retries", "Calls that were another attempt at a document", ["route"])
UPSTREAM_REFUSED = Counter(
    "competent_upstream_refused",
    "Calls that were wanted and not made, by route and the code told",
    ["route", "outcome"],
)
UPSTREAM_BREAKER = Gauge(
    "competent_upstream_breaker",
    "1 while no call to this route is made: its breaker is open, or upstream asked for a wait",
    ["route"],
    multiprocess_mode="livemax",
)
UPSTREAM_PLAN_LEFT = Gauge(
    "competent_upstream_plan_left",
    "Calls that the server's plan has left for this route in this minute",
    ["route"],
    multiprocess_mode="livemin",
)
UPSTREAM_PLACES = Gauge("competent_upstream_places", "Calls under way upstream", multiprocess_mode="livesum")
UPSTREAM_WAITING = Gauge(
    "competent_upstream_waiting", "Calls that wait for a place, by urgency", ["urgency"], multiprocess_mode="livesum"
)
OPERATIONS = Counter(
    "competent_operations",
    "GraphQL operations that are over, by name, outcome and protocol",
    ["name", "outcome", "protocol"],
)
OPERATION_SECONDS = Histogram(
    "competent_operation_seconds",
    "Time from the head of a request to the end of its answer, by name of the operation; without subscriptions",
    ["name"],
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
)


@lru_cache(1000)
def operations(name: str, outcome: str, protocol: str) -> Frequent:
    """The count of operations of a name, an outcome and a protocol, found again without a look through the labels."""
    return Frequent(OPERATIONS.labels(name, outcome, protocol))


@lru_cache(1000)
def operation_seconds(name: str) -> FrequentSeconds:
    """The histogram of the operations of a name."""
    return FrequentSeconds(OPERATION_SECONDS.labels(name))


ERRORS = Counter("competent_errors", "Errors told to clients, by code", ["code"])
LIVE_CONNECTIONS = Gauge(
    "competent_live_connections",
    "WebSockets and streams of events that are open, by protocol",
    ["protocol"],
    multiprocess_mode="livesum",
)
LIVE_ANSWERS = Counter(
    "competent_live_answers", "Answers sent over WebSockets and as events, by protocol", ["protocol"]
)
OPERATIONS_RUNNING = Gauge("competent_operations_running", "Operations that run now", multiprocess_mode="livesum")
OPERATIONS_QUEUED = Gauge(
    "competent_operations_queued", "Operations that wait for a place", multiprocess_mode="livesum"
)
SHED = Counter(
    "competent_shed",
    "Operations refused for lack of a place (full), or fields of those that would have waited upstream (upstream)",
    ["reason"],
)
INDEX_DOCUMENTS = Gauge(
    "competent_index_documents", "Documents walked for the index of a release", ["release"], multiprocess_mode="livemax"
)
INDEX_PROGRESS = Gauge(
    "competent_index_progress", "How far the index of a release is, 1: whole", ["release"], multiprocess_mode="livemax"
)
INDEX_MADE = Gauge(
    "competent_index_made_timestamp_seconds",
    "When the index of a release was made, in seconds since 1970",
    ["release"],
    multiprocess_mode="livemax",
)

INDEX_QUESTIONS = Counter(
    "competent_index_questions",
    "Questions to an index: answered, late (their deadline passed first) or refused (the queue was full)",
    ["outcome"],
)
INDEX_DAMAGED = Counter("competent_index_damaged", "Index files found damaged, set aside and made anew")

_NAME = re.compile(r"[_A-Za-z][_0-9A-Za-z]{0,99}")


class Names:
    """Names of operations as labels. Clients choose names, so only so many of them become labels: the rest is `other`."""

    def __init__(self, known: Iterable[str] = (), more: int = 50) -> None:
        self._known = set(known)
        self._more = more

    def label(self, name: str) -> str:
        """The name itself, `anonymous` or `other`."""
        if not name:
            return "anonymous"
        if name not in self._known:
            if self._more == 0 or not _NAME.fullmatch(name):
                return "other"
            self._more -= 1
            self._known.add(name)
        return name


SHARED_UP = Gauge(
    "competent_shared_up",
    "1 while the store that replicas share can be reached, 0 while it cannot",
    multiprocess_mode="livemin",
)
READY = Gauge(
    "competent_ready",
    "1 if the last look at /health/ready found this server ready, or nobody has looked yet; else 0",
    multiprocess_mode="livemostrecent",
)
