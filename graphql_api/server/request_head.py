"""Checks of a request's head: target, `Host`, and `Upgrade` offers (RFC 9110, 7.8), accepted for WebSockets, otherwise ignored.

Java's HttpClient and `curl --http2` offer HTTP/2 (`h2c`) with any first request, even one with a body. llhttp stops parsing
at an offer, so a request whose offer is ignored is parsed again without it.
"""

import re
from collections.abc import Iterable

MALFORMED = "Malformed HTTP request: invalid method, header or body framing."
_HOST = re.compile(rb"[\w.~%!$&'()*+,;=:\[\]-]*", re.ASCII)
_BODY_HEADERS = {b"content-length", b"transfer-encoding"}
"""Header fields of requests with a body; a WebSocket handshake has none."""

Fields = Iterable[tuple[bytes, bytes]]


def fault_in_head(method: bytes, version: str, fields: Fields) -> str | None:
    """Why a request is refused: CONNECT, or a `Host` header that is missing, repeated or invalid (RFC 9112, 3.2)."""
    hosts = [value for name, value in fields if name == b"host"]
    if method == b"CONNECT":
        return MALFORMED
    is_required = version != "1.0"
    if len(hosts) > 1 or (is_required and not hosts) or not all(_HOST.fullmatch(host) for host in hosts):
        return "A request must have exactly one valid `Host` header."
    return None


def asks_for_websocket(method: bytes, version: str, fields: Fields) -> bool:
    """Whether a request is a WebSocket opening handshake (RFC 6455, 4.2.1); field names must be in lower case."""
    if method != b"GET" or version != "1.1":
        return False
    headers = list(fields)
    has_body = any(name in _BODY_HEADERS and value.strip() != b"0" for name, value in headers)
    if has_body or all(name != b"sec-websocket-key" for name, _ in headers):
        return False
    return _tokens(headers, b"upgrade") == [b"websocket"] and b"upgrade" in _tokens(headers, b"connection")


def head_without_offer(method: bytes, target: bytes, version: str, fields: Fields) -> bytes:
    """Encode the request line and headers again, without `Upgrade`."""
    lines = [b"%b: %b\r\n" % field for field in fields if field[0] != b"upgrade"]
    return b"%b %b HTTP/%b\r\n%b\r\n" % (method, target, version.encode(), b"".join(lines))


def _tokens(fields: Fields, name: bytes) -> list[bytes]:
    values = b",".join(value for field_name, value in fields if field_name == name)
    return [token for part in values.lower().split(b",") if (token := part.strip(b" \t"))]
