"""Logs and counts each GraphQL operation when it ends, for all protocols.

The number of label values is bounded. A line contains no text of the client unless COMPETENT_LOG_DOCUMENTS is on.
"""

import logging
import re
from collections.abc import Iterable

from graphql_api.observability.log_lines import Fields
from graphql_api.observability.logs import emit
from graphql_api.observability.metrics import operation_duration, operations
from graphql_api.observability.request_context import RequestContext

log = logging.getLogger("graphql_api.requests")

MAX_PATH_CHARS = 200
"""Maximum number of characters of a path in a log line."""


_NAME = re.compile(r"[_A-Za-z][_0-9A-Za-z]{0,99}")


class OperationNames:
    """Maps operation names to label values. Clients choose the names, so all beyond `listed` and `more` others become `other`."""

    def __init__(self, listed: Iterable[str] = (), more: int = 50) -> None:
        self._names = set(listed)
        self._more = more

    def label(self, name: str) -> str:
        """The name itself, `anonymous` or `other`."""
        if not name:
            return "anonymous"
        if name not in self._names:
            if self._more == 0 or not _NAME.fullmatch(name):
                return "other"
            self._more -= 1
            self._names.add(name)
        return name


class OperationLog:
    """Logs operations and other requests, and counts operations.

    `listed` are operation names that always have their own series in the metrics. `texts` adds the document and variables to
    log lines, `addresses` the IP address of the client.
    """

    def __init__(self, listed: Iterable[str] = (), *, texts: bool = False, addresses: bool = False) -> None:
        self._names = OperationNames(listed)
        self._texts = texts
        self._addresses = addresses

    def log_operation(self, record: RequestContext, outcome: str, seconds: float, status: int | None = None) -> None:
        """Count and log an operation; `status` is its HTTP status, if it has one."""
        name = self._names.label(record.name)
        operations(name, outcome, record.protocol).count += 1
        if record.operation_type != "subscription":  # lasts as long as the client stays connected
            operation_duration(name).observe(seconds)
        if log.isEnabledFor(logging.INFO):
            fields = self._fields(record, outcome, seconds, status)
            if self._texts:
                fields |= record.document_fields
            emit(log, logging.INFO, "operation", fields)

    def log_request(
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
            fields = self._fields(record, outcome, seconds, status)
            emit(log, level, "request", {"method": method, "path": path[:MAX_PATH_CHARS]} | fields)

    def _fields(self, record: RequestContext, outcome: str, seconds: float, status: int | None) -> Fields:
        fields = _fields_of(record, outcome, seconds, status)
        if self._addresses and record.address:
            fields["client_address"] = record.address
        return fields


def _fields_of(record: RequestContext, outcome: str, seconds: float, status: int | None) -> Fields:
    """The fields of a log line, without empty ones."""
    fields: Fields = {"request_id": record.request_id}
    if record.name:
        fields["operation_name"] = record.name[:100]
    if record.operation_type:
        fields["operation_type"] = record.operation_type
    if record.protocol != "http":
        fields["protocol"] = record.protocol
    if record.client:
        fields["client"] = record.client
    if status is not None:
        fields["status"] = status
    fields["duration_ms"] = round(seconds * 1000, 1)
    if record.cost is not None:
        fields["cost"] = record.cost
    if record.responses is not None:
        fields["responses"] = record.responses
    if record.error_codes:
        fields["error_codes"] = sorted(set(record.error_codes))
    fields["upstream"] = record.fetch_context.stats.as_dict
    fields["outcome"] = outcome
    return fields
