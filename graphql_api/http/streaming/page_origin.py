"""Which web pages may open a WebSocket: browsers let a page of any site connect, and only the server can refuse.

A page may connect if it is of our own host, or of an origin in the settings. No page can write the fields that say which host
was requested, so they are believed from whoever sent them.
"""

from typing import NamedTuple
from urllib.parse import urlsplit

from starlette.datastructures import Headers

from graphql_api.settings.origins import Origins

DEFAULT_PORTS = {"http": 80, "https": 443, "ws": 80, "wss": 443}


class _Host(NamedTuple):
    name: str
    port: int | None
    """None if it is not said: a proxy may pass the host without it (nginx's `$host`)."""


def may_connect(headers: Headers, allowed: Origins) -> bool:
    """Whether the page that asks for a WebSocket may have it; so may every client that is no browser, and names none."""
    origins = headers.getlist("origin")
    if not origins or allowed.any:
        return True
    if len(origins) > 1:
        return False
    return allowed.allow(origins[0].lower()) or _is_our_own(origins[0], headers)


def _is_our_own(origin: str, headers: Headers) -> bool:
    scheme, _, authority = origin.lower().partition("://")
    page = _host(authority)
    if scheme not in DEFAULT_PORTS or page is None:
        return False
    requested = (_host(each.lower()) for each in (headers.get("host"), _first(headers.get("x-forwarded-host"))) if each)
    return any(_is_same(page, host, DEFAULT_PORTS[scheme]) for host in requested if host is not None)


def _is_same(page: _Host, requested: _Host, default: int) -> bool:
    return page.name == requested.name and requested.port in (None, page.port or default)


def _host(authority: str) -> _Host | None:
    """A host with its port; None for anything else, such as one with a user or a path."""
    try:
        url = urlsplit(f"//{authority}")
        host = _Host((url.hostname or "").rstrip("."), url.port)
    except ValueError:  # a bracket that is not closed, or a port that is no number
        return None
    return host if host.name and url.netloc == authority and "@" not in authority else None


def _first(value: str | None) -> str:
    return (value or "").partition(",")[0].strip()
