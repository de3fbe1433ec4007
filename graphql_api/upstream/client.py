"""The client of a Competent API: one document a call, within bounds of time, size and number.

Every call ends in a document that is what was asked for, or in one of our errors.
"""

import asyncio
import logging
from collections.abc import Mapping
from typing import Any

from graphql_api.errors import CompetentError, UpstreamInvalidResponse, UpstreamNotFound
from graphql_api.fetching import Asker, Fetched, Validators
from graphql_api.metrics import UPSTREAM_REQUESTS
from graphql_api.routes import Known, route_of
from graphql_api.settings import Settings
from graphql_api.upstream.body import read_object
from graphql_api.upstream.faults import our_errors, refusal
from graphql_api.upstream.transport import Client, Response

log = logging.getLogger(__name__)


NONE = Validators()

_LIST = {"_embedded", "_links", "page", "number"}
"""What a list or a release has at least one of."""


class Upstream:
    """Asks a Competent API for documents by path.

    The client carries the base, the key and the transport; this adds the bulkhead (so many calls at once), the
    deadline of a call (waiting for a place is not part of it) and the check that the answer is the document asked for.
    """

    def __init__(self, client: Client, settings: Settings) -> None:
        self._client = client
        self._places = asyncio.Semaphore(settings.upstream_concurrency)
        self._total = settings.total_timeout
        self._most = settings.document_bytes

    async def fetch(self, path: str, asker: Asker, validators: Validators = NONE) -> Fetched:
        """The document at a path of `routes.py`, or that it is as it was; raises an UpstreamError, and nothing else."""
        known = route_of(path)
        if known is None:
            raise UpstreamNotFound(detail=f"{path} is no path of the Competent API")
        async with self._places:
            try:
                fetched = await self._ask(path, known, asker.headers | _conditions(validators))
            except CompetentError as error:
                self._tell(known, error.code, path, error)
                raise
        self._tell(known, "OK", path)
        return fetched

    async def _ask(self, path: str, known: Known, headers: Mapping[str, str]) -> Fetched:
        with our_errors():
            async with asyncio.timeout(self._total), self._client.stream("GET", path, headers=headers) as response:
                if response.status_code == 304:
                    return Fetched(None, _validators(response))
                if error := refusal(response):
                    raise error
                document = await read_object(response, self._most)
        return Fetched(_checked(document, known), _validators(response))

    @staticmethod
    def _tell(known: Known, outcome: str, path: str, error: CompetentError | None = None) -> None:
        UPSTREAM_REQUESTS.labels(known.route.template, outcome).inc()
        if error is None or isinstance(error, UpstreamNotFound):
            log.debug("upstream %s %s", path, outcome)
        else:
            log.warning("upstream %s %s %s", path, outcome, error.detail)

    async def aclose(self) -> None:
        """Close the connections."""
        await self._client.aclose()


def _conditions(validators: Validators) -> dict[str, str]:
    told = {"If-None-Match": validators.etag, "If-Modified-Since": validators.last_modified}
    return {name: value for name, value in told.items() if value}


def _validators(response: Response) -> Validators:
    return Validators(response.headers.get("etag"), response.headers.get("last-modified"))


def _checked(document: dict[str, Any], known: Known) -> dict[str, Any]:
    # Error documents may come with status 200: by API Connect (httpCode) or by the service (status and error).
    if "httpCode" in document or ("error" in document and "status" in document):
        raise UpstreamInvalidResponse(detail="an error document with status 200")
    if not known.route.identified and not document.keys() & _LIST:
        raise UpstreamInvalidResponse(detail="neither a list nor a release")
    if known.route.identified and str(document.get("id")).lower() != known.uuid:
        raise UpstreamInvalidResponse(detail="a document of another id")
    return document
