"""The groups of ISCO-08, the international classification of occupations: their tree and their URIs.

A code has one to four digits; each of its beginnings is the code of a broader group. URIs are those of ESCO, which publishes
ISCO-08 as linked data (http://data.europa.eu/esco/isco/C2221 is group 2221).
"""

from graphql_api.competent.values import ISCO

_URI = "http://data.europa.eu/esco/isco/C"
MAX_DIGITS = 4
"""Number of digits of the narrowest groups."""


def is_group(scheme: str, code: str) -> bool:
    """Whether this is the code of a group of ISCO-08."""
    return scheme == ISCO and len(code) <= MAX_DIGITS and code.isascii() and code.isdigit()


def uri_of(scheme: str, code: str) -> str | None:
    """The URI of a group of ISCO-08; None for codes of other schemes."""
    return f"{_URI}{code}" if is_group(scheme, code) else None


def broader_of(scheme: str, code: str) -> str | None:
    """The code of the next broader group of ISCO-08; None for the broadest ones and for codes of other schemes."""
    return code[:-1] if is_group(scheme, code) and len(code) > 1 else None
