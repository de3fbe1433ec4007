"""The Prometheus metrics of this process. docs/metrics.md lists them."""

from functools import lru_cache

from prometheus_client import Counter, Gauge, Histogram

from graphql_api.observability.buffered_metrics import BufferedCounter, BufferedHistogram
from graphql_api.observability.log_writer import on_dropped_lines

LOG_LINES_DROPPED = Counter(
    "competent_log_lines_dropped", "Log lines dropped because the log could not be written fast enough."
)
on_dropped_lines(LOG_LINES_DROPPED.inc)
UPSTREAM_LINKS_REJECTED = Counter(
    "competent_upstream_links_rejected", "Links in HAL documents that do not point to a path below /releases, ignored."
)
UPSTREAM_UNKNOWN_KEYS = Counter(
    "competent_upstream_unknown_keys",
    "Keys of HAL documents that this version does not know and drops, as Type.key; beyond the first 100 names `other`.",
    ["key"],
)
EXECUTIONS = Counter(
    "competent_executions",
    "Executed operations by executor: compiled, fallback (compiled, then repeated by graphql-core), graphql-core, or "
    "response-cache (nothing was executed).",
    ["executor"],
)
FALLBACKS = Counter(
    "competent_fallbacks",
    "Operations that graphql-core executed, by the reason: a known limitation (introspection, directive, fields, size, "
    "unsupported), a client's mistake (input), upstream or index (upstream), what was returned (null, value), time (deadline, "
    "passes), or a fault of this server (error).",
    ["reason"],
)
UPSTREAM_REQUESTS = Counter(
    "competent_upstream_requests", "Calls to the Competent API by route and outcome.", ["route", "outcome"]
)
STORE_LOOKUPS = Counter(
    "competent_store_lookups",
    "Documents looked up in the cache by result: hit, stale, miss, joined (another request was already fetching it) or "
    "not_found (the Competent API is known not to have it).",
    ["result"],
)
STORE_MEMORY_BYTES = Gauge(
    "competent_store_memory_bytes",
    "Memory of the documents cached in this process (COMPETENT_DOCUMENT_CACHE_BYTES).",
    multiprocess_mode="livesum",
)
STORE_MEMORY_EVICTED = Counter(
    "competent_store_memory_evicted",
    "Documents evicted from memory, because COMPETENT_DOCUMENT_CACHE_BYTES was reached.",
)
STORE_MEMORY_REFUSED = Counter(
    "competent_store_memory_refused",
    "Documents not cached in memory, because it was full and they were requested for the first time.",
)
STORE_INVALID_ENTRIES = Counter(
    "competent_store_invalid_entries",
    "Stored values that could not be read and were treated as missing, by type: document, or state that replicas share.",
    ["type"],
)
STORE_REVALIDATIONS = Counter(
    "competent_store_revalidations", "Stale documents revalidated in the background by outcome.", ["outcome"]
)
UPSTREAM_REQUEST_DURATION = Histogram(
    "competent_upstream_request_duration_seconds",
    "Duration of calls to the Competent API, response body included, by route.",
    ["route"],
    buckets=(0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 1.5, 2.5, 5),
)
UPSTREAM_RETRIES = Counter(
    "competent_upstream_retries", "Calls to the Competent API that were retries, by route.", ["route"]
)
UPSTREAM_REQUESTS_REJECTED = Counter(
    "competent_upstream_requests_rejected",
    "Calls to the Competent API that were not made (circuit open, rate limit, too many waiting), by route and error code.",
    ["route", "code"],
)
UPSTREAM_CIRCUIT_OPEN = Gauge(
    "competent_upstream_circuit_open",
    "1 while calls to this route are blocked: its circuit breaker is open, or the Competent API asked to wait.",
    ["route"],
    multiprocess_mode="livemax",
)
UPSTREAM_RATE_LIMIT_REMAINING = Gauge(
    "competent_upstream_rate_limit_remaining",
    "Calls to this route that COMPETENT_UPSTREAM_RATE_LIMIT still allows in the current minute.",
    ["route"],
    multiprocess_mode="livemin",
)
UPSTREAM_REQUESTS_IN_PROGRESS = Gauge(
    "competent_upstream_requests_in_progress", "Calls to the Competent API in progress.", multiprocess_mode="livesum"
)
UPSTREAM_REQUESTS_QUEUED = Gauge(
    "competent_upstream_requests_queued",
    "Calls to the Competent API that wait for COMPETENT_UPSTREAM_CONCURRENCY, by priority.",
    ["priority"],
    multiprocess_mode="livesum",
)
OPERATIONS = Counter(
    "competent_operations",
    "Finished GraphQL operations by name, outcome and protocol.",
    ["name", "outcome", "protocol"],
)
OPERATION_DURATION = Histogram(
    "competent_operation_duration_seconds",
    "Time from the request headers to the end of the response, by operation name; without subscriptions.",
    ["name"],
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
)


