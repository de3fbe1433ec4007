"""The running operations of one WebSocket, by the ids that the client chose."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from contextlib import aclosing
from dataclasses import replace
from typing import Any
from uuid import uuid4

from starlette.types import Scope
from starlette.websockets import WebSocketDisconnect

from graphql_api.asyncio_tools import ended
from graphql_api.http.graphql import HTTPError, InternalError
from graphql_api.http.graphql.request import from_object
from graphql_api.http.streaming.executor import StreamingExecutor
from graphql_api.http.streaming.observability import observed, payload_of, refused
from graphql_api.observability.fetch_context import FetchStats
from graphql_api.observability.operation_log import OperationLog
from graphql_api.observability.request_context import RequestContext, record_of
from graphql_api.schema.types.text import Language

log = logging.getLogger(__name__)

Send = Callable[[dict[str, Any]], Awaitable[None]]
Admit = Callable[[], Awaitable[object]]
"""Counts an operation against its client's quota; raises HTTPError if the quota is used up or the key is no longer valid."""

ADMIT = "admit_operation"
"""The key of that function in the `state` of an ASGI scope; set by the authentication middleware."""


class IdInUse(Exception):
    """An operation with this id is still running."""


class Operations:
    """Starts and ends operations. An id can be reused as soon as the client or the server has ended its operation.

    Messages are sent only for the operation that holds the id, so none follows the end of an operation.
    """

    def __init__(
        self,
        scope: Scope,
        running: StreamingExecutor,
        outcomes: OperationLog,
        languages: tuple[Language, ...],
        most: int,
        send: Send,
    ) -> None:
        self._scope = scope
        self._running = running
        self._outcomes = outcomes
        self._languages = languages
        self._most = most
        self._send = send
        self._by_id: dict[str, asyncio.Task[None]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self.last_end = 0.0
        """When the last operation ended, by the event loop's clock."""

    @property
    def any(self) -> bool:
        """Whether an operation is running."""
        return bool(self._by_id)

    async def start(self, id: str, payload: Any) -> None:
        """Run an operation in its own task; raises IdInUse if its id is in use. Over the limit, the client gets an error."""
        if id in self._by_id:
            raise IdInUse
        if len(self._by_id) >= self._most:
            await self._refuse(id)
            return
        while len(self._tasks) >= 2 * self._most:  # completed by the client, but not yet ended
            await asyncio.wait(self._tasks, return_when=asyncio.FIRST_COMPLETED)
        task = asyncio.create_task(self._run(id, payload))
        self._by_id[id] = task
        self._tasks.add(task)
        task.add_done_callback(lambda done: self._ended(id, done))

    def complete(self, id: str) -> None:
        """End an operation at the client's request; unknown ids are ignored, as the operation may just have ended."""
        if task := self._by_id.pop(id, None):
            task.cancel()

    async def end(self) -> None:
        """Cancel all operations and wait for them to end."""
        self._by_id.clear()
        await ended(list(self._tasks))

    def _ended(self, id: str, task: "asyncio.Task[None]") -> None:
        self._tasks.discard(task)
        self.last_end = task.get_loop().time()
        if self._by_id.get(id) is task:
            del self._by_id[id]

    async def _refuse(self, id: str) -> None:
        record = self._record()
        with observed(record, self._outcomes):
            refusal = HTTPError(
                429,
                f"At most {self._most} operations may run at the same time on one connection; complete one first.",
                "RATE_LIMITED",
            )
            await self._send({"id": id, "type": "error", "payload": [refused(refusal, record)]})

    async def _run(self, id: str, payload: Any) -> None:
        record = self._record()
        with observed(record, self._outcomes):
            try:
                await self._answer(id, payload, record)
            except HTTPError as refusal:
                await self._finish(id, {"type": "error", "payload": [refused(refusal, record)]})
            except WebSocketDisconnect:
                record.ended = "cancelled"
            except Exception:
                log.exception("unexpected error in request %s", record.request_id)
                await self._finish(id, {"type": "error", "payload": [refused(InternalError(), record)]})

    async def _answer(self, id: str, payload: Any, record: RequestContext) -> None:
        admit: Admit | None = self._scope["state"].get(ADMIT)
        if admit is not None:
            await admit()
        answers = self._running.answers(from_object(payload), self._languages, record)
        async with aclosing(answers):
            async for answer in answers:
                message = payload_of(answer, record)
                if not answer.executed:
                    await self._finish(id, {"type": "error", "payload": message["errors"]})
                    return
                if self._holds(id):
                    await self._send({"id": id, "type": "next", "payload": message})
        await self._finish(id, {"type": "complete"})

    def _holds(self, id: str) -> bool:
        return self._by_id.get(id) is asyncio.current_task()

    async def _finish(self, id: str, message: Mapping[str, Any]) -> None:
        """Send the last message of an operation; frees the id first, because the client may reuse it immediately."""
        if self._holds(id):
            del self._by_id[id]
            await self._send({"id": id, **message})

    def _record(self) -> RequestContext:
        """A RequestContext for one operation, with its own request id and the client of this connection."""
        known, request_id = record_of(self._scope), uuid4().hex
        headers = known.asker.headers | {"X-Request-ID": request_id}
        asker = replace(known.asker, headers=headers, tally=FetchStats())
        return RequestContext(request_id, client=known.client, address=known.address, protocol="websocket", asker=asker)
