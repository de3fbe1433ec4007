"""Formats errors for clients: with a code, bounded in length, and without internal details.

GraphQL error messages quote the client's text, whatever its length, and an error can have hundreds of locations.
"""

import logging
from typing import Any

from graphql import GraphQLError, GraphQLSyntaxError

from graphql_api.errors import CompetentError, is_unforeseen

log = logging.getLogger(__name__)

MAX_MESSAGE_CHARS = 500
"""Maximum number of characters of an error message."""
MAX_LOCATIONS = 8
"""Maximum number of locations per error."""
MAX_TRACEBACKS = 5
"""Maximum number of tracebacks logged per operation; further errors are only counted."""

ErrorDict = dict[str, Any]


def format_error(error: GraphQLError, code: str) -> ErrorDict:
    """Returns an error in response format; `code` is the default for errors without a code."""
    formatted: ErrorDict = dict(error.formatted)
    formatted["message"] = shortened(formatted["message"])
    if "locations" in formatted:
        formatted["locations"] = formatted["locations"][:MAX_LOCATIONS]
    formatted["extensions"] = {"code": code} | dict(error.extensions or {})
    return formatted


def shortened(message: str, max_chars: int = MAX_MESSAGE_CHARS) -> str:
    """Returns the message, without its middle if it is longer than `max_chars` characters."""
    if len(message) <= max_chars:
        return message
    return f"{message[: max_chars * 3 // 4]} … {message[-max_chars // 4 :]}"


def format_document_error(error: GraphQLError) -> ErrorDict:
    """Format a parse or validation error of a document."""
    return format_error(
        error, "GRAPHQL_PARSE_FAILED" if isinstance(error, GraphQLSyntaxError) else "GRAPHQL_VALIDATION_FAILED"
    )


def format_execution_errors(errors: list[GraphQLError], request_id: str) -> list[ErrorDict]:
    """Format errors of fields; unexpected ones are logged with a traceback, and sent without details."""
    unexpected = [error for error in errors if is_unforeseen(error)]
    for error in unexpected[:MAX_TRACEBACKS]:
        # The error's path consists of names chosen by the client, so the field's own name is logged.
        field = getattr(error.nodes[0], "name", None) if error.nodes else None
        name = field.value if field else "?"
        log.error("unexpected error in request %s at field %s", request_id, name, exc_info=error.original_error)
    if len(unexpected) > MAX_TRACEBACKS:
        log.error("%d more unexpected errors in request %s", len(unexpected) - MAX_TRACEBACKS, request_id)
    return [_format_field_error(error) for error in errors]


def _format_field_error(error: GraphQLError) -> ErrorDict:
    if is_unforeseen(error):
        return format_error(
            GraphQLError(CompetentError.default, nodes=error.nodes, path=error.path), CompetentError.code
        )
    if isinstance(error.original_error, CompetentError):
        return format_error(error, CompetentError.code)
    return format_error(error, "BAD_USER_INPUT")  # an invalid argument, found when its field was resolved
