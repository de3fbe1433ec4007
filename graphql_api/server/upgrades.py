"""`Upgrade` offers (RFC 9110, 7.8): accepted for WebSockets, otherwise ignored.

Java's HttpClient and `curl --http2` offer HTTP/2 (`h2c`) with any first request, even one with a body. llhttp stops parsing
at an offer, so a request whose offer is ignored is parsed again without it.
"""

from collections.abc import Iterable

_BODY = {b"content-length", b"transfer-encoding"}
"""Header fields of requests with a body; a WebSocket handshake has none."""

Fields = Iterable[tuple[bytes, bytes]]


def asks_for_websocket(method: bytes, version: str, fields: Fields) -> bool:
    """Whether a request is a WebSocket opening handshake (RFC 6455, 4.2.1); field names must be in lower case."""
    if method != b"GET" or version != "1.1":
        return False
    told = list(fields)
    has_body = any(name in _BODY and value.strip() != b"0" for name, value in told)
    if has_body or all(name != b"sec-websocket-key" for name, _ in told):
        return False
    return _tokens(told, b"upgrade") == [b"websocket"] and b"upgrade" in _tokens(told, b"connection")


def head_without_offer(method: bytes, target: bytes, version: str, fields: Fields) -> bytes:
    """Encode the request line and headers again, without `Upgrade`."""
    lines = [b"%b: %b\r\n" % field for field in fields if field[0] != b"upgrade"]
    return b"%b %b HTTP/%b\r\n%b\r\n" % (method, target, version.encode(), b"".join(lines))


def _tokens(fields: Fields, name: bytes) -> list[bytes]:
    values = b",".join(value for each, value in fields if each == name)
    return [token for each in values.lower().split(b",") if (token := each.strip(b" \t"))]
