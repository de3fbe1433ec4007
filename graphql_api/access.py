"""Who may ask: clients with keys, each with a quota, or with a key of their own for the Competent API.

Everything needs a key but the pages that say what this server is, its health and its metrics. What is refused is told in JSON
with a code, on a WebSocket with a close code or an error, before anything else of the request is looked at.
"""

import logging
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import orjson
from starlette.datastructures import MutableHeaders
from starlette.middleware import Middleware
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from graphql_api.endpoint import JSON, Refused, refused
from graphql_api.endpoint.answer import sign
from graphql_api.endpoint.caching import KEYS_COME_IN
from graphql_api.errors import SettingsError
from graphql_api.keys import Keys
from graphql_api.live.denial import deny
from graphql_api.outcomes import Outcomes
from graphql_api.quotas import Quotas, Standing
from graphql_api.record import Head, Record, record_of
from graphql_api.secret import Secret
from graphql_api.settings import Settings
from graphql_api.settings.checks import LOOPBACK
from graphql_api.settings.folders import user_config_folder

log = logging.getLogger(__name__)

OPEN = ("/schema.graphql", "/llms.txt", "/docs", "/graphiql", "/health", "/metrics")
"""Pages that need no key, and what is below them; so does `/` itself."""
FORBIDDEN = 4403
"""The close code of graphql-transport-ws for who may not connect, or no longer."""
_OWN_KEY = re.compile(r"[\x21-\x7e]{1,200}")


class Caller(NamedTuple):
    """Who asks: a name for the log, a quota, and the key that their calls to the Competent API are made with."""

    name: str
    per_minute: int | None = None
    key: Secret | None = None


class Gate(Protocol):
    """Knows who may ask by what they show: request headers, or the payload of `connection_init`, names in lower case."""

    def caller(self, shown: Mapping[str, str]) -> Caller:
        """Who it is; raises Refused with 401."""


class WithKeys:
    """Clients with a key of ours, as `Authorization: Bearer` or `X-API-Key`."""

    def __init__(self, keys: Keys, per_minute: int) -> None:
        self._keys = keys
        self._per_minute = per_minute

    def caller(self, shown: Mapping[str, str]) -> Caller:
        """The client whose key it is."""
        scheme, _, token = shown.get("authorization", "").strip().partition(" ")
        key = token.strip() if scheme.lower() == "bearer" else shown.get("x-api-key", "").strip()
        if not key:
            raise _unknown("Send your key as `Authorization: Bearer …` or `X-API-Key: …`.")
        if (client := self._keys.client(key)) is None:
            raise _unknown("This key is not known, or no longer.")
        return Caller(client.name, client.per_minute or self._per_minute)


class WithTheirOwn:
    """Clients with their own key for the Competent API, which decides whether it is good; stored documents are public data."""

    def caller(self, shown: Mapping[str, str]) -> Caller:
        """Whoever shows something that can be sent as a key."""
        key = shown.get("x-ibm-client-id", "")
        if not key:
            raise _unknown("Send your key for the Competent API as `X-IBM-Client-Id: …`.")
        if not _OWN_KEY.fullmatch(key):
            raise _unknown("`X-IBM-Client-Id` is no key of the Competent API.")
        return Caller("", key=Secret(key))


def _unknown(message: str) -> Refused:
    return Refused(401, message, "UNAUTHENTICATED", WWW_Authenticate='Bearer realm="competent-graphql"')


