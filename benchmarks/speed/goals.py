"""Goals and how far they are reached: ratios to other servers, measured side by side."""

from collections.abc import Iterator
from typing import NamedTuple

from benchmarks.speed.contestants import DEFAULTS, MERCURIUS, OURS, RESPONSE_CACHE
from benchmarks.speed.results import Part

AGAINST_PEERS = {"tiny": 1.2, "nested": 1.4, "fan-out": 1.0, "wide": 1.0}
"""Multiples of the responses per second of the best peer with documents in memory, executed each time."""
REPEATED_AGAINST_PEERS = {"tiny": 1.5, "nested": 3.0}
"""The same, with our response cache."""
VARIED = {"varied": 1.5, "literals": 1.0, "spelling": 0.8}
"""Multiples of Mercurius' responses per second to requests of which no two are equal."""
BIG_LIST, FILLING = 1.0, 0.7
"""Multiples of Mercurius: its time for the big list relative to ours, and our responses while filling relative to its."""
MEMORY = 150
"""Maximum unique memory in MB, with the index open and all profiles of a release of real size in memory."""
BESIDE_BIG_LIST = 25
"""Maximum 99th percentile of small operations beside the big list, in milliseconds."""
FROM_RESPONSE_CACHE = 12_000
"""Responses per second of each operation, with the response cache."""
COLD = 1.10
"""Maximum multiple of the ideal time; also, one upstream request per distinct document."""


class Goal(NamedTuple):
    """A goal: target, result and unit; for some, less is better."""

    what: str
    target: float
    measured: float
    unit: str
    at_most: bool = False

    @property
    def is_met(self) -> bool:
        """Whether the goal is reached."""
        return self.measured <= self.target if self.at_most else self.measured >= self.target


def cold(part: Part) -> Iterator[Goal]:
    """Goals for cold responses."""
    ours = next(server for server in part["servers"] if server["label"] == OURS)
    yield Goal("nested, cold, against the ideal", COLD, ours["median"] / part["ideal"], "times, at most", at_most=True)
    yield Goal("requests for a distinct document", 1, ours["requests"] / ours["documents"], "at most", at_most=True)


def warm(part: Part) -> Iterator[Goal]:
    """Goals for responses from documents in memory, as far as they were measured."""
    servers = part["shared"]["servers"]
    by_name = {server["name"]: server["loads"] for server in servers if server["in_memory"]}
    peers = [server for server in servers if server["in_memory"] and not server["ours"]]
    for name, wanted_by_operation in ((OURS, AGAINST_PEERS), (RESPONSE_CACHE, REPEATED_AGAINST_PEERS)):
        for operation, target in wanted_by_operation.items():
            best = max(peers, key=lambda peer: float(peer["loads"][operation]["per_second"]), default=None)
            if best:
                what = f"{operation}, {'repeated, ' * (name == RESPONSE_CACHE)}against {best['name']}"
                yield Goal(what, target, _ratio(by_name[name], best["loads"], operation), "times")
    for server in (*servers, *part["indexed"]["servers"]):
        if server["name"] == RESPONSE_CACHE:
            for operation, load in server["loads"].items():
                yield Goal(f"{operation}, response cache", FROM_RESPONSE_CACHE, load["per_second"], "per second")


def varied(part: Part) -> Iterator[Goal]:
    """Goals for requests of which no two are equal."""
    peer = next(server for server in part["servers"] if not server["ours"])
    for server in part["servers"]:
        if server["ours"]:
            what = ", response cache" * (server["label"] == RESPONSE_CACHE)
            for name, target in VARIED.items():
                ratio = _ratio(server["loads"], peer["loads"], name)
                yield Goal(f"{name}{what}, against {MERCURIUS}", target, ratio, "times")


def mixed(part: Part) -> Iterator[Goal]:
    """Goals for big responses, filling, and what is refused."""
    ours = next(server for server in part["servers"] if server["label"] == OURS)
    defaults = next(server for server in part["servers"] if server["label"] == DEFAULTS)
    peer = next(server for server in part["servers"] if not server["ours"])
    yield Goal(f"big list, against {MERCURIUS}", BIG_LIST, peer["big"] / ours["big"], "times")
    yield Goal("tiny beside the big list, p99", BESIDE_BIG_LIST, ours["beside"]["p99"], "ms, at most", at_most=True)
    for server, what in ((ours, ""), (defaults, ", default settings")):
        for seconds, responses in server["filling"].items():
            ratio = responses / peer["filling"][seconds]
            yield Goal(f"filling{what}, first {seconds} s, against {MERCURIUS}", FILLING, ratio, "times")
    yield Goal("unique memory, index open, 650 profiles", MEMORY, part["memory"], "MB, at most", at_most=True)
    yield Goal("varied, default settings, refused", 0, defaults["varied"]["failed"], "of 1, at most", at_most=True)


BY_PART = {"warm": warm, "varied": varied, "mixed": mixed, "cold": cold}


def _ratio(ours: Part, other: Part, operation: str) -> float:
    return float(ours[operation]["per_second"] / other[operation]["per_second"])
