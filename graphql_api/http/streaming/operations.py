"""The running operations of one WebSocket, by the ids that the client chose."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from contextlib import aclosing
from uuid import uuid4

from starlette.types import Scope
from starlette.websockets import WebSocketDisconnect

from graphql_api.asyncio_tools import cancel_and_wait
from graphql_api.execution.operations import Refused
from graphql_api.http.graphql import HTTPError, InternalError
from graphql_api.http.graphql.request import from_object
from graphql_api.http.streaming.executor import StreamingExecutor, error_of, observe, payload_of
from graphql_api.observability.operation_log import OperationLog
from graphql_api.observability.request_context import RequestContext, record_of
from graphql_api.schema.types.text import Language

log = logging.getLogger(__name__)

Send = Callable[[Mapping[str, object]], Awaitable[None]]


class IdInUse(Exception):
    """An operation with this id is still running."""


class Operations:
    """Starts and ends operations.

    An id can be reused as soon as the client or the server has ended its operation. Messages are sent only for the operation
    that holds the id, so none follows the end of an operation. `admit` is called before each operation; it raises HTTPError if
    the client's quota is used up, or its key is no longer valid.
    """

    def __init__(
        self,
        scope: Scope,
        executor: StreamingExecutor,
        operation_log: OperationLog,
        languages: tuple[Language, ...],
        max_operations: int,
        send: Send,
        admit: Callable[[RequestContext], Awaitable[None]],
    ) -> None:
        self._scope = scope
        self._executor = executor
        self._operation_log = operation_log
        self._languages = languages
        self._max_operations = max_operations
        self._send = send
        self._admit = admit
        self._by_id: dict[str, asyncio.Task[None]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self.last_end = 0.0
        """When the last operation ended, by the event loop's clock."""

    @property
    def any(self) -> bool:
        """Whether an operation is running."""
        return bool(self._by_id)

    async def start(self, id: str, payload: object) -> None:
        """Run an operation in its own task; raises IdInUse if its id is in use. Over the limit, the client gets an error."""
        if id in self._by_id:
            raise IdInUse
        if len(self._by_id) >= self._max_operations:
            await self._refuse(id)
            return
        while len(self._tasks) >= 2 * self._max_operations:  # completed by the client, but not yet ended
            await asyncio.wait(self._tasks, return_when=asyncio.FIRST_COMPLETED)
        task = asyncio.create_task(self._run(id, payload))
        self._by_id[id] = task
        self._tasks.add(task)
        task.add_done_callback(lambda task: self._ended(id, task))

    def complete(self, id: str) -> None:
        """End an operation at the client's request; unknown ids are ignored, as the operation may just have ended."""
        if task := self._by_id.pop(id, None):
            task.cancel()

    async def end(self) -> None:
        """Cancel all operations and wait for them to end."""
        self._by_id.clear()
        await cancel_and_wait(list(self._tasks))

    def _ended(self, id: str, task: "asyncio.Task[None]") -> None:
        self._tasks.discard(task)
        self.last_end = task.get_loop().time()
        if self._by_id.get(id) is task:
            del self._by_id[id]

    async def _refuse(self, id: str) -> None:
        record = self._record()
        with observe(record, self._operation_log):
            refusal = HTTPError(
                429,
                f"At most {self._max_operations} operations may run at the same time on one connection; complete one first.",
                "RATE_LIMITED",
            )
            await self._send({"id": id, "type": "error", "payload": [error_of(refusal, record)]})

    async def _run(self, id: str, payload: object) -> None:
        record = self._record()
        with observe(record, self._operation_log):
            try:
                await self._respond(id, payload, record)
            except HTTPError as refusal:
                await self._finish(id, {"type": "error", "payload": [error_of(refusal, record)]})
            except WebSocketDisconnect:
                record.forced_outcome = "cancelled"
            except Exception:
                log.exception("unexpected error in request %s", record.request_id)
                await self._finish(id, {"type": "error", "payload": [error_of(InternalError(), record)]})

    async def _respond(self, id: str, payload: object, record: RequestContext) -> None:
        await self._admit(record)
        responses = self._executor.responses(from_object(payload), self._languages, record)
        async with aclosing(responses):
            async for response in responses:
                body = payload_of(response, record)
                if isinstance(response, Refused):
                    await self._finish(id, {"type": "error", "payload": body["errors"]})
                    return
                if self._holds(id):
                    await self._send({"id": id, "type": "next", "payload": body})
        await self._finish(id, {"type": "complete"})

    def _holds(self, id: str) -> bool:
        return self._by_id.get(id) is asyncio.current_task()

    async def _finish(self, id: str, message: Mapping[str, object]) -> None:
        """Send the last message of an operation; frees the id first, because the client may reuse it immediately."""
        if self._holds(id):
            del self._by_id[id]
            await self._send({"id": id, **message})

    def _record(self) -> RequestContext:
        """A RequestContext for one operation, with its own request id and the client of this connection."""
        connection, request_id = record_of(self._scope), uuid4().hex
        fetch_context = connection.fetch_context.renewed()
        fetch_context.headers = {**fetch_context.headers, "X-Request-ID": request_id}
        return RequestContext(
            request_id,
            client=connection.client,
            address=connection.address,
            protocol="websocket",
            fetch_context=fetch_context,
        )
