"""Texts of people, such as CVs: which documents take or contain them, and errors that do not quote them.

They are in no cache and no log. So a document that may contain one is neither cached nor stored as a persisted query, the
response to an operation that takes one is not cached, and the messages of graphql-core, which quote values, are shortened.
"""

import re
from dataclasses import replace

from graphql_api.execution.error_formatting import ErrorDict
from graphql_api.execution.operations import Executed, Incremental, Refused
from graphql_api.execution.validation import InvalidDocument
from graphql_api.schema.types.text_matches import PERSONAL_FIELDS

_FIELDS = re.compile(rf"\b(?:{'|'.join(PERSONAL_FIELDS)})\b")
_MISSPELLED_FIELDS = re.compile("(?:for|in)_?text", re.IGNORECASE)
_VALUE = re.compile(r"\s*(?:got invalid value|has invalid value|cannot represent|Expected value of type).*", re.DOTALL)

DETAILS = "Details are left out because they may quote the text; send it as a variable to see them."
POST_ONLY = f"`{'` and `'.join(PERSONAL_FIELDS)}` take personal data; send them as a query by POST."


def takes_personal_text(document: str) -> bool:
    """Whether an operation of a document may take the text of a person."""
    return _FIELDS.search(document) is not None


def may_contain_personal_text(document: str) -> bool:
    """Whether a document may have the text of a person as a literal, even if the field is misspelled."""
    return '"' in document and _MISSPELLED_FIELDS.search(document) is not None


def without_details(document: InvalidDocument) -> InvalidDocument:
    """The same refusal without the messages of the parser and the validation, which quote literals."""
    messages = {
        "GRAPHQL_PARSE_FAILED": f"The document is not valid GraphQL. {DETAILS}",
        "GRAPHQL_VALIDATION_FAILED": f"The document does not match the schema. {DETAILS}",
    }
    errors = (
        error | {"message": messages.get(error["extensions"]["code"], error["message"])} for error in document.errors
    )
    return InvalidDocument(tuple(errors), document.operation_types)


def without_values(response: Refused | Executed | Incremental) -> Refused | Executed | Incremental:
    """The same response with errors that quote no values."""
    match response:
        case Incremental(initial=initial):
            return replace(response, initial=replace(initial, errors=list(map(_without_value, initial.errors))))
        case Refused(errors=errors) | Executed(errors=errors):
            return replace(response, errors=list(map(_without_value, errors)))


def _without_value(error: ErrorDict) -> ErrorDict:
    return error | {"message": _VALUE.sub(" is invalid.", error["message"])}
