"""Authentication of WebSockets: by a header or, as browsers cannot set headers, by the `connection_init` payload."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

from starlette.types import Scope

from graphql_api.http.auth.authenticators import MultipleCredentials, credentials_in, credentials_in_payload
from graphql_api.http.auth.policy import AccessPolicy
from graphql_api.http.forwarded import network_of
from graphql_api.http.graphql import HTTPError
from graphql_api.observability.request_context import RequestContext, record_of


class WebSocketAuth:
    """The hooks of one connection. Each of its operations counts as a request; it is closed when its key is revoked."""

    def __init__(self, policy: AccessPolicy, scope: Scope) -> None:
        self._policy = policy
        self._scope = scope
        self._record = record_of(scope)
        self._credentials: Mapping[str, str] = {}

    async def on_handshake(self) -> None:
        """Check the credentials in the headers, if there are any."""
        async with self._slowing_down():
            if credentials := credentials_in(self._scope):
                self._authenticate(credentials)

    async def on_ws_connect(self, payload: Mapping[str, object]) -> None:
        """Check the credentials in the payload, or those in the headers; there must be some, and not in both."""
        async with self._slowing_down():
            credentials = credentials_in_payload(payload)
            if credentials and self._credentials:
                raise MultipleCredentials
            self._authenticate(credentials or self._credentials)

    async def on_early_message(self) -> None:
        """Check the credentials in the headers."""
        async with self._slowing_down():
            self._authenticate(self._credentials)

    async def on_operation(self, record: RequestContext) -> None:
        """Count an operation; raises HTTPError if the key is no longer valid or its quota is used up."""
        await self._policy.admit(self._policy.authenticate(self._credentials, self._record), record)

    def check_response(self) -> None:
        """Raises HTTPError if the key is no longer valid."""
        if self._credentials and not self._policy.is_valid(self._credentials):
            raise HTTPError(401, "Unknown or revoked key.")

    def _authenticate(self, credentials: Mapping[str, str]) -> None:
        self._policy.authenticate(credentials, self._record)
        self._credentials = credentials

    @asynccontextmanager
    async def _slowing_down(self) -> AsyncIterator[None]:
        try:
            yield
        except HTTPError as refusal:
            raise await self._policy.wrong_keys.refusal(refusal, network_of(self._scope)) from None
