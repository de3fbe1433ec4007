"""Parses list-valued header fields (RFC 9110, 5.6 and 12.4.2): elements, their parameters and weights.

Handles quoted strings with commas; never raises, whatever a client sends.
"""

import re
from collections.abc import Iterator
from typing import NamedTuple

MAX_FIELD_CHARS = 2000
"""Maximum number of characters of a field that are parsed."""

_QUOTED = r'"(?:\\.|[^"\\])*"?'
_ELEMENT = re.compile(rf'(?:[^,"]|{_QUOTED})+', re.DOTALL)
_PARAMETER = re.compile(rf'(?:[^;"]|{_QUOTED})+', re.DOTALL)
_WEIGHT = re.compile(r"0(?:\.[0-9]*)?|1(?:\.0*)?|\.[0-9]+")
_ENTITY_TAG = re.compile(r'(?:W/)?("[^"]*")')


class Element(NamedTuple):
    """One element of a list, in lower case, without surrounding white space."""

    value: str
    parameters: dict[str, str]

    @property
    def weight(self) -> float:
        """The client's preference, from 0 (not acceptable) to 1; 0 if `q` is invalid."""
        quality = self.parameters.get("q", "1")
        return float(quality) if _WEIGHT.fullmatch(quality) else 0.0


def elements(field: str) -> Iterator[Element]:
    """The elements of a list field, in order, without empty ones."""
    for element in _ELEMENT.findall(field[:MAX_FIELD_CHARS].lower()):
        value, *parameters = [part.strip() for part in _PARAMETER.findall(element)] or [""]
        if value:
            yield Element(value, dict(_parameter(parameter) for parameter in parameters if parameter))


def _parameter(text: str) -> tuple[str, str]:
    name, _, value = (part.strip() for part in text.partition("="))
    if value.startswith('"'):
        value = re.sub(r"\\(.)", r"\1", value[1:].removesuffix('"'))
    return name, value


def names_tag(field: str, tag: str) -> bool:
    """Whether an `If-None-Match` field contains an entity tag, by weak comparison (RFC 9110, 13.1.2)."""
    return field.strip() == "*" or tag.removeprefix("W/") in _ENTITY_TAG.findall(field)
