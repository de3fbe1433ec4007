"""Knowledge items: what one knows."""

import strawberry

from graphql_api.schema.types.concept import Competence


@strawberry.type(description="What one knows, such as `recruitment techniques` (Dutch: kennis).")
class Knowledge(Competence):
    """Embedded in technical competences; no route of its own is known."""
