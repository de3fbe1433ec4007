"""Streaming operations: WebSockets (graphql-transport-ws) and server-sent events.

Connections and operations per connection are limited; operations end with their connection.
"""

from graphql_api.http.streaming.limits import Connections
from graphql_api.http.streaming.message_limits import BoundedMessages
from graphql_api.http.streaming.operations import StreamingExecutor
from graphql_api.http.streaming.sse import Events
from graphql_api.http.streaming.websocket import WebSockets

__all__ = ["BoundedMessages", "Connections", "Events", "StreamingExecutor", "WebSockets"]
