"""Which environment the base URL of a Competent API belongs to: VDAB's production, a test environment, or another."""

import re
from typing import Literal
from urllib.parse import urlsplit

Environment = Literal["production", "test", "sandbox", "other"]

DESCRIPTIONS: dict[Environment, str] = {
    "production": "",
    "test": "a test environment of VDAB: its data may be old or incomplete",
    "sandbox": "",
    "other": "not VDAB's API",
}
_PRODUCTION = "api.vdab.be"
_TEST = re.compile(r"[-.](?:cbt|test|acc|tst|int)$")
"""The end of a name of a test environment: sister APIs have the host `api-cbt.vdab.be` and the path `/openservices-test/`."""


def environment_of(url: str) -> Environment:
    """The environment of a base URL; an empty one is that of the sandbox in this process."""
    if not url:
        return "sandbox"
    parts = urlsplit(url)
    host = (parts.hostname or "").rstrip(".")
    if not host.endswith(".vdab.be"):
        return "other"
    names = [host.removesuffix(".vdab.be"), *parts.path.lower().split("/")]
    if any(map(_TEST.search, names)):
        return "test"
    return "production" if host == _PRODUCTION else "other"
