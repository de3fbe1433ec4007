"""Why an operation is left to graphql-core."""

from typing import NoReturn

from graphql import GraphQLError

from graphql_api.errors import BadUserInput, CompetentError


class Fallback(Exception):
    """A compiled query cannot give the result; graphql-core has to execute the operation. `field` is `Type.field`, if known."""

    def __init__(self, reason: str, field: str = "") -> None:
        super().__init__(f"{reason}: {field}")
        self.reason = reason
        self.field = field


def fallback_of(error: Exception) -> Fallback:
    """Returns the reason for an exception that a resolver raised; `error` is a fault of this server."""
    match error:
        case Fallback():
            return error
        case BadUserInput() | GraphQLError():
            return Fallback("input")
        case CompetentError():
            return Fallback("upstream")
        case _:
            return Fallback("error")


def listed(values: object, field: str) -> list[object] | tuple[object, ...]:
    """Returns the values of a list; raises Fallback for anything else."""
    if not isinstance(values, list | tuple):
        raise Fallback("value", field)
    return values


def odd(value: object, field: str) -> NoReturn:
    """Raises the exception that stands in place of a value, or Fallback for a value of another type than that of its field."""
    raise value if isinstance(value, Exception) else Fallback("value", field)
