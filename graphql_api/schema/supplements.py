"""What the operator adds to Competent's data: its terms, titles of ISCO-08 groups, and mappings to other classifications."""

from dataclasses import dataclass, field

from graphql_api.competent.isco_titles import Titles
from graphql_api.competent.mappings import NO_MAPPINGS, Mappings


@dataclass(frozen=True, slots=True)
class Supplements:
    """Texts about all releases. Empty ones are null in GraphQL, as are those of releases that are not Competent's own data."""

    license: str = ""
    attribution: str = ""
    titles: Titles = field(default_factory=dict)
    mappings: Mappings = NO_MAPPINGS


NO_SUPPLEMENTS = Supplements()
