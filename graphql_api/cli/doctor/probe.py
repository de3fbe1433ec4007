"""Makes the calls of one visit: each kind of path once, with ids from earlier responses.

No path is requested twice, at most `MAX_CALLS` calls are made, and none after a response which shows that all others would fail.
"""

from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property
from typing import NamedTuple
from urllib.parse import urlencode
from uuid import UUID

import orjson

from graphql_api.competent import routes
from graphql_api.competent.concept_reader import Notes
from graphql_api.competent.declarations import OCCUPATIONAL_PROFILE, TECHNICAL_COMPETENCE, Concepts
from graphql_api.competent.hal import Document, items, parts, release_numbers
from graphql_api.competent.normalise import normalise
from graphql_api.competent.releases import CURRENT
from graphql_api.competent.values import as_uuid
from graphql_api.errors import ProxyRefused, UpstreamError
from graphql_api.store.unknown_keys import UnknownKeys
from graphql_api.upstream import RawResponse

MAX_CALLS = 20
UNUSED_UUID = UUID("00000000-0000-4000-8000-000000000000")
PAGE_BEYOND_END = 100_000
"""A page number beyond the end of any list."""


class Canary(NamedTuple):
    """A profile that was seen in the live service, and its ISCO codes."""

    name: str
    uuid: UUID
    isco: tuple[str, ...]


CANARIES = (
    Canary("Slager", UUID("07f701ec-57c9-40dd-97d9-e9238062db1e"), ("7511",)),
    Canary("Huishoudhulp-poetshulp", UUID("c975483a-b03f-47a3-9c0a-c773babb1510"), ("5152", "9111")),
)

Probe = Callable[[str, Mapping[str, str]], Awaitable[RawResponse]]


@dataclass(frozen=True)
class ProbeResponse:
    """The response for a path; without a response `status` is 0 and `failure` says why."""

    path: str = ""
    status: int = 0
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    failure: str = ""

    @cached_property
    def document(self) -> Document:
        """The JSON object in the body; empty if it is anything else."""
        try:
            document = orjson.loads(self.body)
        except ValueError:
            return {}
        return document if isinstance(document, dict) else {}

    @property
    def ok(self) -> bool:
        """True if it has status 200 and a document that is not an error of the gateway."""
        return self.status == 200 and bool(self.document) and "httpCode" not in self.document

    @property
    def outcome(self) -> str:
        """The status, or why there is none."""
        return str(self.status or self.failure)

    def __str__(self) -> str:
        return f"{self.path}: {self.outcome}" if self.path else "not asked"


Visit = dict[str, ProbeResponse]
"""Responses by name of the call."""


class _VisitEnded(Exception):
    """All further calls would be refused too."""


