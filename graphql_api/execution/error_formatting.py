"""Errors of an operation as a client is told of them: with a code, bounded in length, and without anything from inside.

Messages of GraphQL quote what the client wrote, however long that was; and an error can point at hundreds of places.
"""

import logging
from typing import Any

from graphql import GraphQLError, GraphQLSyntaxError

from graphql_api.errors import CompetentError, is_unforeseen

log = logging.getLogger(__name__)

LETTERS = 500
"""Longest message of an error."""
PLACES = 8
"""Most places in the document that an error points at."""
TRACES = 5
"""Traces that are logged for one operation; what else went wrong is counted."""

Told = dict[str, Any]


class FormattedError(GraphQLError):
    """What was told of an error, as an error again, for those who take nothing else."""

    def __init__(self, told: Told) -> None:
        super().__init__(told["message"], extensions=told["extensions"])
        self._told = told

    @property
    def formatted(self) -> Any:
        """As it was told."""
        return self._told


def format_error(error: GraphQLError, code: str) -> Told:
    """An error as it goes into the answer; `code` is for those that have none of their own."""
    found: Told = dict(error.formatted)
    found["message"] = shortened(found["message"])
    if "locations" in found:
        found["locations"] = found["locations"][:PLACES]
    found["extensions"] = {"code": code} | dict(error.extensions or {})
    return found


def shortened(message: str, longest: int = LETTERS) -> str:
    """A message whose middle is left out where it is longer than anybody reads."""
    if len(message) <= longest:
        return message
    return f"{message[: longest * 3 // 4]} … {message[-longest // 4 :]}"


def format_document_error(error: GraphQLError) -> Told:
    """What is wrong with a document."""
    return format_error(
        error, "GRAPHQL_PARSE_FAILED" if isinstance(error, GraphQLSyntaxError) else "GRAPHQL_VALIDATION_FAILED"
    )


def format_execution_error(errors: list[GraphQLError], request_id: str) -> list[Told]:
    """What went wrong with fields; what nobody foresaw is logged with its trace, and told without."""
    unforeseen = [each for each in errors if is_unforeseen(each)]
    for each in unforeseen[:TRACES]:
        # The path of an error is made of names that the client chose; the field's own says as much.
        field = getattr(each.nodes[0], "name", None) if each.nodes else None
        name = field.value if field else "?"
        log.error("unexpected error in request %s at field %s", request_id, name, exc_info=each.original_error)
    if len(unforeseen) > TRACES:
        log.error("%d more unexpected errors in request %s", len(unforeseen) - TRACES, request_id)
    return [_told_of_field(each) for each in errors]


def _told_of_field(error: GraphQLError) -> Told:
    if is_unforeseen(error):
        return format_error(
            GraphQLError(CompetentError.default, nodes=error.nodes, path=error.path), CompetentError.code
        )
    if isinstance(error.original_error, CompetentError):
        return format_error(error, CompetentError.code)
    return format_error(error, "BAD_USER_INPUT")  # an argument that does not fit, found when its field was resolved
