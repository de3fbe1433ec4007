"""The type of the answer: of the two that there are, the one that the client prefers."""

from graphql_api.endpoint.refusal import Refused

RESPONSE_JSON = "application/graphql-response+json"
JSON = "application/json"

_OFFERS = {RESPONSE_JSON: RESPONSE_JSON, JSON: JSON, "application/*": JSON, "*/*": JSON}


def negotiate(accept: str) -> str:
    """The type that an `Accept` header asks for; refused with 406 where there is none to its liking."""
    best, chosen = 0.0, ""
    for part in accept.split(","):
        media_range, *parameters = (each.strip().lower() for each in part.split(";"))
        quality = next((_quality(each[2:]) for each in parameters if each.startswith("q=")), 1.0)
        offered = _OFFERS.get(media_range)
        if offered and quality > best:
            best, chosen = quality, offered
    if not chosen:
        raise Refused(406, f"This endpoint answers in {RESPONSE_JSON} and {JSON}.")
    return chosen


def _quality(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return 0.0
