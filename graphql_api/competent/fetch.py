"""What a fetch of a document gives: the document, and the validators of its version."""

from typing import NamedTuple

from graphql_api.competent.hal import Document


class Validators(NamedTuple):
    """What upstream told a document's version by (RFC 9110, 8.8), for asking whether it has changed."""

    etag: str | None = None
    last_modified: str | None = None


class Fetched(NamedTuple):
    """What a call upstream gave: a raw document, or None if it is unchanged under the validators that were sent.

    `values` is about how many values the document has, which says how long work on it takes.
    """

    document: Document | None
    validators: Validators = Validators()
    values: int = 0
