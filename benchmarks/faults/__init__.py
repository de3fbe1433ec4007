"""Soak tests with real sockets: fifty clients, the server and a failing upstream; reports each promise with its result.

    python -m benchmarks.faults [--seconds 60] [R4 R6 …]

The promises are those of docs/resilience.md; tests show each of them in virtual time.
"""
