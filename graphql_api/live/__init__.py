"""Operations over a connection that stays: WebSockets (graphql-transport-ws) and server-sent events.

Connections and what runs on each are bounded; what was begun for a client ends with its connection.
"""

from graphql_api.live.bounded import BoundedMessages
from graphql_api.live.connections import Connections
from graphql_api.live.events import Events
from graphql_api.live.running import Running
from graphql_api.live.websocket import WebSockets

__all__ = ["BoundedMessages", "Connections", "Events", "Running", "WebSockets"]
