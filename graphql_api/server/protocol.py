"""One connection of a client, bounded: how long a request may take to arrive, how large its head may be, how long it may be idle.

uvicorn has no such bounds with httptools. A client that is slow, silent or too large is cut, and costs nobody else anything;
what it is told, here and where its request is no HTTP, is JSON with a code, as everywhere.
"""

import asyncio
import logging
import re
from typing import Any, Protocol
from urllib.parse import unquote

from httptools import HttpParserError, HttpParserUpgrade, HttpRequestParser, parse_url
from starlette.types import Scope
from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from graphql_api.asyncio_tools import LazyTimer
from graphql_api.observability.logs import tell
from graphql_api.observability.request_context import new_id
from graphql_api.server.response_cycle import BufferedResponseCycle, Headers, refusal
from graphql_api.server.upgrades import asks_for_websocket, head_without_offer

log = logging.getLogger("graphql_api.requests")

_NO_HTTP = "Malformed HTTP request: invalid method, header or body framing."
_HOST = re.compile(rb"[\w.~%!$&'()*+,;=:\[\]-]*", re.ASCII)


class BoundedConfig(Config):
    """uvicorn's configuration with three bounds more.

    `arrival`: seconds for a request to arrive, head and body, from its first byte or, for the first one, from the connection.
    `head_bytes`: bytes of a head, with the trailers of a body in chunks.
    `frames`: frames per second of a WebSocket.
    """

    def __init__(self, app: Any, *, arrival: float, head_bytes: int, frames: int = 200, **others: Any) -> None:
        super().__init__(app, http=BoundedHttpProtocol, **others)
        self.arrival = arrival
        self.head_bytes = head_bytes
        self.frames = frames


class FastPathHandler(Protocol):
    """Answers whole requests with what is at hand."""

    def answer(self, request: bytes, fields: Headers) -> bytes | None:
        """The answer, with these fields of the server's; None where the request is to be read, nothing where the app is asked."""

    def answer_read(self, scope: Scope, body: bytes, came: bytes | None, fields: Headers) -> bytes | None:
        """The same to a request that was read, and came like this where it came in one piece; None where the app is asked."""


