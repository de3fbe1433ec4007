"""The timeout of an operation: the server's, or a shorter one from the client."""

import math

from graphql_api.http.graphql.errors import HTTPError
from graphql_api.observability.request_context import Head


def seconds_for(head: Head, most: float) -> float:
    """The timeout in seconds from the `X-Competent-Timeout` header, at most `most`; raises HTTPError (400) if invalid."""
    value = head.get(b"x-competent-timeout")
    if value is None:
        return most
    try:
        seconds = float(value.decode("latin-1"))
    except ValueError:
        seconds = math.nan
    if not seconds > 0:
        raise HTTPError(400, "`X-Competent-Timeout` must be a positive number of seconds, for example 2.5.")
    return min(seconds, most)
