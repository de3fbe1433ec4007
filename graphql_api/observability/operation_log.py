"""Logs and counts each GraphQL operation when it ends, for all protocols.

The number of label values is bounded. A line contains no text of the client unless COMPETENT_LOG_DOCUMENTS is on.
"""

import logging
from collections.abc import Iterable

from graphql_api.observability.logs import tell
from graphql_api.observability.metrics import Names, operation_seconds, operations
from graphql_api.observability.request_context import RequestContext

log = logging.getLogger("graphql_api.requests")

MAX_PATH_CHARS = 200
"""Maximum number of characters of a path in a log line."""

Line = dict[str, object]


class OperationLog:
    """Logs operations and other requests, and counts operations.

    `known` are operation names that always have their own series in the metrics. `texts` adds the document and variables to
    log lines, `addresses` the IP address of the client.
    """

    def __init__(self, known: Iterable[str] = (), *, texts: bool = False, addresses: bool = False) -> None:
        self._names = Names(known)
        self._texts = texts
        self._addresses = addresses

    def tell(self, record: RequestContext, outcome: str, seconds: float, status: int | None = None) -> None:
        """Count and log an operation; `status` is its HTTP status, if it has one."""
        name = self._names.label(record.name)
        operations(name, outcome, record.protocol).count += 1
        if record.kind != "subscription":  # lasts as long as the client stays connected
            operation_seconds(name).observe(seconds)
        if log.isEnabledFor(logging.INFO):
            told = self._line(record, outcome, seconds, status)
            if self._texts:
                told |= record.texts
            tell(log, logging.INFO, "operation", told)

    def request(
        self,
        level: int,
        method: str,
        path: str,
        record: RequestContext,
        outcome: str,
        seconds: float,
        status: int | None,
    ) -> None:
        """Log a request that is not an operation, with its path and without its query string."""
        if log.isEnabledFor(level):
            line = self._line(record, outcome, seconds, status)
            tell(log, level, "request", {"method": method, "path": path[:MAX_PATH_CHARS]} | line)

    def _line(self, record: RequestContext, outcome: str, seconds: float, status: int | None) -> Line:
        line = _line_of(record, outcome, seconds, status)
        if self._addresses and record.address:
            line["client_address"] = record.address
        return line


def _line_of(record: RequestContext, outcome: str, seconds: float, status: int | None) -> Line:
    """The fields of a log line, without empty ones."""
    told: Line = {"request_id": record.request_id}
    if record.name:
        told["operation_name"] = record.name[:100]
    if record.kind:
        told["operation_type"] = record.kind
    if record.protocol != "http":
        told["protocol"] = record.protocol
    if record.client:
        told["client"] = record.client
    if status is not None:
        told["status"] = status
    told["duration_ms"] = round(seconds * 1000, 1)
    if record.cost is not None:
        told["cost"] = record.cost
    if record.answers is not None:
        told["responses"] = record.answers
    if record.codes:
        told["error_codes"] = sorted(set(record.codes))
    told["upstream"] = record.asker.tally.as_dict
    told["outcome"] = outcome
    return told
