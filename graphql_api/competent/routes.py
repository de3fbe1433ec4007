"""Every path of the Competent API that this server requests, and whether it has been seen to exist.

Release numbers in paths are quoted and uuids must be checked before, so that client input cannot change where a request goes.
"""

import re
from functools import lru_cache
from typing import Literal, NamedTuple
from urllib.parse import quote
from uuid import UUID

Sure = Literal["seen", "assumed"]
"""`seen`: documented by VDAB or observed on the live service. `assumed`: inferred from those."""

CURRENT = "current"
"""The release in a path that stands for the newest one."""


class Route(NamedTuple):
    """A path template of the Competent API, with the placeholders `{release}` and `{uuid}`."""

    template: str
    sure: Sure
    parameters: tuple[str, ...] = ()
    """The parameters in the query string of each request."""

    def path(self, release: str = "", uuid: UUID | str | None = None) -> str:
        """Build the path, without a query string. A `uuid` passed as a string must have been validated."""
        before, placeholder, after = _below(self.template, release)
        return f"{before}{uuid or ''}{after}" if placeholder else before

    @property
    def identified(self) -> bool:
        """Whether the `id` of the document is the uuid in its path."""
        return self.template.endswith("/{uuid}")

    @property
    def pattern(self) -> re.Pattern[str]:
        """A pattern that matches the paths of this route, with the group `uuid` if the template has one."""
        filled = self.template.replace("{release}", "[^/]+").replace("{uuid}", "(?P<uuid>[^/]+)")
        return re.compile(filled + r"(?:\?.*)?")


@lru_cache(256)
def _below(template: str, release: str) -> tuple[str, str, str]:
    return template.replace("{release}", quote(release, safe="")).partition("{uuid}")


PAGING = ("page", "size")
"""The parameters of lists that are requested by pages."""

RELEASES = Route("/releases", "assumed")
RELEASE = Route("/releases/{release}", "assumed")
OCCUPATIONAL_PROFILES = Route("/releases/{release}/occupationalprofiles", "assumed", PAGING)
OCCUPATIONAL_PROFILE = Route("/releases/{release}/occupationalprofiles/{uuid}", "seen")
TECHNICAL_COMPETENCES = Route("/releases/{release}/technicalcompetences", "seen", PAGING)
TECHNICAL_COMPETENCE = Route("/releases/{release}/technicalcompetences/{uuid}", "seen")
USED_IN_PROFILES = Route("/releases/{release}/technicalcompetences/{uuid}/occupationalprofiles/used", "seen")
SOFT_SKILLS = Route("/releases/{release}/softskills", "seen", PAGING)
SOFT_SKILL = Route("/releases/{release}/softskills/{uuid}", "assumed")

SEARCH = Route("/search", "seen", ("searchValue", "entityTypes", *PAGING))
OTHER_SOFT_SKILLS = Route("/softskills", "seen")
"""Soft skills of another taxonomy, on a base that Competent shares. Not in ROUTES: only the doctor requests it."""

ROUTES = (
    RELEASES,
    RELEASE,
    OCCUPATIONAL_PROFILES,
    OCCUPATIONAL_PROFILE,
    TECHNICAL_COMPETENCES,
    TECHNICAL_COMPETENCE,
    USED_IN_PROFILES,
    SOFT_SKILLS,
    SOFT_SKILL,
    SEARCH,
)
_PATTERNS = [(route, route.pattern) for route in sorted(ROUTES, key=lambda route: not route.identified)]
"""The routes and their patterns, those of documents first: most requests are for documents."""


class RouteMatch(NamedTuple):
    """The route of a path; `uuid` is None if the route has none."""

    route: Route
    uuid: str | None


@lru_cache(256)  # a document is fetched and soon normalised
def route_of(path: str) -> RouteMatch | None:
    """Find the route of a path; None if it belongs to no known route."""
    for route, pattern in _PATTERNS:
        if match := pattern.fullmatch(path):
            return RouteMatch(route, match.groupdict().get("uuid"))
    return None
