"""The result of fetching a document: the document and its validators."""

from typing import NamedTuple

from graphql_api.competent.hal import Document


class Validators(NamedTuple):
    """The ETag and Last-Modified of a response (RFC 9110, 8.8), for conditional requests."""

    etag: str | None = None
    last_modified: str | None = None


class Fetched(NamedTuple):
    """The result of an upstream call: a raw document, or None if it is unchanged (status 304).

    `values` is the approximate number of values in the document, to estimate how long processing takes, and `size` the size of
    its JSON text in bytes.
    """

    document: Document | None
    validators: Validators = Validators()
    values: int = 0
    size: int = 0
