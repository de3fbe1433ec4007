"""Hints for fields that do not exist: names under which the schema has the data.

Competent's terms mislead in a few places; the validation error then says where to find the data.
"""

from graphql import FieldNode, FieldsOnCorrectTypeRule, GraphQLError

from graphql_api.competent.declarations import CONCEPT_TYPES

_TEXT = "`description { text }`"
_SKILL = "a technical competence is described by its skill: `skill { description { text } }`"
_NAMES = ("title", "name", "label", "text")
_BLOCKS = [concept_type.name for concept_type in CONCEPT_TYPES if concept_type.is_block]

HINTS: dict[tuple[str, str], str] = {
    **{("TechnicalCompetence", name): _SKILL for name in (*_NAMES, "description")},
    **{(block, name): f"its text is {_TEXT}" for block in _BLOCKS for name in _NAMES},
    **{("OccupationalProfile", name): "its name is `title { text }`" for name in ("name", "label", "text")},
    **{
        ("OccupationalProfile", name): "its competences are `essentialCompetences` and `optionalCompetences`"
        for name in ("competences", "technicalCompetences", "skills")
    },
    (
        "OccupationalProfile",
        "knowledgeItems",
    ): "it is part of a competence: `essentialCompetences { knowledgeItems { … } }`",
    ("TechnicalCompetence", "knowledge"): "its knowledge is `knowledgeItems`",
    ("TechnicalCompetence", "indicators"): "its indicators are `behaviouralIndicators`",
}
"""By type and requested field."""


class HintingFieldsRule(FieldsOnCorrectTypeRule):
    """GraphQL's rule, which only suggests similar names, plus these hints."""

    def enter_field(self, node: FieldNode, *args: object) -> None:
        """Report a field that its type does not have."""
        parent = self.context.get_parent_type()
        hint = HINTS.get((parent.name, node.name.value)) if parent and not self.context.hide_suggestions else None
        if hint is None or parent is None or self.context.get_field_def():
            super().enter_field(node, *args)
            return
        self.report_error(GraphQLError(f"Cannot query field '{node.name.value}' on type '{parent}': {hint}.", node))
