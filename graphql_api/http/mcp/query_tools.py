"""The MCP tools for queries of an agent's own: search the schema, validate a query, execute it."""

import logging
from collections.abc import Mapping
from time import perf_counter
from typing import Any, NamedTuple, cast

from graphql import GraphQLSchema

from graphql_api.errors import BadUserInput
from graphql_api.execution.operations import Refused
from graphql_api.http.graphql import Endpoint, HTTPError, OperationRequest
from graphql_api.http.graphql.response import add_request_id
from graphql_api.http.mcp.schema_search import SchemaSearch
from graphql_api.http.mcp.tools import JSONSchema
from graphql_api.observability.operation_log import OperationLog
from graphql_api.observability.request_context import RequestContext, new_id

JSONObject = dict[str, object]

MAX_TEXT_CHARS = 200
"""Maximum number of characters of a search text."""
DEFAULT_MATCHES, MAX_MATCHES = 10, 50

_QUERY: dict[str, JSONSchema] = {
    "query": {"type": "string", "description": "A GraphQL document with a query."},
    "variables": {"type": "object", "description": "The values of its variables by name."},
    "operationName": {"type": "string", "description": "The operation to use, if the document has several."},
}


class QueryTool(NamedTuple):
    """A tool: its name, what it does, and a JSON Schema of its arguments."""

    name: str
    about: str
    arguments: JSONSchema


SEARCH_SCHEMA = QueryTool(
    "search_schema",
    "Find types, fields, arguments and enum values of the GraphQL schema by words in their names and descriptions. Use it before "
    "you write a query of your own.",
    {
        "type": "object",
        "properties": {
            "text": {"type": "string", "description": "Words in English, such as `similar profiles`."},
            "first": {
                "type": "integer",
                "description": f"Number of matches: {DEFAULT_MATCHES}, at most {MAX_MATCHES}.",
            },
        },
        "required": ["text"],
        "additionalProperties": False,
    },
)
VALIDATE = QueryTool(
    "validate",
    "Check a GraphQL query and its variables without executing it: errors say what to correct, and `cost` what it would cost.",
    {"type": "object", "properties": _QUERY, "required": ["query"], "additionalProperties": False},
)
EXECUTE = QueryTool(
    "execute",
    "Execute a GraphQL query of your own. It has the limits of /graphql: use pages of 20 items, and few nested lists.",
    {"type": "object", "properties": _QUERY, "required": ["query"], "additionalProperties": False},
)
_TYPES: dict[str, type] = {"string": str, "integer": int, "object": dict}


def checked(tool: QueryTool, arguments: Mapping[str, object]) -> JSONObject:
    """The arguments that are not null; raises BadUserInput if one is missing, unknown or of another type."""
    properties = tool.arguments["properties"]
    if unknown := sorted(arguments.keys() - properties.keys()):
        raise BadUserInput(f"{tool.name} does not take {', '.join(unknown)[:100]}; it takes {', '.join(properties)}.")
    for name, schema in properties.items():
        value = arguments.get(name)
        if value is None and name in tool.arguments["required"]:
            raise BadUserInput(f"{tool.name} needs `{name}`.")
        if value is not None and (not isinstance(value, _TYPES[schema["type"]]) or isinstance(value, bool)):
            raise BadUserInput(f"`{name}` must be of type {schema['type']}.")
    return {name: value for name, value in arguments.items() if value is not None}


def searched(search: SchemaSearch, arguments: Mapping[str, object]) -> JSONObject:
    """The result of `search_schema`. Raises BadUserInput."""
    values = checked(SEARCH_SCHEMA, arguments)
    text, first = str(values["text"]), cast(int, values.get("first", DEFAULT_MATCHES))
    if not 1 <= len(text) <= MAX_TEXT_CHARS:
        raise BadUserInput(f"`text` must have 1 to {MAX_TEXT_CHARS} characters.")
    if not 1 <= first <= MAX_MATCHES:
        raise BadUserInput(f"`first` must be between 1 and {MAX_MATCHES}.")
    matches = search.matches(text)
    return {"data": {"totalCount": len(matches), "matches": [match._asdict() for match in matches[:first]]}}


async def validated(endpoint: Endpoint, log: OperationLog, arguments: Mapping[str, object]) -> JSONObject:
    """The result of `validate`; the validation is logged, without the query. Raises BadUserInput."""
    values = cast(dict[str, Any], checked(VALIDATE, arguments))
    record, started_at = RequestContext(new_id()), perf_counter()
    operation = OperationRequest(values["query"], values.get("variables"), values.get("operationName"))
    try:
        request = endpoint.request_for(operation, (), record, endpoint.operation_timeout, is_post=True)
        result = await endpoint.engine.validate(request)
        errors = result.errors if isinstance(result, Refused) else []
    except HTTPError as refusal:  # an unknown document where only trusted ones are allowed
        errors = [refusal.as_dict]
    add_request_id(errors, record)
    outcome = "refused" if errors else "ok"
    log.log_request(logging.INFO, "MCP", VALIDATE.name, record, outcome, perf_counter() - started_at, None)
    return {"data": {"isValid": not errors, "cost": record.cost, "allowed": record.cost_allowed, "errors": errors}}


def query_tools(schema: GraphQLSchema, introspection: bool) -> dict[str, QueryTool]:
    """The tools by name; without introspection, the schema cannot be searched."""
    tools = (SEARCH_SCHEMA, VALIDATE, EXECUTE) if introspection else (VALIDATE, EXECUTE)
    return {tool.name: tool for tool in tools}
