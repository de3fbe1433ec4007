"""What is told of one GraphQL operation when it is over, whichever protocol it came by: one line in the log, and counts.

Labels are bounded in number, and a line holds nothing that a client wrote unless the operator asks for it.
"""

import logging
from collections.abc import Iterable

from graphql_api.logs import tell
from graphql_api.metrics import Names, operation_seconds, operations
from graphql_api.record import Record

log = logging.getLogger("graphql_api.requests")

Line = dict[str, object]


class Outcomes:
    """Tells of operations. `known` are names of operations that always have their own series in the metrics."""

    def __init__(self, known: Iterable[str] = (), texts: bool = False) -> None:
        self._names = Names(known)
        self._texts = texts

    def tell(self, record: Record, outcome: str, seconds: float, status: int | None = None) -> None:
        """Count an operation and log it; `status` is that of HTTP, where there is one."""
        name = self._names.label(record.name)
        operations(name, outcome, record.protocol).count += 1
        if record.kind != "subscription":  # which lasts as long as its client likes
            operation_seconds(name).observe(seconds)
        if log.isEnabledFor(logging.INFO):
            told = line_of(record, outcome, seconds, status)
            if self._texts:
                told |= record.texts
            tell(log, logging.INFO, "operation", told)


def line_of(record: Record, outcome: str, seconds: float, status: int | None) -> Line:
    """What is told of a request, without what is empty."""
    told: Line = {"request_id": record.request_id}
    if record.name:
        told["operation"] = record.name[:100]
    if record.kind:
        told["type"] = record.kind
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
        told["answers"] = record.answers
    if record.codes:
        told["codes"] = sorted(set(record.codes))
    told["upstream"] = record.asker.tally.told
    told["outcome"] = outcome
    return told
