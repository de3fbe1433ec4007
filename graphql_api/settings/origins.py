"""The web origins whose pages may use this server, from other origins than its own: for CORS and for WebSockets alike.

An origin is a scheme, a host and a port (RFC 6454). A setting names one as a browser sends it; `*.` before a host stands for its
subdomains at any depth, `:*` after it for any port.
"""

import re
from collections.abc import Iterable

ANY = "*"
NONE = "none"
"""As the whole setting: no page of another origin, not even one on this machine."""
LOCAL = tuple(f"{scheme}://{host}:*" for scheme in ("http", "https") for host in ("localhost", "127.0.0.1", "[::1]"))
"""Pages that a developer serves on this machine, from any port."""

_DEFAULT_PORTS = {"http": "80", "https": "443"}
_NOT_OF_PAGES = {"blob", "data", "file", "ftp", "ws", "wss"}
_HOST = r"(?:\*\.)?[a-z0-9_](?:[a-z0-9_.-]*[a-z0-9_])?|\[[0-9a-f:.]+\]"
_ORIGIN = re.compile(rf"(?P<scheme>[a-z][a-z0-9+.-]*)://(?P<host>{_HOST})(?::(?P<port>\d{{1,5}}|\*))?", re.ASCII)


class Origins:
    """The origins of a setting; ValueError for a text that is no origin."""

    def __init__(self, origins: Iterable[str]) -> None:
        named = list(origins)
        self.any = ANY in named
        """Whether pages of every origin may use this server."""
        self.pattern = "|".join(_pattern(each) for each in named if each != ANY)
        """A regular expression that matches each of them in full; empty if there are none."""
        self._matches = re.compile(self.pattern or r"(?!)").fullmatch

    def __bool__(self) -> bool:
        return self.any or bool(self.pattern)

    def allow(self, origin: str) -> bool:
        """Whether a page of this origin, as its browser sends it in `Origin`, may use this server."""
        return self.any or self._matches(origin) is not None


def _pattern(origin: str) -> str:
    match = _ORIGIN.fullmatch(origin.lower())
    if match is None or match["scheme"] in _NOT_OF_PAGES:
        raise ValueError(origin)
    scheme, host, port = match.groups()
    name = r"(?:[a-z0-9_-]+\.)+" + re.escape(host[2:]) if host.startswith("*.") else re.escape(host)
    if port == "*":
        return rf"{re.escape(scheme)}://{name}(?::\d{{1,5}})?"
    told = "" if port is None or port == _DEFAULT_PORTS.get(scheme) else f":{port}"  # browsers leave out the default
    return re.escape(f"{scheme}://") + name + told
