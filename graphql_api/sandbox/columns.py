"""The columns of a Competent Excel export: headings of each sheet, and names of the declared types in it."""

import re
from collections.abc import Iterable

from graphql_api.competent.declarations import Field, Plain
from graphql_api.sandbox.dataset import COMPETENCE, LANGUAGES, PROFILE, relations

MAIN_SHEET = "Occupational Profiles"

_BY_POSITION = ("title", "description", "workingContext", "lastModified", "lastPublished")
"""Fields whose columns every export has, in this order. Columns of other fields are read only if their headings exist."""
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
"""The first column after those of the profile."""


def block_type(type_name: str) -> str:
    """The name of a type in the export, such as `behavioural indicator` for BehaviouralIndicator."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", " ", type_name).lower()


BLOCK_TYPES = {block_type(value.type_name): (field.name, value) for field, value in relations(COMPETENCE)}
"""The fields of a competence by the block type in a row: field name and declared value."""
SPELLINGS = {name.replace(" ", mark): name for name in BLOCK_TYPES for mark in ("", "_")}
"""Block types by their spellings in Competent's documents and in competence sets."""


def headings_of(fields: Iterable[Field]) -> tuple[str, ...]:
    """The headings of fields on the main sheet; a text has one per language."""
    return tuple(
        heading
        for field in fields
        for heading in (
            [f"{field.column} {language.upper()}" for language in LANGUAGES]
            if field.value == Plain("text")
            else [field.column]
        )
    )
