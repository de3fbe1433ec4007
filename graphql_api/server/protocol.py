"""The HTTP protocol of a connection, with limits on request arrival time, header size and idle time.

uvicorn with httptools lacks the first two. Slow, silent or oversized clients are disconnected without delaying others. Errors,
including those for malformed HTTP, are JSON with a code.
"""

import asyncio
import logging
from collections.abc import Callable
from contextvars import Context
from enum import Enum
from typing import Any, Protocol
from urllib.parse import unquote

from httptools import HttpParserError, HttpParserUpgrade, HttpRequestParser, parse_url
from starlette.types import Scope
from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from graphql_api.asyncio_tools import LazyTimer
from graphql_api.observability.logs import emit
from graphql_api.observability.request_context import new_id
from graphql_api.server.request_head import MALFORMED, asks_for_websocket, fault_in_head, head_without_offer
from graphql_api.server.response_cycle import BufferedResponseCycle, Headers, error_response_bytes

log = logging.getLogger("graphql_api.requests")


class BoundedConfig(Config):
    """uvicorn's configuration with three more limits.

    `arrival_timeout`: seconds for a request to arrive, headers and body, from its first byte; for the first, from connecting.
    `max_head_bytes`: bytes of request line and headers, plus the trailers of a chunked body.
    `frames_per_second`: frames per second of a WebSocket.
    """

    def __init__(
        self,
        app: Callable[..., object] | str,
        *,
        arrival_timeout: float,
        max_head_bytes: int,
        frames_per_second: int = 200,
        **options: Any,
    ) -> None:
        super().__init__(app, http=BoundedHttpProtocol, **options)
        self.arrival_timeout = arrival_timeout
        self.max_head_bytes = max_head_bytes
        self.frames_per_second = frames_per_second


class Unanswered(Enum):
    """Why the fast path does not answer an unparsed request."""

    UNPARSED = "it must be parsed first"
    DECLINED = "the app must handle it"


class FastPathHandler(Protocol):
    """Answers complete requests synchronously, from cached data only."""

    def respond(self, request: bytes, fields: Headers) -> bytes | Unanswered:
        """Respond to an unparsed request; `fields` are the server's default response headers."""

    def respond_to_parsed(self, scope: Scope, body: bytes, received: bytes | None, fields: Headers) -> bytes | None:
        """Respond to a parsed request; returns None if the app must handle it.

        `received` is the request as received, if it arrived in one piece and alone; otherwise None.
        """