@dataclass(frozen=True, slots=True)
class Decide:
    """Decides on requests and operations, and writes into their records who asks."""

    gate: Gate
    quotas: Quotas

    def caller(self, shown: Mapping[str, str], record: Record) -> Caller:
        """Who it is; raises Refused."""
        caller = self.gate.caller(shown)
        record.client, record.asker.key = caller.name, caller.key
        return caller

    async def count(self, caller: Caller) -> Mapping[str, str]:
        """Count a request, and give the headers that tell how many are left; raises Refused where none is."""
        if caller.per_minute is None:
            return {}
        return _headers(await self.quotas.take(caller.name, caller.per_minute))

    def count_here(self, caller: Caller) -> Mapping[str, str]:
        """The same at once, for whom `has_left_here` said so."""
        return {} if caller.per_minute is None else _headers(self.quotas.take_here(caller.name, caller.per_minute))

    def has_left_here(self, caller: Caller) -> bool:
        """Whether a request can be counted without asking elsewhere, and there is one left."""
        return caller.per_minute is None or self.quotas.has_left_here(caller.name, caller.per_minute)

    def still(self, shown: Mapping[str, str]) -> bool:
        """Whether who was let in still would be: a key can be revoked while an answer goes on."""
        try:
            self.gate.caller(shown)
        except Refused:
            return False
        return True


def _headers(standing: Standing) -> Mapping[str, str]:
    if standing.allowed:
        return standing.headers
    message = f"Your key is good for {standing.quota:,} requests a minute, and they are used up."
    refusal = Refused(429, message, "RATE_LIMITED", max(1, round(standing.reset)))
    refusal.headers |= standing.headers
    raise refusal


class Access:
    """Pure ASGI around all routes."""

    def __init__(self, app: ASGIApp, decide: Decide, outcomes: Outcomes) -> None:
        self._app = app
        self._decide = decide
        self._outcomes = outcomes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let in who may ask, and nobody else."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            await self._decide.quotas.aclose()
        elif scope["type"] == "websocket":
            await _Connection(self._decide, self._outcomes, scope, receive, send).serve(self._app)
        elif scope["type"] != "http" or is_open(scope["path"]):
            await self._app(scope, receive, send)
        else:
            await self._request(scope, receive, send)

    async def _request(self, scope: Scope, receive: Receive, send: Send) -> None:
        record = record_of(scope)
        shown = shown_by(record.head)
        try:
            headers = await self._decide.count(self._decide.caller(shown, record))
        except Refused as refusal:
            await refused(refusal, JSON, record)(scope, receive, send)
            return
        ended = False

        async def sending(message: Message) -> None:
            nonlocal ended
            if message["type"] == "http.response.start":
                MutableHeaders(raw=message["headers"]).update(headers)
            elif message.get("more_body") and not self._decide.still(shown):
                message = {"type": "http.response.body", "more_body": False}
            if not ended:
                await send(message)
            ended = message["type"] == "http.response.body" and not message.get("more_body")

        await self._app(scope, receive, sending)


def deciding(settings: Settings) -> Decide | None:
    """Who decides by the settings; None where anybody may ask. Raises SettingsError for keys that cannot be read."""
    gates: dict[str, Callable[[], Gate]] = {
        "keys": lambda: WithKeys(_existing_keys(settings), settings.keys_per_minute),
        "passthrough": WithTheirOwn,
    }
    if settings.access in gates:
        return Decide(gates[settings.access](), Quotas.of(settings.store))
    if settings.host not in LOOPBACK:
        log.warning("whoever reaches %s may ask: COMPETENT_ACCESS=keys demands keys", settings.host)
    return None


def guarding(decide: Decide | None, outcomes: Outcomes) -> list[Middleware]:
    """The middleware for that."""
    return [] if decide is None else [Middleware(Access, decide, outcomes)]


def _existing_keys(settings: Settings) -> Keys:
    """The keys of clients; SettingsError without their file, which would refuse everybody for no visible reason."""
    keys = Keys(keys_file(settings))
    if not keys.file.exists():
        raise SettingsError(
            f"COMPETENT_ACCESS=keys needs the file of keys {keys.file}, which does not exist: make it with "
            "`competent-graphql key new NAME`, or set COMPETENT_KEYS_FILE (docs/access.md)"
        )
    if not keys.clients():
        log.warning("no client has a key, so nobody is let in: make one with `competent-graphql key new NAME`")
    return keys


