"""Skills: what one can do."""

import strawberry

from graphql_api.schema.types.concept import Competence


@strawberry.type(description="What one can do, such as `cutting hair` (Dutch: vaardigheid, kunde).")
class Skill(Competence):
    """Embedded in technical competences; no route of its own is known."""
