"""Streaming operations: WebSockets (graphql-transport-ws) and server-sent events.

Connections and operations per connection are limited; operations end with their connection.
"""

from graphql_api.http.streaming.executor import StreamingExecutor
from graphql_api.http.streaming.handshake import OpenAccess
from graphql_api.http.streaming.limits import Connections
from graphql_api.http.streaming.sse import EventStreams
from graphql_api.http.streaming.websocket import WebSockets

__all__ = ["Connections", "EventStreams", "OpenAccess", "StreamingExecutor", "WebSockets"]