@lru_cache(1000)
def operations(name: str, outcome: str, protocol: str) -> BufferedCounter:
    """The buffered counter of operations with these labels; memoized, because looking up labels is slow."""
    return BufferedCounter(OPERATIONS.labels(name, outcome, protocol))


@lru_cache(1000)
def operation_duration(name: str) -> BufferedHistogram:
    """The buffered duration histogram of operations with this name."""
    return BufferedHistogram(OPERATION_DURATION.labels(name))


ERRORS = Counter("competent_errors", "Errors in GraphQL responses by code.", ["code"])
STREAMING_CONNECTIONS = Gauge(
    "competent_streaming_connections",
    "Open WebSockets and event streams (server-sent events) by protocol.",
    ["protocol"],
    multiprocess_mode="livesum",
)
STREAMING_RESPONSES = Counter(
    "competent_streaming_responses", "Responses sent over WebSockets and event streams by protocol.", ["protocol"]
)
OPERATIONS_IN_PROGRESS = Gauge(
    "competent_operations_in_progress",
    "Operations in progress (COMPETENT_MAX_OPERATIONS).",
    multiprocess_mode="livesum",
)
OPERATIONS_QUEUED = Gauge(
    "competent_operations_queued", "Operations that wait to execute (COMPETENT_MAX_QUEUE).", multiprocess_mode="livesum"
)
OVERLOAD_REJECTIONS = Counter(
    "competent_overload_rejections",
    "Rejections under load by reason: queue_full (the operation got 503) or upstream_busy (fields that need the Competent API "
    "are null, because half of all operations wait for it).",
    ["reason"],
)
EXPORTS = Counter(
    "competent_exports",
    "Exports over HTTP by format and outcome: complete, cut (the client left or was too slow, or the index was damaged) or "
    "rejected (too many at the same time, or in an hour).",
    ["format", "outcome"],
)
EXPORT_BYTES = Counter(
    "competent_export_bytes", "Bytes of exports over HTTP, before compression, by format.", ["format"]
)
EXPORT_DURATION = Histogram(
    "competent_export_duration_seconds",
    "Duration of exports over HTTP, complete or cut, by format.",
    ["format"],
    buckets=(0.5, 1, 2.5, 5, 10, 30, 60, 150, 300, 600),
)
INDEX_DOCUMENTS = Gauge(
    "competent_index_documents",
    "Documents crawled for the index of a release.",
    ["release"],
    multiprocess_mode="livemax",
)
INDEX_PROGRESS = Gauge(
    "competent_index_progress_ratio",
    "Progress of building the index of a release, from 0 to 1 (complete).",
    ["release"],
    multiprocess_mode="livemax",
)
INDEX_REMAINING = Gauge(
    "competent_index_remaining_seconds",
    "Estimated time until all documents of a release are crawled, at the pace so far and within the rate limit.",
    ["release"],
    multiprocess_mode="livemin",
)
INDEX_BUILT = Gauge(
    "competent_index_built_timestamp_seconds",
    "When the index of a release was built, as a Unix timestamp.",
    ["release"],
    multiprocess_mode="livemax",
)

INDEX_LOOKUP_BYTES = Gauge(
    "competent_index_lookup_bytes",
    "Approximate memory of the cached lookups in the index of a release, at most 32 MB in each process.",
    ["release"],
    multiprocess_mode="livesum",
)
INDEX_LOOKUPS_EVICTED = Counter("competent_index_lookups_evicted", "Lookups evicted from memory, because it was full.")
VECTORS_PROGRESS = Gauge(
    "competent_vectors_progress_ratio",
    "Progress of computing the vectors of the texts of a release, for hybrid search, from 0 to 1 (complete).",
    ["release"],
    multiprocess_mode="livemax",
)
INDEX_QUERIES = Counter(
    "competent_index_queries",
    "Queries to an index by outcome: ok, timeout (the deadline of the operation passed) or rejected (the queue was full).",
    ["outcome"],
)
INDEX_CORRUPT_FILES = Counter("competent_index_corrupt_files", "Corrupt index files that were set aside and rebuilt.")

VALKEY_UP = Gauge(
    "competent_valkey_up",
    "1 while the Valkey server that replicas share can be reached, otherwise 0.",
    multiprocess_mode="livemin",
)
READY = Gauge(
    "competent_ready",
    "1 if the last request to /health/ready found the server ready, or there was none yet; otherwise 0.",
    multiprocess_mode="livemostrecent",
)
