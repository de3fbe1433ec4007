"""Reads a form that was sent by POST, within limits."""

from collections.abc import Mapping, Sequence
from urllib.parse import parse_qs

from starlette.requests import Request

from graphql_api.http.graphql import HTTPError
from graphql_api.http.graphql.request import read_body
from graphql_api.http.header_fields import elements
from graphql_api.observability.request_context import record_of, text_in

MAX_BYTES = 200_000
"""A text of 10,000 characters takes up to 120,000 bytes in a form."""
MAX_FIELDS = 500
_FORM = "application/x-www-form-urlencoded"


async def form_of(request: Request) -> Mapping[str, Sequence[str]]:
    """The values of a form by field; raises HTTPError if it is too large or not a form, or ClientLeft."""
    head = record_of(request.scope).head
    if [media_type.value for media_type in elements(text_in(head, b"content-type"))] != [_FORM]:
        raise HTTPError(415, f"Send a form (`{_FORM}`).")
    body = await read_body(head, request.receive, MAX_BYTES)
    try:
        return parse_qs(body.decode(errors="replace"), max_num_fields=MAX_FIELDS)
    except ValueError:
        raise HTTPError(413, f"The form has more than {MAX_FIELDS} fields.") from None
