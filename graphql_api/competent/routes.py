"""Every path that is ever asked of the Competent API, on one page, with how sure it is that the path exists.

A path from here has its ids checked and quoted, so no argument of a client can change where a request goes.
"""

import re
from functools import lru_cache
from typing import Literal, NamedTuple
from urllib.parse import quote
from uuid import UUID

Sure = Literal["seen", "assumed"]
"""`seen`: stands on VDAB's page or was observed on the live service. `assumed`: a conclusion from those."""

CURRENT = "current"
"""Stands for the newest release in a path."""


class Route(NamedTuple):
    """One path of the Competent API, with `{release}` and `{uuid}` where those stand."""

    template: str
    sure: Sure

    def path(self, release: str = "", uuid: UUID | str | None = None) -> str:
        """The path to ask, without a query; a uuid that is a text has been found to be one."""
        return _below(self.template, release).replace("{uuid}", str(uuid or ""))

    @property
    def identified(self) -> bool:
        """True where the document's own `id` is the uuid of its path."""
        return self.template.endswith("/{uuid}")

    @property
    def pattern(self) -> re.Pattern[str]:
        """Matches the paths of this route; `uuid` is what stands at `{uuid}`."""
        filled = self.template.replace("{release}", "[^/]+").replace("{uuid}", "(?P<uuid>[^/]+)")
        return re.compile(filled + r"(?:\?.*)?")


@lru_cache(256)
def _below(template: str, release: str) -> str:
    return template.replace("{release}", quote(release, safe=""))


RELEASES = Route("/releases", "assumed")
RELEASE = Route("/releases/{release}", "assumed")
OCCUPATIONAL_PROFILES = Route("/releases/{release}/occupationalprofiles", "assumed")
OCCUPATIONAL_PROFILE = Route("/releases/{release}/occupationalprofiles/{uuid}", "seen")
TECHNICAL_COMPETENCES = Route("/releases/{release}/technicalcompetences", "seen")
TECHNICAL_COMPETENCE = Route("/releases/{release}/technicalcompetences/{uuid}", "seen")
USED_IN_PROFILES = Route("/releases/{release}/technicalcompetences/{uuid}/occupationalprofiles/used", "seen")
SOFT_SKILLS = Route("/releases/{release}/softskills", "seen")
SOFT_SKILL = Route("/releases/{release}/softskills/{uuid}", "assumed")

SEARCH = Route("/search", "seen")

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
_PATTERNS = tuple((route, route.pattern) for route in ROUTES)


class RouteMatch(NamedTuple):
    """A path and the route that it belongs to; `uuid` is None where the route has none."""

    route: Route
    uuid: str | None


def route_of(path: str) -> RouteMatch | None:
    """The route of a path, None for a path that this server never asks for."""
    for route, pattern in _PATTERNS:
        if match := pattern.fullmatch(path):
            return RouteMatch(route, match.groupdict().get("uuid"))
    return None
