"""What is added to Competent's data: terms, titles of ISCO-08 groups, and mappings to other classifications."""

from dataclasses import dataclass, field
from typing import NamedTuple

from graphql_api.competent.isco_titles import Titles
from graphql_api.competent.mappings import NO_MAPPINGS, Mappings


class DataTerms(NamedTuple):
    """The licence of the data, and who is to be named as its source; None if that is unknown."""

    license: str | None = None
    attribution: str | None = None


@dataclass(frozen=True, slots=True)
class Supplements:
    """Texts about all releases."""

    license: str = ""
    attribution: str = ""
    titles: Titles = field(default_factory=dict)
    mappings: Mappings = NO_MAPPINGS

    def terms(self, source: str | None) -> DataTerms:
        """The terms of a release, which are those of VDAB's data: none if its document names another source."""
        return DataTerms() if source else DataTerms(self.license or None, self.attribution or None)


NO_SUPPLEMENTS = Supplements()
