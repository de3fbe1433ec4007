"""The custom scalars, each with the URL of its specification."""

from datetime import date, datetime
from uuid import UUID

import strawberry
from strawberry.types.scalar import ScalarDefinition

from graphql_api.competent.values import as_uuid
from graphql_api.errors import BadUserInput


def _uuid(value: object) -> UUID:
    uuid = as_uuid(value)
    if uuid is None:
        raise BadUserInput("Invalid UUID; expected a form such as 8c15a1bf-9699-43ae-b890-f79ac3e5f461.")
    return uuid


SCALARS: dict[object, ScalarDefinition] = {
    UUID: strawberry.scalar(
        name="UUID",
        description="A UUID of 36 characters (RFC 9562).",
        specified_by_url="https://www.rfc-editor.org/rfc/rfc9562",
        serialize=str,
        parse_value=_uuid,
    ),
    datetime: strawberry.scalar(
        name="DateTime",
        description="A date and time with an offset from UTC (RFC 3339).",
        specified_by_url="https://scalars.graphql.org/andimarek/date-time.html",
        serialize=datetime.isoformat,
        parse_value=datetime.fromisoformat,
    ),
    date: strawberry.scalar(
        name="Date",
        description="A day in ISO 8601, such as `2026-06-25`.",
        specified_by_url="https://scalars.graphql.org/andimarek/local-date.html",
        serialize=date.isoformat,
        parse_value=date.fromisoformat,
    ),
}
