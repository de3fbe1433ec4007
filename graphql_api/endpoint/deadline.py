"""How long an operation may take: the server's bound, or less where the client asks for less."""

import math

from graphql_api.endpoint.refusal import Refused


def seconds_for(told: str | None, most: float) -> float:
    """Seconds for an operation whose client sent this `X-Competent-Timeout`; more than `most` is taken as `most`."""
    if told is None:
        return most
    try:
        seconds = float(told)
    except ValueError:
        seconds = math.nan
    if not seconds > 0:
        raise Refused(400, "`X-Competent-Timeout` must be a number of seconds above 0, such as 2.5.")
    return min(seconds, most)
