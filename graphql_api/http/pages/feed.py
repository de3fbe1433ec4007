"""`/releases.atom`: an Atom feed (RFC 4287) with an entry for each of the newest releases and the numbers of its changes.

Ids and times of entries do not depend on the server or on its address. Without a public address, links are relative to the feed.
"""

import asyncio
import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from typing import NamedTuple
from uuid import UUID, uuid5
from xml.etree.ElementTree import Element, SubElement, tostring

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from graphql_api import NAME, own_version
from graphql_api.competent.declarations import ConceptType
from graphql_api.errors import CompetentError
from graphql_api.export import NDJSON, ReleaseFacts, release_facts
from graphql_api.http.graphql import CachePolicy
from graphql_api.http.graphql.cache_control import conditional
from graphql_api.http.resources import LoadersOf, loaders_for, resource
from graphql_api.observability.request_context import record_of
from graphql_api.schema.loaders import Loaders

PATH, MEDIA_TYPE = "releases.atom", "application/atom+xml"
MAX_ENTRIES = 10
"""Maximum number of releases in the feed."""
UNKNOWN_DAY = "1970-01-01"
"""Stands for a day of publication that the Competent API does not state: an entry must have a time, which must not change."""

_NAMESPACE = UUID("9f0c1f0e-6f0b-4d39-8a0e-5b1f5f2d7a41")
_NOT_IN_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_VERBS = {"ADDED": "added", "REMOVED": "removed", "CHANGED": "changed", "CODE_MOVED": "codes moved"}


class _Entry(NamedTuple):
    """A release, the number of the one before it, and the number of changes since that one if both are indexed."""

    release: ReleaseFacts
    before: str | None
    changes: Mapping[ConceptType, Mapping[str, int]] | None


def feed_routes(
    loaders: LoadersOf, cache_policy: CachePolicy, absolute_url: Callable[[str], str | None]
) -> list[Route]:
    """The route of the feed; `loaders` makes those of one request, `absolute_url` the address of a path."""

    async def show(request: Request) -> Response:
        record = record_of(request.scope)
        with loaders_for(request, loaders) as loaders_of_request:
            entries = await _entries(loaders_of_request)
        record.executed = True
        headers = {"Cache-Control": cache_policy.header_for(record, "", False), "X-Content-Type-Options": "nosniff"}
        body = feed(entries, lambda path: absolute_url(path) or path)
        return conditional(Response(body, headers=headers, media_type=MEDIA_TYPE), record.head)

    return [Route(f"/{PATH}", resource(show))]


async def _entries(loaders: Loaders) -> list[_Entry]:
    numbers = (await loaders.releases.served())[: MAX_ENTRIES + 1]
    facts = await asyncio.gather(*(release_facts(loaders, number) for number in numbers[:MAX_ENTRIES]))
    pairs = dict(pairwise(numbers))
    for number in numbers[:2]:
        await loaders.open_index(number)
    return [
        _Entry(release, before := pairs.get(release.number), await _changes(loaders, release.number, before))
        for release in facts
    ]


async def _changes(loaders: Loaders, number: str, before: str | None) -> Mapping[ConceptType, Mapping[str, int]] | None:
    """The number of changes between two releases; None if the index of one is not open.

    A feed opens few indexes, and builds none.
    """
    old, new = before and loaders.cached_index(before), loaders.cached_index(number)
    if not (old and new):
        return None
    try:
        return await new.change_counts_since(old)
    except CompetentError:
        return None


def feed(entries: Sequence[_Entry], url: Callable[[str], str]) -> bytes:
    """The feed; `url` returns the address of a path."""
    root = Element("feed", {"xmlns": "http://www.w3.org/2005/Atom", "xml:lang": "en"})
    newest = entries[0].release
    _text(root, "id", _id("feed", newest.source))
    _text(root, "title", "Releases of Competent")
    _text(root, "updated", max(_time(entry.release) for entry in entries))
    SubElement(root, "link", rel="self", type=MEDIA_TYPE, href=url(PATH))
    _text(SubElement(root, "author"), "name", newest.attribution or newest.source or "Competent")
    if newest.license:
        _text(root, "rights", newest.license)
    _text(root, "generator", NAME, version=own_version())
    for entry in entries:
        _write(SubElement(root, "entry"), entry, url)
    return f'<?xml version="1.0" encoding="utf-8"?>\n{tostring(root, encoding="unicode")}\n'.encode()


def _write(element: Element, entry: _Entry, url: Callable[[str], str]) -> None:
    release = entry.release
    _text(element, "id", _id(release.number, release.source))
    _text(element, "title", f"Competent {release.number}")
    _text(element, "updated", _time(release))
    if release.published_on:
        _text(element, "published", _time(release))
    SubElement(element, "link", rel="alternate", type="text/html", href=url(f"id/{release.number}"))
    export = url(f"export/{release.number}{NDJSON.suffix}")
    SubElement(element, "link", rel="enclosure", type=NDJSON.media_type, href=export, title="All concepts")
    _text(element, "summary", summary(entry))


def summary(entry: _Entry) -> str:
    """What changed with a release, in one sentence."""
    if entry.before is None:
        return "The oldest release that this server has."
    if entry.changes is None:
        return f"The changes since release {entry.before} are not known yet: one of the two is not indexed."
    parts = [f"{type.plural}: {_numbers(counts)}" for type, counts in entry.changes.items()]
    detail = f" ({'; '.join(parts)})" if parts else ""
    total = sum(map(Counter[str], entry.changes.values()), Counter[str]())
    return f"Since release {entry.before}: {_numbers(total)}{detail}."


def _numbers(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{counts.get(change, 0):,} {verb}" for change, verb in _VERBS.items())


def _id(name: str, source: str | None) -> str:
    """A URN that is the same on every server with data of this source."""
    return uuid5(_NAMESPACE, f"{name} {source or 'VDAB'}").urn


def _time(release: ReleaseFacts) -> str:
    return f"{release.published_on or UNKNOWN_DAY}T00:00:00Z"


def _text(parent: Element, name: str, text: str, **attributes: str) -> None:
    SubElement(parent, name, attributes).text = _NOT_IN_XML.sub("", text)
