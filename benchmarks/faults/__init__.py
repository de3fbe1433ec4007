"""A soak with real sockets: fifty clients, our server, an upstream that fails; each promise with the figure reached.

    python -m benchmarks.faults [--seconds 60] [R4 R6 …]

The promises are those of docs/resilience.md; tests show each of them in virtual time.
"""
