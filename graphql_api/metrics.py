"""What this process counts, as Prometheus metrics; floors above say what happened and know nothing of who reads it."""

from prometheus_client import Counter

LINKS_REFUSED = Counter("competent_links_refused", "Links in HAL documents that lead nowhere below /releases")
UPSTREAM_REQUESTS = Counter(
    "competent_upstream_requests", "Requests to the Competent API, by route and outcome", ["route", "outcome"]
)
STORE_LOOKUPS = Counter("competent_store_lookups", "Documents looked up in the store, by where they were", ["found"])
