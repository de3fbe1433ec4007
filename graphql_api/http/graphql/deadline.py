"""How long an operation may take: the server's bound, or less where the client asks for less."""

import math

from graphql_api.http.graphql.errors import HTTPError
from graphql_api.observability.request_context import Head


def seconds_for(head: Head, most: float) -> float:
    """Seconds for an operation whose client sent this head: `X-Competent-Timeout`, and at most `most`."""
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