def keys_file(settings: Settings) -> Path:
    """Where the keys of clients are; SettingsError where no setting says so and the user has no home."""
    if settings.keys_file is not None:
        return settings.keys_file
    if (folder := user_config_folder()) is None:
        raise SettingsError("there is no folder for keys, as this user has no home: set COMPETENT_KEYS_FILE")
    return folder / "keys.json"


def is_open(path: str) -> bool:
    """Whether a path needs no key."""
    return path == "/" or any(path == each or path.startswith(f"{each}/") for each in OPEN)


def shown_by(head: Head) -> dict[str, str]:
    """What a request shows of keys."""
    return {name.decode(): head[name].decode("latin-1") for name in KEYS_COME_IN if name in head}


class _Connection:
    """One WebSocket. Who could send no headers, as browsers cannot, shows a key in the payload of `connection_init`.

    An operation counts as a request, and the connection ends when its key is revoked.
    """

    def __init__(self, decide: Decide, outcomes: Outcomes, scope: Scope, receive: Receive, send: Send) -> None:
        self._decide = decide
        self._outcomes = outcomes
        self._scope, self._receive, self._send = scope, receive, send
        self._shown: Mapping[str, str] | None = None
        self._closed = False

    async def serve(self, app: ASGIApp) -> None:
        if shown := shown_by(record_of(self._scope).head):
            try:
                self._let_in(shown)
            except Refused as refusal:
                await deny(self._scope, self._receive, self._send, refusal, FORBIDDEN)
                return
        await app(self._scope, self._next, self._pass)

    def _let_in(self, shown: Mapping[str, str]) -> None:
        self._decide.caller(shown, record_of(self._scope))
        self._shown = shown

    async def _next(self) -> Message:
        """The next message that the app may see."""
        while True:
            message = await self._receive()
            if message["type"] != "websocket.receive":
                return message
            told = _parsed(message.get("text"))
            try:
                if told.get("type") == "connection_init" and self._shown is None:
                    self._let_in(_lower(told.get("payload")))
                elif told.get("type") == "subscribe" and self._shown is not None:
                    await self._decide.count(self._decide.caller(self._shown, record_of(self._scope)))
            except Refused as refusal:
                if refusal.status == 429:
                    await self._refuse(told.get("id"), refusal)
                    continue
                await self._close()
                return {"type": "websocket.disconnect", "code": FORBIDDEN}
            if self._shown is None and told.get("type") not in ("ping", "pong"):
                await self._close()
                return {"type": "websocket.disconnect", "code": FORBIDDEN}
            return message

    async def _refuse(self, id: Any, refusal: Refused) -> None:
        known = record_of(self._scope)
        record = Record(known.request_id, client=known.client, protocol="websocket")
        errors = [refusal.told]
        sign(errors, record)
        self._outcomes.tell(record, record.outcome, 0.0)
        text = orjson.dumps({"id": id, "type": "error", "payload": errors}).decode()
        await self._pass({"type": "websocket.send", "text": text})

    async def _pass(self, message: Message) -> None:
        """What the app sends, as long as the key is good."""
        if message["type"] == "websocket.send" and self._shown is not None and not self._decide.still(self._shown):
            await self._close()
        elif not self._closed:
            self._closed = message["type"] == "websocket.close"
            await self._send(message)

    async def _close(self) -> None:
        if not self._closed:
            self._closed = True
            await self._send({"type": "websocket.close", "code": FORBIDDEN, "reason": "Forbidden"})


def _parsed(text: Any) -> dict[str, Any]:
    try:
        found = orjson.loads(text)
    except (ValueError, TypeError):
        return {}
    return found if isinstance(found, dict) else {}


def _lower(payload: Any) -> Mapping[str, str]:
    shown = payload.items() if isinstance(payload, dict) else ()
    return {name.lower(): value for name, value in shown if isinstance(value, str)}
