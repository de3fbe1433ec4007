"""What is told of one GraphQL operation when it is over, whichever protocol it came by: one line in the log, and counts.

Labels are bounded in number, and a line holds nothing that a client wrote unless the operator asks for it.
"""

import logging
from collections.abc import Iterable

from graphql_api.metrics import OPERATION_SECONDS, OPERATIONS, Names
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
        OPERATIONS.labels(name, outcome, record.protocol).inc()
        if record.kind != "subscription":  # which lasts as long as its client likes
            OPERATION_SECONDS.labels(name).observe(seconds)
        if log.isEnabledFor(logging.INFO):
            texts = record.texts if self._texts else {}
            log.info("operation", extra={"told": line_of(record, outcome, seconds, status) | texts})


def line_of(record: Record, outcome: str, seconds: float, status: int | None) -> Line:
    """What is told of a request, without what is empty."""
    tally = record.asker.tally
    told: Line = {
        "request_id": record.request_id,
        "operation": record.name[:100],
        "type": record.kind,
        "protocol": "" if record.protocol == "http" else record.protocol,
        "client": record.client,
        "status": status,
        "duration_ms": round(seconds * 1000, 1),
        "cost": record.cost,
        "answers": record.answers,
        "codes": sorted(set(record.codes)),
    }
    calls = {"requests": tally.requests, "cached": tally.cached, "stale": tally.stale}
    told = {name: value for name, value in told.items() if value not in (None, "", [])}
    return told | {"upstream": calls, "outcome": outcome}
