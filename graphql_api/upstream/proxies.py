"""Selects the proxy for a URL from the environment, by the rules of curl.

Source: curl's manual, "Environment" and "Proxy protocol prefixes".

- `https_proxy` or `HTTPS_PROXY`, then `all_proxy` or `ALL_PROXY`; lower case takes precedence. `HTTP_PROXY` in upper case is
  never read, as a web server may have set it from a request header `Proxy:`.
- A proxy without a scheme is an HTTP proxy; the default port is 1080, or 443 with `https://`.
- `no_proxy` or `NO_PROXY` lists hosts, domains (with or without a leading dot), addresses and networks, or `*`; unlike curl, also
  `*.domain` and a port after a host.
"""

import re
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from urllib.parse import SplitResult, unquote, urlsplit

from yarl import URL

from graphql_api.errors import SettingsError

_DEFAULT_PORTS = {"http": 1080, "https": 443}
_HOST = re.compile(r"[\w.-]+|\[[0-9a-f:.%\w]+\]")
_ENTRY = re.compile(r"(?:\[(?P<v6>[^\]]*)\]|(?P<host>[^:]*))(?::(?P<port>\d+))?")


@dataclass(frozen=True, slots=True)
class EnvironmentProxy:
    """A proxy and the variable that names it. Credentials are only in a header, so that no error shows them."""

    variable: str
    url: URL
    headers: dict[str, str]


def proxy_for(url: URL, environment: Mapping[str, str]) -> EnvironmentProxy | None:
    """Returns the proxy for a URL, or None; raises SettingsError if the variable is invalid."""
    variables = ["http_proxy"] if url.scheme == "http" else [f"{url.scheme}_proxy", f"{url.scheme}_proxy".upper()]
    variable = _first(environment, *variables, "all_proxy", "ALL_PROXY")
    exceptions = _first(environment, "no_proxy", "NO_PROXY")
    if variable is None or (exceptions and _is_excepted(url, environment[exceptions])):
        return None
    return _parsed(variable, environment[variable].strip())


def _first(environment: Mapping[str, str], *names: str) -> str | None:
    """Returns the first of these variables that is not empty."""
    return next((name for name in names if environment.get(name, "").strip()), None)


def _parsed(variable: str, text: str) -> EnvironmentProxy:
    try:
        proxy = urlsplit(text if "://" in text else f"http://{text}")
        _check_scheme(variable, proxy.scheme)
        host = f"[{proxy.hostname}]" if proxy.hostname and ":" in proxy.hostname else proxy.hostname
        if not host or not _HOST.fullmatch(host) or proxy.port == 0:
            raise ValueError("no host, or no port")
        address = URL(f"{proxy.scheme}://{host}:{proxy.port or _DEFAULT_PORTS[proxy.scheme]}")
    except ValueError:
        raise SettingsError(
            f"{variable} must be the address of a proxy, such as http://proxy.example:3128 (its value is not shown here, as it "
            "may hold a password)"
        ) from None
    return EnvironmentProxy(variable, address, _credentials(proxy))


def _check_scheme(variable: str, scheme: str) -> None:
    if scheme.startswith("socks"):
        raise SettingsError(
            f"{variable} names a SOCKS proxy, which this server cannot use: name an HTTP proxy in HTTPS_PROXY, or exclude the "
            "host of COMPETENT_UPSTREAM_URL in NO_PROXY"
        )
    if scheme not in _DEFAULT_PORTS:
        raise SettingsError(f"{variable} must begin with http:// or https://, or have no scheme")


def _credentials(proxy: SplitResult) -> dict[str, str]:
    # aiohttp moves this header to Proxy-Authorization; its own BasicAuth rejects a colon in the user name and non-Latin-1 text.
    if proxy.username is None and proxy.password is None:
        return {}
    credentials = f"{unquote(proxy.username or '')}:{unquote(proxy.password or '')}".encode()
    return {"Authorization": f"Basic {b64encode(credentials).decode()}"}


def _is_excepted(url: URL, exceptions: str) -> bool:
    host, port = (url.raw_host or "").rstrip("."), url.port
    return any(_matches(entry.lower(), host, port) for entry in re.split(r"[,\s]+", exceptions) if entry)


def _matches(entry: str, host: str, port: int | None) -> bool:
    if entry == "*":
        return True
    address = _ip(host)
    if "/" in entry:
        network = _network(entry)
        return address is not None and network is not None and address in network
    name, only_port = _split_port(entry)
    if only_port is not None and only_port != port:
        return False
    if address is not None:
        return address == _ip(name)
    name = name.removeprefix("*").strip(".")
    return bool(name) and (host == name or host.endswith(f".{name}"))


def _split_port(entry: str) -> tuple[str, int | None]:
    """Splits an entry into host and port; an IPv6 address with a port is in brackets."""
    if (match := _ENTRY.fullmatch(entry)) is None:
        return entry, None
    return match["v6"] or match["host"] or "", int(match["port"][:6]) if match["port"] else None


def _ip(text: str) -> IPv4Address | IPv6Address | None:
    try:
        return ip_address(text)
    except ValueError:
        return None


def _network(text: str) -> IPv4Network | IPv6Network | None:
    try:
        return ip_network(text, strict=False)
    except ValueError:
        return None
