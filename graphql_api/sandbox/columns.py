"""The columns of a Competent Excel export: the headings of each sheet, and what the export calls the declared types."""

import re
from collections.abc import Iterable

from graphql_api.competent.declarations import Field, Plain
from graphql_api.sandbox.dataset import COMPETENCE, LANGUAGES, PROFILE, relations

MAIN_SHEET = "Occupational Profiles"

_BY_POSITION = ("title", "description", "workingContext", "lastModified", "lastPublished")
"""The fields whose columns every export has, in this order. Columns of others are read only if their headings are there."""
_COLUMNS = {field.name: field for field in PROFILE.fields if field.column}
MAIN_FIELDS = [_COLUMNS[name] for name in _BY_POSITION if name in _COLUMNS]
OTHER_FIELDS = [field for name, field in _COLUMNS.items() if name not in _BY_POSITION]

OWNER = ("Id", "Code", "Title NL", "Title FR")
NAME = (*OWNER, "Alt.Name Id", "Alt.Name Code", "Language", "Title")
CLASSIFICATION = (*OWNER, "Type", "Value")
TERM = (*OWNER, "Id", "Code", "Title NL", "Title FR")
BLOCK = (*OWNER, "Id", "Code", "Title Id", "Title NL", "Title FR")
COMPETENCE_BLOCK = (
    *(*OWNER, "Competence Id", "Competence Code"),
    *("Block type", "Block Id", "Block Code", "Block NL", "Block FR"),
)
COMPETENCE_SET = (
    *(*OWNER, "Set Id", "Set Code", "Name NL", "Name FR", "Disambiguator NL", "Disambiguator FR"),
    *("Block type", "Block Code"),
)
RELATED = len(OWNER)
"""The first column after those that name the profile."""


def block_type(type_name: str) -> str:
    """How the export writes a type: `behavioural indicator` for BehaviouralIndicator."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", " ", type_name).lower()


BLOCK_TYPES = {block_type(value.type_name): (field.name, value) for field, value in relations(COMPETENCE)}
"""The fields of a competence by the block type of a row."""
SPELLINGS = {name.replace(" ", mark): name for name in BLOCK_TYPES for mark in ("", "_")}
"""How Competent's documents write block types, and how those of competence sets are written."""


def headings_of(fields: Iterable[Field]) -> tuple[str, ...]:
    """The headings of the columns of these fields on the main sheet: of texts, one in each language."""
    return tuple(
        heading
        for field in fields
        for heading in (
            [f"{field.column} {language.upper()}" for language in LANGUAGES]
            if field.value == Plain("text")
            else [field.column]
        )
    )
