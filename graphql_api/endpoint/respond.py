"""The endpoint itself: a request in, a response out, whatever comes in."""

import asyncio
from collections.abc import Callable

from starlette.requests import Request
from starlette.responses import Response

from graphql_api.endpoint.answer import answered, refused
from graphql_api.endpoint.context import Context
from graphql_api.endpoint.deadline import seconds_for
from graphql_api.endpoint.negotiation import JSON, negotiate
from graphql_api.endpoint.operation import Operation, operation_of
from graphql_api.endpoint.refusal import Refused
from graphql_api.fetching import Asker
from graphql_api.loaders import Loaders
from graphql_api.record import Record, record_of
from graphql_api.schema import Answer, CompetentSchema
from graphql_api.types.text import accepted


class Endpoint:
    """Answers GET and POST on `/graphql`."""

    def __init__(
        self,
        schema: CompetentSchema,
        make_loaders: Callable[[Asker], Loaders],
        max_body_bytes: int,
        operation_timeout: float,
    ) -> None:
        self._schema = schema
        self._make_loaders = make_loaders
        self._max_body_bytes = max_body_bytes
        self._operation_timeout = operation_timeout

    async def respond(self, request: Request) -> Response:
        """The answer to a request."""
        record = record_of(request.scope)
        media_type = JSON
        try:
            media_type = negotiate(request.headers.get("accept", "*/*"))
            answer = await self._answer(await operation_of(request, self._max_body_bytes), request, record)
        except Refused as refusal:
            return refused(refusal, media_type, record)
        return answered(answer, media_type, record, explain=request.headers.get("x-competent-explain") == "1")

    async def _answer(self, operation: Operation, request: Request, record: Record) -> Answer:
        seconds = seconds_for(request.headers.get("x-competent-timeout"), self._operation_timeout)
        record.asker = Asker(
            deadline=asyncio.get_running_loop().time() + seconds, headers=record.asker.headers, tally=record.asker.tally
        )
        record.texts = {"query": operation.query, "variables": operation.variables}
        languages = accepted(request.headers.get("accept-language", ""))
        context = Context(self._make_loaders(record.asker), languages, record)
        return await self._schema.answer(operation.query, operation.variables, operation.operation_name, context)
