"""Faults on demand: simulated failures between a client and VDAB.

The list of faults may change while the sandbox runs. The only source of randomness is the generator passed in.
"""

import asyncio
import re
from collections.abc import Awaitable, Callable, Iterable, Iterator
from dataclasses import dataclass, field
from random import Random

EFFECTS = {
    "slow": "the response is delayed by `seconds`",
    "hang": "the response waits until the faults are cleared",
    "status": "an error: 429 in the gateway's form, 404, 500, 502, 503 or 504 in the service's",
    "cut": "the connection closes after half of the announced bytes",
    "broken": "status 200 with truncated JSON",
    "html": "status 200 with an HTML page",
}
"""The effects of faults: what the client sees. In JSON the effect of a fault is its `kind`."""

STATUSES = (404, 429, 500, 502, 503, 504)


@dataclass(frozen=True, slots=True)
class Fault:
    """A fault for requests whose path matches. Raises ValueError if a value is invalid.

    `match` is a path without the base path, such as `/releases/{release}/technicalcompetences/*`: `{name}` and `*` match within
    one segment, `**` across segments. `seconds` applies to `slow`, `until` to `hang` (by default a request hangs until the
    faults are cleared), `status` and `retry_after` (seconds) to `status`. The fault happens up to `times` times (None: without
    limit), each matching request with probability `rate`.
    """

    match: str
    effect: str
    seconds: float = 1.0
    until: asyncio.Event | None = None
    status: int = 503
    retry_after: int | None = None
    times: int | None = None
    rate: float = 1.0

    def __post_init__(self) -> None:
        if not isinstance(self.match, str) or not self.match.startswith(("/", "*")):
            raise ValueError(f"match must be a path like /releases/{{release}}/softskills, not {self.match!r}")
        if self.effect not in tuple(EFFECTS):
            raise ValueError(f"kind must be one of {', '.join(EFFECTS)}, not {self.effect!r}")
        if not isinstance(self.status, int) or self.status not in STATUSES:
            raise ValueError(f"status must be one of {', '.join(map(str, STATUSES))}, not {self.status!r}")
        _check_number("seconds", self.seconds, 0, 3600)
        _check_number("rate", self.rate, 0, 1)
        _check_number("times", self.times, 1, None, integer=True)
        _check_number("retry_after", self.retry_after, 0, None, integer=True)


@dataclass(slots=True)
class Standing:
    """An active fault: `left` is how often it will still happen (None: without limit), `released` ends hanging requests."""

    fault: Fault
    path: re.Pattern[str]
    left: int | None
    released: asyncio.Event


@dataclass
class Faults:
    """The active faults, oldest first; at most one happens per request.

    `random` decides if `rate` is below 1; `slow` waits with `sleep`.
    """

    faults: Iterable[Fault] = ()
    random: Random = field(default_factory=Random)
    sleep: Callable[[float], Awaitable[object]] = asyncio.sleep

    def __post_init__(self) -> None:
        self._standing: list[Standing] = []
        for fault in self.faults:
            self.add(fault)

    def __iter__(self) -> Iterator[Standing]:
        return iter(tuple(self._standing))

    def __len__(self) -> int:
        return len(self._standing)

    def add(self, fault: Fault) -> Standing:
        """Activate a fault."""
        standing = Standing(fault, _pattern(fault.match), fault.times, fault.until or asyncio.Event())
        self._standing.append(standing)
        return standing

    def clear(self) -> None:
        """Remove all faults; hanging requests continue."""
        for standing in self._standing:
            standing.released.set()
        self._standing.clear()

    def take(self, path: str) -> Standing | None:
        """The fault to inject into a request for `path`, which is counted; None if there is none."""
        for standing in self._standing:
            if standing.left != 0 and standing.path.fullmatch(path) and self._happens(standing.fault):
                if standing.left is not None:
                    standing.left -= 1
                return standing
        return None

    def _happens(self, fault: Fault) -> bool:
        return fault.rate >= 1 or self.random.random() < fault.rate


def _pattern(match: str) -> re.Pattern[str]:
    wild = {"**": ".*", "*": "[^/]*"}
    segments = re.split(r"(\*\*|\*|\{\w+\})", match)
    segments[::2] = map(re.escape, segments[::2])
    segments[1::2] = [wild.get(wildcard, "[^/]+") for wildcard in segments[1::2]]
    return re.compile("".join(segments))


def _check_number(name: str, value: object, minimum: float, maximum: float | None, integer: bool = False) -> None:
    if value is None and integer:
        return
    classes = int if integer else (int, float)
    if (
        isinstance(value, bool)
        or not isinstance(value, classes)
        or value < minimum
        or (maximum is not None and value > maximum)
    ):
        bounds = f"from {minimum:g} to {maximum:g}" if maximum is not None else f"from {minimum:g} on"
        raise ValueError(f"{name} must be a {'whole ' * integer}number {bounds}, not {value!r}")