class BoundedHttpProtocol(HttpToolsProtocol):
    """uvicorn's protocol with these limits. `fast_path` in the lifespan state, if set, gets each request before the app."""

    config: BoundedConfig

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn's own
        """Start the arrival timeout of the first request."""
        super().connection_made(transport)
        self._is_refused = False
        self._is_upgrading = False
        self._is_offer_ignored = False
        self._in_head = False
        self._head_bytes = 0
        self._last_unsent = 0
        self._timer = LazyTimer(self.loop)
        self._is_arriving = False
        self._in_request = False
        self._received: bytes | None = None
        self._next_cycle: RequestResponseCycle | None = None
        self._is_declined = False
        self._fast_path: FastPathHandler | None = self.app_state.get("fast_path")
        self._start_arrival_timer()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop the timer."""
        self._timer.close()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Try the fast path, else parse the data; counts header bytes even while the headers are incomplete."""
        if self._is_refused:
            return
        self._received = None
        if self._is_idle():
            if not self._in_request:
                if self._respond_fast(data):
                    return
                self._received = data
            if not self._is_arriving:
                self._start_arrival_timer()
        self._read(data)
        if self._in_head:
            self._head_bytes += len(data)
            self._check_head_size()
        if self._next_cycle is not None:
            self._start(self._next_cycle)

    def _read(self, data: bytes) -> None:
        """Parse received data; an `Upgrade` to anything other than a WebSocket is ignored."""
        rest: bytes | memoryview = data
        while True:
            try:
                self.parser.feed_data(rest)
                return
            except HttpParserUpgrade as upgrade:
                if self._is_upgrading:
                    self.handle_websocket_upgrade()
                    return
                rest = memoryview(rest)[upgrade.args[0] :]
            except HttpParserError:
                self.send_400_response(MALFORMED)
                return
            self._read_without_offer()

    def _read_without_offer(self) -> None:
        method, version = self.parser.get_method(), self.parser.get_http_version()
        self.parser = HttpRequestParser(self)
        self.parser.set_dangerous_leniencies(lenient_data_after_close=True)  # as uvicorn does
        self._is_offer_ignored = False
        self.parser.feed_data(head_without_offer(method, self.url, version, self.headers))

    # The fast path is not used while an earlier response waits for the client to read it.

    def _respond_fast(self, data: bytes) -> bool:
        if self._fast_path is None or self.flow.write_paused:
            return False
        response = self._fast_path.respond(data, self.server_state.default_headers)
        if isinstance(response, Unanswered):
            self._is_declined = response is Unanswered.DECLINED  # then it is not tried again after parsing
            return False
        self.transport.write(response)
        self.server_state.total_requests += 1
        self._is_arriving = False
        self._wait_for_next()
        return True

    def _start(self, cycle: RequestResponseCycle) -> None:
        self._next_cycle = None
        response = self._fast_response(cycle)
        if response is None:
            if not self._is_refused:
                self._start_app(cycle)
            return
        self.transport.write(response)
        cycle.response_started = cycle.response_complete = True
        self.on_response_complete()

    def _start_app(self, cycle: RequestResponseCycle) -> None:
        """Start the app for a request, in a context of its own: the connection's has the variables of an earlier request."""
        task = self.loop.create_task(cycle.run_asgi(self.app), context=Context())
        task.add_done_callback(self.tasks.discard)
        self.tasks.add(task)

    def _fast_response(self, cycle: RequestResponseCycle) -> bytes | None:
        is_declined, self._is_declined = self._is_declined, False
        if self._fast_path is None or is_declined or self._is_refused or self.flow.write_paused:
            return None
        if cycle.more_body or not cycle.keep_alive:
            return None
        received = None if self.pipeline else self._received
        scope: Scope = cycle.scope  # type: ignore[assignment]  # uvicorn's TypedDict, Starlette's mapping
        return self._fast_path.respond_to_parsed(scope, bytes(cycle.body), received, self.server_state.default_headers)

    def on_message_begin(self) -> None:
        """A request begins: start its arrival timeout, unless it is running."""
        super().on_message_begin()
        self._in_request = True
        self._in_head, self._head_bytes = True, 0
        if not self._is_arriving:
            self._start_arrival_timer()

    def on_header(self, name: bytes, value: bytes) -> None:
        """Store a header; headers beyond the limit are counted but not stored."""
        self._head_bytes += len(name) + len(value) + 4
        if self._head_bytes <= self.config.max_head_bytes:
            super().on_header(name, value.strip(b" \t"))  # llhttp keeps trailing white space

    def on_headers_complete(self) -> None:
        """Check header size, `Host` and method, then create the request or start the WebSocket upgrade."""
        self._in_head = False
        self._head_bytes += len(self.url)
        self._check_head_size()
        if not self._is_refused:
            fault = fault_in_head(self.parser.get_method(), self.parser.get_http_version(), self.headers)
            if fault is not None:
                self._refuse(400, fault)
        if self._is_refused:
            return
        if not self.parser.should_upgrade():
            self._start_cycle()
            return
        method, version = self.parser.get_method(), self.parser.get_http_version()
        self._is_upgrading = self.ws_protocol_class is not None and asks_for_websocket(method, version, self.headers)
        self._is_offer_ignored = not self._is_upgrading
        if self._is_upgrading:
            self.scope["method"] = "GET"  # all that uvicorn needs for the handover

    def _start_cycle(self) -> None:
        """Same as uvicorn's `on_headers_complete`, but with BufferedResponseCycle."""
        version, url = self.parser.get_http_version(), parse_url(self.url)
        path = url.path.decode("ascii")
        self.scope["method"] = self.parser.get_method().decode("ascii")
        self.scope["http_version"] = version
        self.scope["path"] = unquote(path) if "%" in path else path
        self.scope["raw_path"] = url.path
        self.scope["query_string"] = url.query or b""
        previous = self.cycle
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
        if previous is None or previous.response_complete:
            self._next_cycle = self.cycle
        else:
            self.flow.pause_reading()
            self.pipeline.appendleft((self.cycle, self.app))

    def on_body(self, body: bytes) -> None:
        """Pass on a part of the body, unless the request was refused."""
        if not self._is_refused:
            super().on_body(body)

    def on_message_complete(self) -> None:
        """The request has arrived: stop its arrival timeout."""
        if self._is_upgrading or self._is_offer_ignored:  # without the offer it is parsed again, with its body
            return
        self._in_request = False
        self._stop_arrival_timer()
        if not self._is_refused:
            self._check_head_size()  # includes the trailers of a chunked body
        if not self._is_refused:
            super().on_message_complete()
        if self._is_idle():  # it was answered before it had arrived completely
            self._wait_for_next()

    def on_response_complete(self) -> None:
        """Start the next pipelined request, or wait for one."""
        self.server_state.total_requests += 1
        if self.transport.is_closing():
            return
        self.flow.resume_reading()
        if self.pipeline:
            self._start_app(self.pipeline.pop()[0])
        elif not self._is_arriving:
            self._wait_for_next()

    def _wait_for_next(self) -> None:
        """Start the idle timeout; at most the arrival timeout while the client has unread response data."""
        unsent = self.transport.get_write_buffer_size()
        seconds = min(self.config.arrival_timeout, self.timeout_keep_alive) if unsent else self.timeout_keep_alive
        self._timer.start(seconds, self.timeout_keep_alive_handler)

    def send_400_response(self, msg: str) -> None:
        """Respond 400 to malformed HTTP and close the connection."""
        self._refuse(400, MALFORMED)

    def handle_websocket_upgrade(self) -> None:
        """Hand the connection over to the WebSocket protocol."""
        self._stop_arrival_timer()
        super().handle_websocket_upgrade()

    def timeout_keep_alive_handler(self) -> None:
        """Close an idle connection. With unsent data, abort it if the client read nothing since the last check, else wait on."""
        unsent = self.transport.get_write_buffer_size()
        if unsent and unsent != self._last_unsent and not self.transport.is_closing():
            self._last_unsent = unsent
            self._wait_for_next()
        elif unsent:
            self.transport.abort()
        else:
            super().timeout_keep_alive_handler()

    def _is_idle(self) -> bool:
        return self.cycle is None or self.cycle.response_complete

    def _start_arrival_timer(self) -> None:
        self._is_arriving = True
        self._timer.start(self.config.arrival_timeout, self._on_arrival_timeout)

    def _stop_arrival_timer(self) -> None:
        self._is_arriving = False
        self._timer.clear()

    def _on_arrival_timeout(self) -> None:
        self._is_arriving = False
        if self._is_idle() and not self._in_request:
            self._is_refused = True
            self.transport.close()  # no request has begun, so there is nothing to respond to
        else:
            self._refuse(408, f"The request did not arrive within {self.config.arrival_timeout:g} seconds.")

    def _check_head_size(self) -> None:
        if self._head_bytes > self.config.max_head_bytes:
            limit = self.config.max_head_bytes
            self._refuse(431, f"The request headers have {self._head_bytes:,} bytes or more; the limit is {limit:,}.")

    def _refuse(self, status: int, message: str) -> None:
        self._is_refused = True
        self._stop_arrival_timer()
        if self._is_idle() or self._is_unanswered():
            request_id = new_id()  # the client's own id may be what is invalid
            self.transport.write(error_response_bytes(status, message, request_id, self.server_state.default_headers))
            line = {"request_id": request_id, "status": status, "error_codes": ["BAD_REQUEST"], "outcome": "refused"}
            emit(log, logging.INFO, "request", line)
        if self.cycle is not None:
            self.cycle.disconnected = True  # the app must not send anything after this response
            self.cycle.message_event.set()
        self.transport.close()

    def _is_unanswered(self) -> bool:
        """Whether the request being received is the only one, and none of its response has been sent."""
        return not self.pipeline and self.cycle.more_body and not self.cycle.response_started
