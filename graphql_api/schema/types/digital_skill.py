"""Digital skills: what one can do with computers."""

import strawberry

from graphql_api.competent.fields import SKILL_TEXT
from graphql_api.schema.types.concept import Competence, text
from graphql_api.schema.types.document_view import reads
from graphql_api.schema.types.text import LocalizedText


@strawberry.type(description="What one can do with computers (Dutch: digitale vaardigheid).")
class DigitalSkill(Competence):
    """Embedded in profiles; no route of its own is known."""

    description: LocalizedText | None = reads(*SKILL_TEXT, convert=text, description="What it is.")
