"""Behavioural indicators: how a competence shows."""

import strawberry

from graphql_api.schema.types.concept import Competence


@strawberry.type(description="How a competence shows at work (Dutch: gedragsindicator).")
class BehaviouralIndicator(Competence):
    """Embedded in technical competences; no route of its own is known."""