class Visitor:
    """Makes the calls of one visit; with `canaries`, also those for `CANARIES`."""

    def __init__(self, probe: Probe, page_size: int, canaries: bool = False) -> None:
        self._probe = probe
        self._page_size = page_size
        self._canaries = CANARIES if canaries else ()
        self.seen: Visit = {}
        self.ended: ProbeResponse | None = None
        """The response that ended the visit early; None if all calls were made."""

    async def visit(self) -> Visit:
        """Make all calls in order, until the key, the rate limit or a proxy refuses one; return the responses by name."""
        with suppress(_VisitEnded):
            await self._visit()
        return self.seen

    async def _visit(self) -> None:
        current = await self._ask("current", routes.RELEASE.path(CURRENT))
        listed = await self._ask("releases", routes.RELEASES.path())
        soft = await self._ask("soft skills", routes.SOFT_SKILLS.path(CURRENT))
        number = next((n for response in (current, soft, listed) for n in release_numbers(response.document)), CURRENT)
        await self._ask("release", routes.RELEASE.path(number))
        await self._soft_skill(number, soft)
        competence = await self._competences(number)
        profile = await self._profiles(number)
        await self._embedded(number, profile)
        await self._ask("other soft skills", routes.OTHER_SOFT_SKILLS.path())
        for canary in self._canaries:
            await self._ask_once(canary.name, routes.OCCUPATIONAL_PROFILE.path(number, canary.uuid))
        await self._ask("nothing", routes.TECHNICAL_COMPETENCE.path(number, UNUSED_UUID))
        if conditions := {name: value for name, value in _conditions(competence).items() if value}:
            await self._ask("unchanged", competence.path, conditions)

    async def _soft_skill(self, number: str, soft: ProbeResponse) -> None:
        if uuid := _some_id(soft):
            await self._ask("soft skill", routes.SOFT_SKILL.path(number, uuid))

    async def _competences(self, number: str) -> ProbeResponse:
        path = routes.TECHNICAL_COMPETENCES.path(number)
        listed = await self._ask("competences", f"{path}?page=0&size=2")
        await self._ask("second page", f"{path}?page=1&size=2")
        await self._ask("beyond the last page", f"{path}?page={PAGE_BEYOND_END}&size=2")
        await self._ask("largest page", f"{path}?page=0&size={self._page_size}")
        uuid = _some_id(listed)
        if uuid is None:
            return ProbeResponse()
        competence = await self._ask("competence", routes.TECHNICAL_COMPETENCE.path(CURRENT, uuid))
        await self._ask("used", routes.USED_IN_PROFILES.path(number, uuid))
        return competence

    async def _profiles(self, number: str) -> ProbeResponse:
        parameters = {"searchValue": "a", "entityTypes": "OCCUPATIONAL_PROFILE", "page": 0, "size": 2}
        hits = await self._ask("search", f"{routes.SEARCH.path()}?{urlencode(parameters)}")
        listed = await self._ask(
            "profiles", f"{routes.OCCUPATIONAL_PROFILES.path(number)}?page=0&size={self._page_size}"
        )
        hit = next(
            (document_part for item in items(hits.document) for document_part in parts(item.get("document"))), {}
        )
        uuid = _some_id(listed) or _some_id(self.seen.get("used", ProbeResponse())) or as_uuid(hit.get("id"))
        return await self._ask("profile", routes.OCCUPATIONAL_PROFILE.path(number, uuid)) if uuid else ProbeResponse()

    async def _embedded(self, number: str, profile: ProbeResponse) -> None:
        embedded: Document = next(iter(embedded_in(profile.document)), {})
        if uuid := as_uuid(embedded.get("id")):
            await self._ask("embedded competence", routes.TECHNICAL_COMPETENCE.path(number, uuid))

    async def _ask_once(self, name: str, path: str) -> None:
        seen = next((seen for seen in self.seen.values() if seen.path == path), None)
        if seen is None:
            await self._ask(name, path)
        else:
            self.seen[name] = seen

    async def _ask(self, name: str, path: str, headers: Mapping[str, str] | None = None) -> ProbeResponse:
        assert len(self.seen) < MAX_CALLS
        try:
            probe = await self._probe(path, headers or {})
        except UpstreamError as error:
            self.seen[name] = ProbeResponse(path, failure=f"{error.code} {error.detail}")
            visit_ends = isinstance(error, ProxyRefused)
        else:
            self.seen[name] = ProbeResponse(path, probe.status, probe.headers, probe.body)
            visit_ends = self._ends_visit(probe.status)
        if visit_ends:
            self.ended = self.seen[name]
            raise _VisitEnded
        return self.seen[name]

    def _ends_visit(self, status: int) -> bool:
        # A valid key may lack access to one route: then a 403 applies to that route only.
        known_good = any(seen.status == 200 for seen in self.seen.values())
        return status in (401, 429) or (status == 403 and not known_good)


def embedded_in(profile: Document) -> list[Document]:
    """The objects of competences that a raw profile embeds."""
    competences = []
    for declared_field in OCCUPATIONAL_PROFILE.fields:
        if isinstance(declared_field.value, Concepts) and declared_field.value.type_name == TECHNICAL_COMPETENCE.name:
            values = (profile.get(key) for key in declared_field.hal_keys)
            competences += parts(next((value for value in values if value is not None), None))
    return competences


def unknown_keys(visit: Visit) -> Mapping[str, int]:
    """The number of occurrences of each undeclared key, by `Type.key`."""
    unknown = UnknownKeys()
    for seen in visit.values():
        if seen.ok:
            normalise(seen.path, seen.document, notes := Notes())
            unknown.add(notes.unknown)
    return unknown.counts


def _some_id(list_response: ProbeResponse) -> UUID | None:
    return next((uuid for item in items(list_response.document) if (uuid := as_uuid(item.get("id")))), None)


def _conditions(seen: ProbeResponse) -> dict[str, str | None]:
    headers = seen.headers
    return {"If-None-Match": headers.get("etag"), "If-Modified-Since": headers.get("last-modified")}
