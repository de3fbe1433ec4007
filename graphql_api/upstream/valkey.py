"""Client of the Valkey server that replicas share.

Failures never fail a request: while the server is unreachable, a replica continues alone, logs it once, and retries soon.
"""

import hashlib
import logging
import math
import re
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from graphql_api import how_to_install
from graphql_api.errors import SettingsError
from graphql_api.observability.metrics import STORE_INVALID_ENTRIES, VALKEY_UP

if TYPE_CHECKING:
    from valkey.asyncio import BlockingConnectionPool, Valkey

log = logging.getLogger(__name__)

T = TypeVar("T")
D = TypeVar("D")

SCHEMES = ("valkey", "valkeys", "unix")
"""URL schemes of a shared store: TCP, TLS, Unix socket."""
CONNECT_TIMEOUT, RESPONSE_TIMEOUT = 0.25, 0.5
"""Timeouts in seconds for connecting and for a response; short, because the server is expected to be near."""
RETRY_INTERVAL = 1.0
"""Seconds without calls after a failure."""
CONNECTIONS = 32
_VERSION = 1


def is_shared(store: str) -> bool:
    """Whether a store URL is that of a server shared by replicas."""
    return store.partition("://")[0] in SCHEMES


def pool_of(url: str) -> "BlockingConnectionPool":
    """Returns a connection pool bounded in number and time.

    Raises SettingsError if the extra `valkey` is not installed or the URL is invalid.
    """
    try:
        from valkey.asyncio import BlockingConnectionPool
        from valkey.asyncio.retry import Retry
        from valkey.backoff import NoBackoff
    except ImportError:
        raise SettingsError(
            f"COMPETENT_STORE=valkey://… requires the extra valkey: {how_to_install('valkey')}"
        ) from None
    bounds = {
        "socket_connect_timeout": CONNECT_TIMEOUT,
        "socket_timeout": RESPONSE_TIMEOUT,
        "retry": Retry(NoBackoff(), 0),
    }
    try:
        return BlockingConnectionPool.from_url(url, max_connections=CONNECTIONS, timeout=RESPONSE_TIMEOUT, **bounds)
    except ValueError:
        raise SettingsError(
            "COMPETENT_STORE is not a valid address of a Valkey server, such as valkey://host:6379"
        ) from None


class Reach:
    """Tracks whether a server is reachable: pauses calls after a failure, logs each outage and recovery once."""

    def __init__(
        self,
        name: str,
        failures: tuple[type[Exception], ...],
        clock: Callable[[], float],
        pool: "BlockingConnectionPool | None" = None,
    ) -> None:
        self._name = name
        self._failures = failures
        self._clock = clock
        self._pool = pool
        self._retry_at = -math.inf
        self.alone = False

    async def run(self, work: Callable[[], Awaitable[T]], otherwise: D) -> T | D:
        """Returns the result of `work`; `otherwise` if the server is unreachable."""
        if self._clock() < self._retry_at:
            return otherwise
        try:
            result = await work()
        except self._failures as error:
            await self._on_failure(error)
            return otherwise
        if self.alone:
            self.alone = False
            log.warning("%s is reachable again", self._name)
        return result

    async def _on_failure(self, error: Exception) -> None:
        self._retry_at = self._clock() + RETRY_INTERVAL
        if not self.alone:
            self.alone = True
            log.warning(
                "%s cannot be reached (%s); this replica continues without it", self._name, type(error).__name__
            )
        if self._pool is not None:
            # Otherwise each idle connection to the lost server would fail once more, long after it is back.
            await self._pool.disconnect(inuse_connections=False)


class Shared:
    """A Valkey server that holds the documents of one upstream and the state shared by replicas."""

    def __init__(self, url: str, origin: str, clock: Callable[[], float] = time.monotonic) -> None:
        pool = pool_of(url)
        from valkey.asyncio import Valkey
        from valkey.exceptions import ValkeyError

        self._client = Valkey(connection_pool=pool)
        self._reach = Reach("the shared store", (ValkeyError, OSError), clock, pool)
        self._prefix = f"competent:{_VERSION}:{hashlib.blake2s(origin.encode(), digest_size=8).hexdigest()}"
        VALKEY_UP.set(1)

    def key(self, key_type: str, name: str) -> str:
        """Returns the namespaced key of this upstream; versioned, so that replicas of different versions do not mix data."""
        return f"{self._prefix}:{key_type}:{name}"

    async def run(self, work: "Callable[[Valkey], Awaitable[T]]", otherwise: T) -> T:
        """Returns the result of `work`; `otherwise` if the server is unreachable."""
        was_alone = self._reach.alone
        result: T = await self._reach.run(lambda: work(self._client), otherwise)
        if self._reach.alone != was_alone:
            VALKEY_UP.set(not self._reach.alone)
        return result

    async def eval(self, script: str, keys: Sequence[str], arguments: Sequence[object]) -> Any:
        """Run a script; returns None if the server is unreachable.

        If the keys hold values of an unexpected type, they are deleted and the script runs again: others can write to the same
        server.
        """
        return await self.run(
            lambda server: _evaluated(server, script, keys, [str(argument) for argument in arguments]), None
        )

    async def aclose(self) -> None:
        """Close the connections."""
        await self._client.aclose()
        await self._client.connection_pool.disconnect()


async def _evaluated(server: "Valkey", script: str, keys: Sequence[str], arguments: Sequence[str]) -> Any:
    from valkey.exceptions import ResponseError

    result: object
    try:
        result = await server.eval(script, len(keys), *keys, *arguments)  # type: ignore[misc]  # valkey: it is awaitable
    except ResponseError as error:
        if not _is_about_values(str(error)):
            raise
        log.warning("deleted values of an unexpected type from the Valkey server: %s", keys[0])
        STORE_INVALID_ENTRIES.labels("state").inc()
        await server.delete(*keys)
        result = await server.eval(script, len(keys), *keys, *arguments)  # type: ignore[misc]  # valkey: it is awaitable
    return result


def _is_about_values(message: str) -> bool:
    """Whether a script failed because of the values of its keys, not because of the state of the server."""
    return "WRONGTYPE" in message or ("user_script" in message and not _STATE.search(message))


_STATE = re.compile(
    r"\b(OOM|READONLY|MISCONF|NOREPLICAS|NOPERM|NOAUTH|LOADING|BUSY|CLUSTERDOWN|MASTERDOWN|CROSSSLOT)\b"
)
