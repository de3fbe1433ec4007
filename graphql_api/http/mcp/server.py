"""A Model Context Protocol server: the example operations as tools, and tools for queries of an agent's own.

Tools send ordinary requests to `/graphql` in this process, so the same limits, logs and error codes apply. A quota of cost counts
their operations for the client of the server.

Source: https://modelcontextprotocol.io/specification; the official `mcp` library implements the protocol.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from contextvars import ContextVar
from typing import Any

import httpx
import mcp_types as types
from mcp.server import Server
from mcp.server.context import CallNext, HandlerResult, ServerRequestContext
from mcp.server.stdio import stdio_server
from mcp.shared.exceptions import MCPError
from pydantic import ValidationError
from starlette.applications import Starlette
from starlette.requests import HTTPConnection
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from graphql_api import NAME, own_version
from graphql_api.errors import BadUserInput
from graphql_api.execution.error_formatting import shortened
from graphql_api.execution.schema import build_schema
from graphql_api.http.graphql import JSON, Endpoint, HTTPError, error_response
from graphql_api.http.graphql.request import read_body
from graphql_api.http.mcp.query_tools import EXECUTE, SEARCH_SCHEMA, VALIDATE, checked, query_tools, searched, validated
from graphql_api.http.mcp.schema_search import SchemaSearch
from graphql_api.http.mcp.tools import MAX_QUOTED_CHARS, RESULT_SCHEMA, JSONSchema, operations
from graphql_api.http.pages.home import ABOUT
from graphql_api.observability.request_context import record_of

JSONObject = dict[str, object]
Post = Callable[[JSONObject, str], Awaitable[JSONObject]]
"""Sends a request to `/graphql` with an `Accept-Language`, which may be empty, and returns the response."""

INSTRUCTIONS = (
    f"{ABOUT} Every tool is one read-only GraphQL query; for others, `search_schema` finds fields, `validate` checks a query and "
    "says its cost, and `execute` runs it. Take codes, uuids and ids from responses, and never invent them. Null without an "
    "error means that the concept does not exist; `errors[].extensions.code` says what went wrong, and `retryAfter` how many "
    "seconds to wait. Find concepts with Search or Suggest first, in any of the four languages."
)
TIMEOUT = 60.0
"""Timeout of a tool call in seconds; the server's own deadlines are far shorter."""


_charge: ContextVar[Callable[[int], Awaitable[None]] | None] = ContextVar("charge", default=None)
"""Counts the cost of the operation of a tool for the quota of the client that calls it."""


def create_mcp(app: Starlette, languages: str = "") -> "Server[Post]":
    """The MCP server for a GraphQL app; `languages` is an `Accept-Language` for texts without an explicit language."""
    schema = build_schema().core_schema
    offered = operations(schema)
    endpoint: Endpoint = app.state.endpoint
    own_tools = query_tools(schema, endpoint.engine.documents.introspection)
    search = SchemaSearch(schema)

    @asynccontextmanager
    async def lifespan(_: "Server[Post]") -> AsyncIterator[Post]:
        transport = httpx.ASGITransport(_charging(app), raise_app_exceptions=False)
        async with (
            app.router.lifespan_context(app),
            httpx.AsyncClient(transport=transport, base_url="http://mcp.invalid", timeout=TIMEOUT) as client,
        ):

            async def post(body: JSONObject, accepted: str) -> JSONObject:
                headers = {"Accept-Language": accepted or languages}
                response: JSONObject = (await client.post("/graphql", json=body, headers=headers)).json()
                return response

            yield post

    async def list_tools(_: ServerRequestContext[Post], __: object) -> types.ListToolsResult:
        tools = [_tool(operation.name, operation.about, operation.arguments) for operation in offered.values()]
        return types.ListToolsResult(tools=[*tools, *(_tool(*tool) for tool in own_tools.values())])

    async def call_tool(context: ServerRequestContext[Post], call: types.CallToolRequestParams) -> types.CallToolResult:
        post, arguments = context.lifespan_context, call.arguments or {}
        if isinstance(context.request, HTTPConnection):
            _charge.set(record_of(context.request.scope).charge)
        try:
            return _result(await run(post, call.name, arguments))
        except BadUserInput as error:
            return _result({"errors": [{"message": str(error), "extensions": {"code": error.code}}]})

    async def run(post: Post, name: str, arguments: JSONObject) -> JSONObject:
        if operation := offered.get(name):
            variables, accepted = operation.split(arguments)
            return await post({"query": operation.query, "variables": variables, "operationName": name}, accepted)
        if name not in own_tools:
            names = ", ".join((*offered, *own_tools))
            raise MCPError(
                types.INVALID_PARAMS, f"There is no tool {shortened(name, MAX_QUOTED_CHARS)!r}; the tools are {names}."
            )
        if name == SEARCH_SCHEMA.name:
            return await asyncio.to_thread(searched, search, arguments)
        if name == VALIDATE.name:
            return await validated(endpoint, app.state.operation_log, arguments)
        return await post(checked(EXECUTE, arguments), "")

    server: Server[Post] = Server(
        NAME,
        version=own_version(),
        instructions=INSTRUCTIONS,
        lifespan=lifespan,
        on_list_tools=list_tools,
        on_call_tool=call_tool,
    )
    server.middleware.append(_short_errors)
    return server


