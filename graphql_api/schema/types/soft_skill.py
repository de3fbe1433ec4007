"""Soft skills: personal traits."""

import strawberry

from graphql_api.competent import routes
from graphql_api.competent.fields import SKILL_TEXT
from graphql_api.schema.types.concept import Competence, text
from graphql_api.schema.types.document_view import reads
from graphql_api.schema.types.text import LocalizedText


@strawberry.type(description="A personal trait, such as `assertiveness` (Dutch: persoonsgebonden competentie).")
class SoftSkill(Competence):
    """Embedded in profiles, and listed by a release. Upstream has been seen to put the text under three keys."""

    route = routes.SOFT_SKILL
    description: LocalizedText | None = reads(*SKILL_TEXT, convert=text, description="What it is.")