class BoundedHttpProtocol(HttpToolsProtocol):
    """uvicorn's protocol within those bounds. Whatever the app's lifespan calls `fast_path` is asked for an answer first."""

    config: BoundedConfig

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Give the first request its time, though nothing of it has come yet."""
        super().connection_made(transport)
        self._refused = False
        self._offer_ignored = False
        self._in_head = False
        self._head = 0
        self._unsent = 0
        self._watch = LazyTimer(self.loop)
        self._arriving = False
        self._open = False
        self._came: bytes | None = None
        self._next: RequestResponseCycle | None = None
        self._tried = False
        self._fast: FastPathHandler | None = self.app_state.get("fast_path")
        self._begin()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop the clock."""
        self._watch.close()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Count what belongs to a head, also where it never ends."""
        if self._refused:
            return
        self._came = None
        if self._is_idle():
            if not self._open:
                if self._is_answered(data):
                    return
                self._came = data
            if not self._arriving:
                self._begin()
        self._read(data)
        if self._in_head:
            self._head += len(data)
            self._check_head()
        if self._next is not None:
            self._start(self._next)

    def _read(self, data: bytes) -> None:
        """Read what came; where a client offers another protocol than a WebSocket, as if it had not."""
        rest: bytes | memoryview = data
        while True:
            try:
                self.parser.feed_data(rest)
                return
            except HttpParserUpgrade as upgrade:
                if self._should_upgrade():
                    self.handle_websocket_upgrade()
                    return
                rest = memoryview(rest)[upgrade.args[0] :]
            except HttpParserError:
                self.send_400_response(_NO_HTTP)
                return
            self._read_without_offer()

    def _read_without_offer(self) -> None:
        method, version = self.parser.get_method(), self.parser.get_http_version()
        self.parser = HttpRequestParser(self)
        self.parser.set_dangerous_leniencies(lenient_data_after_close=True)  # as uvicorn does
        self._offer_ignored = False
        self.parser.feed_data(head_without_offer(method, self.url, version, self.headers))

    # What can be answered at once is not started; nor while an answer before it waits to be taken.

    def _is_answered(self, data: bytes) -> bool:
        if self._fast is None or self.flow.write_paused:
            return False
        answer = self._fast.answer(data, self.server_state.default_headers)
        self._tried = answer == b""  # then it is not tried once more
        if not answer:
            return False
        self.transport.write(answer)
        self._arriving = False
        self.on_response_complete()
        return True

    def _start(self, cycle: RequestResponseCycle) -> None:
        self._next = None
        answer = self._answer_to(cycle)
        if answer is None:
            if not self._refused:
                self._start_asgi_task(cycle, self.app)
            return
        self.transport.write(answer)
        cycle.response_started = cycle.response_complete = True
        self.on_response_complete()

    def _answer_to(self, cycle: RequestResponseCycle) -> bytes | None:
        tried, self._tried = self._tried, False
        if self._fast is None or tried or self._refused or self.flow.write_paused:
            return None
        if cycle.more_body or not cycle.keep_alive:
            return None
        came = None if self.pipeline else self._came
        return self._fast.answer_read(cycle.scope, bytes(cycle.body), came, self.server_state.default_headers)  # type: ignore[arg-type]

    def on_message_begin(self) -> None:
        """A request begins."""
        super().on_message_begin()
        self._open = True
        self._in_head, self._head = True, 0
        if not self._arriving:
            self._begin()

    def on_header(self, name: bytes, value: bytes) -> None:
        """Keep a header, within the bound."""
        self._head += len(name) + len(value) + 4
        if self._head <= self.config.head_bytes:
            super().on_header(name, value.strip(b" \t"))  # llhttp leaves what follows a value

    def on_headers_complete(self) -> None:
        """Let the request through, if its head is within the bound."""
        self._in_head = False
        self._head += len(self.url)
        self._check_head()
        if not self._refused:
            self._check_target()
        if self._refused:
            return
        if not self.parser.should_upgrade():
            self._let_through()
        elif self._should_upgrade():
            self.scope["method"] = "GET"  # all that uvicorn needs to hand the request on as it came
        else:
            self._offer_ignored = True

    def _should_upgrade(self) -> bool:
        method, version = self.parser.get_method(), self.parser.get_http_version()
        return self._should_upgrade_to_ws() and asks_for_websocket(method, version, self.headers)

    def _check_target(self) -> None:
        """Refuse what is for a proxy, and a host that is missing, told twice or no host (RFC 9112, 3.2)."""
        hosts = [value for name, value in self.headers if name == b"host"]
        needed = self.parser.get_http_version() != "1.0"
        if self.parser.get_method() == b"CONNECT":
            self._refuse(400, _NO_HTTP)
        elif len(hosts) > 1 or (needed and not hosts) or not all(_HOST.fullmatch(each) for each in hosts):
            self._refuse(400, "A request must have exactly one valid `Host` header.")

    def _let_through(self) -> None:
        """As uvicorn's `on_headers_complete`, with an exchange of ours."""
        version, url = self.parser.get_http_version(), parse_url(self.url)
        path = url.path.decode("ascii")
        self.scope["method"] = self.parser.get_method().decode("ascii")
        self.scope["http_version"] = version
        self.scope["path"] = unquote(path) if "%" in path else path
        self.scope["raw_path"] = url.path
        self.scope["query_string"] = url.query or b""
        before = self.cycle
        self.cycle = BufferedResponseCycle(
            scope=self.scope,
            transport=self.transport,
            flow=self.flow,
            logger=self.logger,
            access_logger=self.access_logger,
            access_log=self.access_log,
            default_headers=self.server_state.default_headers,
            message_event=asyncio.Event(),
            expect_100_continue=self.expect_100_continue and version != "1.0",
            keep_alive=version != "1.0" and self.parser.should_keep_alive(),
            on_response=self.on_response_complete,
        )
        if before is None or before.response_complete:
            self._next = self.cycle
        else:
            self.flow.pause_reading()
            self.pipeline.appendleft((self.cycle, self.app))

    def on_body(self, body: bytes) -> None:
        """Take a part of the body."""
        if not self._refused:
            super().on_body(body)

    def on_message_complete(self) -> None:
        """The request is here."""
        if self._offer_ignored:  # and is read once more, with its body
            return
        self._open = False
        self._arrived()
        if not self._refused:
            self._check_head()  # with what followed a body in chunks
        if not self._refused:
            super().on_message_complete()
        if self._is_idle():  # it was answered before all of it was here
            self._wait_for_next()

    def on_response_complete(self) -> None:
        """Go on with the next request, or wait for one."""
        self.server_state.total_requests += 1
        if self.transport.is_closing():
            return
        self.flow.resume_reading()
        if self.pipeline:
            self._start_asgi_task(*self.pipeline.pop())
        elif not self._arriving:
            self._wait_for_next()

    def _wait_for_next(self) -> None:
        """Be idle; a client that has not yet taken its answer is given no longer than one that sends a request."""
        unsent = self.transport.get_write_buffer_size()
        seconds = min(self.config.arrival, self.timeout_keep_alive) if unsent else self.timeout_keep_alive
        self._watch.set(seconds, self.timeout_keep_alive_handler)

    def send_400_response(self, msg: str) -> None:
        """What is no HTTP ends the connection."""
        self._refuse(400, _NO_HTTP)

    def handle_websocket_upgrade(self) -> None:
        """From here on another protocol has the connection."""
        self._arrived()
        super().handle_websocket_upgrade()

    def timeout_keep_alive_handler(self) -> None:
        """Close what is idle; what takes its answer ever so slowly may go on, what takes none is cut."""
        unsent = self.transport.get_write_buffer_size()
        if unsent and unsent != self._unsent and not self.transport.is_closing():
            self._unsent = unsent
            self._wait_for_next()
        elif unsent:
            self.transport.abort()
        else:
            super().timeout_keep_alive_handler()

    def _is_idle(self) -> bool:
        return self.cycle is None or self.cycle.response_complete

    def _begin(self) -> None:
        self._arriving = True
        self._watch.set(self.config.arrival, self._too_slow)

    def _arrived(self) -> None:
        self._arriving = False
        self._watch.clear()

    def _too_slow(self) -> None:
        self._arriving = False
        if self._is_idle() and not self._open:
            self._refused = True
            self.transport.close()  # nothing was asked, so nothing is answered
        else:
            self._refuse(408, f"The request did not arrive within {self.config.arrival:g} seconds.")

    def _check_head(self) -> None:
        if self._head > self.config.head_bytes:
            most = self.config.head_bytes
            self._refuse(431, f"The request headers have {self._head:,} bytes or more; the limit is {most:,}.")

    def _refuse(self, status: int, message: str) -> None:
        self._refused = True
        self._arrived()
        if self._is_idle() or self._is_unanswered():
            request_id = new_id()  # what the client sent as its id may be what is wrong
            self.transport.write(refusal(status, message, request_id, self.server_state.default_headers))
            line = {"request_id": request_id, "status": status, "error_codes": ["BAD_REQUEST"], "outcome": "refused"}
            tell(log, logging.INFO, "request", line)
        if self.cycle is not None:
            self.cycle.disconnected = True  # nothing of an answer follows this one
            self.cycle.message_event.set()
        self.transport.close()

    def _is_unanswered(self) -> bool:
        """Whether the request that is being read is the only one, and nothing of its answer has been sent."""
        return not self.pipeline and self.cycle.more_body and not self.cycle.response_started
