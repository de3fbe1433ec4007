"""Web origins whose pages may use this server, for CORS and WebSockets.

An origin is a scheme, a host and a port (RFC 6454), written as browsers send it. `*.` before a host matches its subdomains at
any depth, `:*` after it any port.
"""

import re
from collections.abc import Iterable

ANY = "*"
NONE = "none"
"""Value of the whole setting: no other origin is allowed, not even on this machine."""
LOCAL = tuple(f"{scheme}://{host}:*" for scheme in ("http", "https") for host in ("localhost", "127.0.0.1", "[::1]"))
"""Origins of pages that a developer serves on this machine, on any port."""

_DEFAULT_PORTS = {"http": "80", "https": "443"}
_NOT_OF_PAGES = {"blob", "data", "file", "ftp", "ws", "wss"}
_HOST = r"(?:\*\.)?[a-z0-9_](?:[a-z0-9_.-]*[a-z0-9_])?|\[[0-9a-f:.]+\]"
_ORIGIN = re.compile(rf"(?P<scheme>[a-z][a-z0-9+.-]*)://(?P<host>{_HOST})(?::(?P<port>\d{{1,5}}|\*))?", re.ASCII)


class Origins:
    """The allowed origins of a setting. Raises ValueError for an invalid origin."""

    def __init__(self, origins: Iterable[str]) -> None:
        origin_list = list(origins)
        self.any = ANY in origin_list
        """True if pages of every origin may use this server."""
        self.pattern = "|".join(_pattern(origin) for origin in origin_list if origin != ANY)
        """A regular expression that fully matches each allowed origin; empty if there are none or only `*`."""
        self._matches = re.compile(self.pattern or r"(?!)").fullmatch

    def __bool__(self) -> bool:
        return self.any or bool(self.pattern)

    def allow(self, origin: str) -> bool:
        """True if pages of this origin, a value of the header `Origin`, may use this server."""
        return self.any or self._matches(origin) is not None


def _pattern(origin: str) -> str:
    match = _ORIGIN.fullmatch(origin.lower())
    if match is None or match["scheme"] in _NOT_OF_PAGES:
        raise ValueError(origin)
    scheme, host, port = match.groups()
    name = r"(?:[a-z0-9_-]+\.)+" + re.escape(host[2:]) if host.startswith("*.") else re.escape(host)
    if port == "*":
        return rf"{re.escape(scheme)}://{name}(?::\d{{1,5}})?"
    port_suffix = (
        "" if port is None or port == _DEFAULT_PORTS.get(scheme) else f":{port}"
    )  # browsers omit the default port
    return re.escape(f"{scheme}://") + name + port_suffix
