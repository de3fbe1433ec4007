"""What the operator adds to the data of Competent: on which terms it is published, and titles of ISCO-08 groups."""

from dataclasses import dataclass, field

from graphql_api.competent.isco_titles import Titles


@dataclass(frozen=True, slots=True)
class Supplements:
    """Texts about all releases. Empty ones are null in GraphQL, as are those of releases that are not Competent's own data."""

    license: str = ""
    attribution: str = ""
    titles: Titles = field(default_factory=dict)


NO_SUPPLEMENTS = Supplements()
