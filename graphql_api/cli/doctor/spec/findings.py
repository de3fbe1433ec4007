"""The findings of a comparison."""

from dataclasses import dataclass
from typing import Literal

Severity = Literal["breaks", "loses", "unknown"]
"""`breaks`: the server would fail, or lose data that the API has. `loses`: it has a fallback, or a field is empty. `unknown`: new
to this server, or not described."""
SEVERITIES: tuple[Severity, ...] = ("breaks", "loses", "unknown")

Rule = Literal[
    "path-gone",
    "parameter-gone",
    "parameter-required",
    "parameter-type",
    "credentials",
    "not-json",
    "list-gone",
    "page-gone",
    "release-gone",
    "key-gone",
    "key-type",
    "not-described",
    "deprecated",
    "key-unknown",
    "path-unknown",
]


@dataclass(frozen=True)
class Finding:
    """One difference: at a path of the specification, in the parameter or key `at`."""

    severity: Severity
    rule: Rule
    path: str
    at: str
    message: str
