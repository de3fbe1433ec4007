"""The route `/export/{release}{suffix}`: streams a whole release in the format of the suffix.

A complete file or an error: 503 if documents of the release are missing. A copy that is current gets 304, by `ETag` or
`Last-Modified`; the tags are weak and the same on all servers with the same data.
"""

import asyncio
import time
from collections.abc import AsyncGenerator, Iterator
from contextlib import aclosing, contextmanager
from datetime import UTC, datetime
from email.utils import format_datetime, parsedate_to_datetime
from hashlib import blake2s

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response, StreamingResponse
from starlette.routing import Route
from starlette.types import Message, Receive, Scope, Send

from graphql_api import own_version
from graphql_api.competent.hal import is_release
from graphql_api.competent.releases import CURRENT
from graphql_api.export import (
    CSV,
    FORMATS,
    Digests,
    Format,
    Options,
    ReleaseFacts,
    export,
    release_facts,
    require_whole,
)
from graphql_api.http.export.limits import ExportLimits
from graphql_api.http.forwarded import client_name
from graphql_api.http.graphql import JSON, CachePolicy, HTTPError, error_response
from graphql_api.http.graphql.cache_control import not_modified
from graphql_api.http.header_fields import names_tag
from graphql_api.http.resources import LoadersOf, loaders_for, resource
from graphql_api.index.index import Index
from graphql_api.observability.metrics import EXPORT_BYTES, EXPORT_DURATION, EXPORTS
from graphql_api.observability.request_context import Head, RequestContext, record_of, text_in


def export_routes(loaders: LoadersOf, limits: ExportLimits, cache_policy: CachePolicy, base: str | None) -> list[Route]:
    """The route of exports; `loaders` makes those of one request.

    `base` is the absolute address of `/id/`; without it, ids of linked data are relative to the address of their file.
    """
    exports = _Exports(loaders, limits, cache_policy, base or "../id/")
    return [Route("/export/{file}", resource(exports.respond))]


class _Exports:
    """Responds to requests for exports."""

    def __init__(self, loaders: LoadersOf, limits: ExportLimits, cache_policy: CachePolicy, base: str) -> None:
        self._loaders = loaders
        self._limits = limits
        self._cache_policy = cache_policy
        self._base = base
        self._started_at = time.time()
        self._digests = Digests()

    async def respond(self, request: Request) -> Response:
        """The response. Raises HTTPError or CompetentError."""
        name, format = _parsed(request.path_params["file"])
        record = record_of(request.scope)
        with loaders_for(request, self._loaders) as loaders:  # the export itself has no timeout
            number = await loaders.release_number(name)
            if name == CURRENT:
                return self._redirect(number, format, request.url.query)
            index = await loaders.index(number)
            require_whole(index, number)
            release = await release_facts(loaders, number)
        options = Options(_has_bom(request, format), self._base, loaders.supplements.mappings)
        headers = await self._headers(index, release, f"{format.name} {options.version}")
        if _is_current(record.head, headers):
            return not_modified(headers)
        headers["Content-Disposition"] = f'attachment; filename="competent-{number}{format.suffix}"'
        if request.method == "HEAD":
            return StreamingResponse(_nothing(), headers=headers, media_type=format.media_type)
        client = client_name(request.scope, record)
        pieces = export(index, release, format, options)
        return _ExportResponse(pieces, headers, format, self._limits, client)

    def _redirect(self, number: str, format: Format, query: str) -> Response:
        headers = {"Cache-Control": f"public, max-age={int(self._cache_policy.current)}"}
        return RedirectResponse(f"{number}{format.suffix}{'?' if query else ''}{query}", 302, headers)

    async def _headers(self, index: Index, release: ReleaseFacts, form: str) -> dict[str, str]:
        data = await self._digests.get(index, release)
        changed_at = max(index.written_at, self._started_at)  # settings, such as the licence, change with a start
        tag = blake2s(f"{data} {form} {own_version()}".encode(), digest_size=12).hexdigest()
        return {
            "ETag": f'W/"{tag}"',
            "Last-Modified": format_datetime(datetime.fromtimestamp(int(changed_at), UTC), usegmt=True),
            "Cache-Control": f"private, max-age={int(self._cache_policy.release)}",
        }


class _ExportResponse(StreamingResponse):
    """Streams an export within the limits; takes its place only when it is sent."""

    def __init__(
        self,
        pieces: AsyncGenerator[bytes],
        headers: dict[str, str],
        format: Format,
        limits: ExportLimits,
        client: str,
    ) -> None:
        super().__init__(pieces, headers=headers, media_type=format.media_type)
        self._pieces = pieces
        self._format = format.name
        self._limits = limits
        self._client = client

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        paced = self._limits.paced(send)
        try:
            with self._limits.admit(self._client), _counted(self._format, paced, record_of(scope)) as counted_send:
                async with aclosing(self._pieces):
                    await super().__call__(scope, receive, counted_send)
        except HTTPError as refusal:
            EXPORTS.labels(self._format, "rejected").inc()
            await error_response(refusal, JSON, record_of(scope))(scope, receive, send)


@contextmanager
def _counted(format: str, send: Send, record: RequestContext) -> Iterator[Send]:
    """A `send` for one export; at the end of the block, an export that is not complete counts as cut."""
    loop, is_complete = asyncio.get_running_loop(), False
    started_at, byte_counter = loop.time(), EXPORT_BYTES.labels(format)

    async def send_counted(message: Message) -> None:
        nonlocal is_complete
        size = len(message.get("body", b""))  # before compression, which changes the message
        await send(message)
        byte_counter.inc(size)
        is_complete = message["type"] == "http.response.body" and not message.get("more_body", False)

    try:
        yield send_counted
    finally:
        if not is_complete:
            record.forced_outcome = "cancelled"
        EXPORTS.labels(format, "complete" if is_complete else "cut").inc()
        EXPORT_DURATION.labels(format).observe(loop.time() - started_at)


def _parsed(file: str) -> tuple[str, Format]:
    for format in FORMATS:
        release = file.removesuffix(format.suffix)
        if release != file and is_release(release):
            return release, format
    suffixes = ", ".join(format.suffix for format in FORMATS)
    raise HTTPError(404, f"Not found. Exports are at /export/RELEASE followed by one of {suffixes}.")


def _has_bom(request: Request, format: Format) -> bool:
    """The parameter `bom`: whether CSV files begin with a byte order mark. Raises HTTPError."""
    value = request.query_params.get("bom", "false")
    if value not in ("true", "false") or (value == "true" and format is not CSV):
        raise HTTPError(400, "`bom` must be true or false, and is for CSV only.")
    return value == "true"


def _is_current(head: Head, headers: dict[str, str]) -> bool:
    """Whether the client's copy is current (RFC 9110, 13.1): by its tag or, without one, by its time."""
    if b"if-none-match" in head:
        return names_tag(text_in(head, b"if-none-match"), headers["ETag"])
    try:
        since = parsedate_to_datetime(text_in(head, b"if-modified-since"))
        return parsedate_to_datetime(headers["Last-Modified"]) <= since
    except (ValueError, TypeError):
        return False


async def _nothing() -> AsyncGenerator[bytes]:
    return
    yield