def _charging(app: ASGIApp) -> ASGIApp:
    """The app with the quota of the client whose tool calls it."""

    async def call(scope: Scope, receive: Receive, send: Send) -> None:
        record_of(scope).charge = _charge.get()
        await app(scope, receive, send)

    return call


async def _short_errors(ctx: ServerRequestContext[Any, Any], call_next: CallNext) -> HandlerResult:
    """Shortens protocol errors, in which the library quotes all that the client sent."""
    try:
        return await call_next(ctx)
    except MCPError as error:
        data = shortened(error.data, MAX_QUOTED_CHARS) if isinstance(error.data, str) else None
        raise MCPError(error.code, shortened(error.message), data) from None


class CheckedBodies:
    """ASGI middleware that refuses HTTP bodies that are too large or not JSON-RPC, with a short error.

    The library reads bodies of any size, and its validation errors quote the body.
    """

    def __init__(self, app: ASGIApp, max_bytes: int) -> None:
        self._app = app
        self._max_bytes = max_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Read and check the body of a POST, then pass the request on."""
        if scope["type"] != "http" or scope["method"] != "POST":
            await self._app(scope, receive, send)
            return
        record = record_of(scope)
        try:
            body = await read_body(record.head, receive, self._max_bytes)
        except HTTPError as refusal:
            await error_response(refusal, JSON, record)(scope, receive, send)
            return
        if (error := _error_in(body)) is not None:
            response = {"jsonrpc": "2.0", "id": None, "error": error.model_dump(exclude_none=True)}
            await JSONResponse(response, status_code=400)(scope, receive, send)
            return
        messages: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

        async def read() -> Message:
            return messages.pop() if messages else await receive()

        await self._app(scope, read, send)


def _error_in(body: bytes) -> types.ErrorData | None:
    try:
        types.jsonrpc_message_adapter.validate_python(json.loads(body), by_name=False)
    except ValidationError:
        return types.ErrorData(code=types.INVALID_REQUEST, message="The body is not a JSON-RPC 2.0 message.")
    except (ValueError, RecursionError):
        return types.ErrorData(code=types.PARSE_ERROR, message="The body is not JSON.")
    return None


async def serve_stdio(server: "Server[Post]") -> None:
    """Serve one client on standard input and output until it disconnects."""
    async with stdio_server() as (incoming, outgoing):
        await server.run(incoming, outgoing, server.create_initialization_options())


def _tool(name: str, about: str, arguments: JSONSchema) -> types.Tool:
    return types.Tool(
        name=name,
        description=about,
        input_schema=dict(arguments),
        output_schema=RESULT_SCHEMA,
        annotations=types.ToolAnnotations(read_only_hint=True, idempotent_hint=True, open_world_hint=False),
    )


def _result(response: JSONObject) -> types.CallToolResult:
    text = json.dumps(response, ensure_ascii=False)
    data = response.get("data")
    has_data = isinstance(data, dict) and any(value is not None for value in data.values())
    return types.CallToolResult(
        content=[types.TextContent(text=text)],
        structured_content=response,
        is_error="errors" in response and not has_data,  # data returned together with errors is valid
    )
