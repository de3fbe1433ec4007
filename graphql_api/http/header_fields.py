"""Parses list-valued header fields (RFC 9110, 5.6 and 12.4.2): elements, their parameters and weights.

Handles quoted strings with commas; never raises, whatever a client sends.
"""

import re
from collections.abc import Iterator
from typing import NamedTuple

LONGEST = 2000
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
        told = self.parameters.get("q", "1")
        return float(told) if _WEIGHT.fullmatch(told) else 0.0


def elements(field: str) -> Iterator[Element]:
    """The elements of a list field, in order, without empty ones."""
    for element in _ELEMENT.findall(field[:LONGEST].lower()):
        value, *parameters = [each.strip() for each in _PARAMETER.findall(element)] or [""]
        if value:
            yield Element(value, dict(_parameter(each) for each in parameters if each))


def _parameter(text: str) -> tuple[str, str]:
    name, _, value = (each.strip() for each in text.partition("="))
    if value.startswith('"'):
        value = re.sub(r"\\(.)", r"\1", value[1:].removesuffix('"'))
    return name, value


def names_tag(field: str, tag: str) -> bool:
    """Whether an `If-None-Match` field contains an entity tag, by weak comparison (RFC 9110, 13.1.2)."""
    return field.strip() == "*" or tag.removeprefix("W/") in _ENTITY_TAG.findall(field)
