"""Makes sample documents from schemas: with every property that a schema describes, and no other.

The reader of the server is then run on them, so that what is compared is what the server does, and no second description of it.
"""

from collections.abc import Iterator
from typing import Any

from graphql_api.cli.doctor.spec.document import Node, Spec, SpecError, items
from graphql_api.competent.declarations import LANGUAGES

MAX_VALUES = 200_000
"""Maximum values of all samples of a document."""
MAX_DEPTH = 40
UUID = "07f701ec-57c9-40dd-97d9-e9238062db1e"
MOMENT = "2026-06-25T10:00:00+02:00"
RELEASE = "3.27"
STRINGS = (UUID, MOMENT, RELEASE)
"""What a string without a format may be: a schema that can be read with one of these is readable."""
_FORMATS = {"uuid": UUID, "date-time": MOMENT, "date": MOMENT[:10]}
_RELATIONS = ("self", "next")


class _Undescribed:
    """The type of UNDESCRIBED."""


UNDESCRIBED = _Undescribed()
"""A value of which the schema says nothing: a free-form object, any value, or a schema within itself."""
Sample = Any
"""A JSON value, or UNDESCRIBED."""


class Sampler:
    """Makes the samples of one document."""

    def __init__(self, spec: Spec) -> None:
        self.spec = spec
        self._left = MAX_VALUES

    def samples(self, schema: object, link: str) -> Iterator[Sample]:
        """One sample for each of STRINGS, with `link` as the `href` of links.

        Raises SpecError if a reference is bad or the schemas are too large.
        """
        for variant, text in enumerate(STRINGS):
            yield _Sample(self, text, link, variant).value(schema, "", frozenset(), 0)

    def count(self) -> None:
        """Count a value. Raises SpecError after MAX_VALUES."""
        self._left -= 1
        if self._left < 0:
            raise SpecError(f"its schemas describe more than {MAX_VALUES:,} values")


class _Sample:
    """One sample: strings without a format are `text`, and of several alternatives it has the one at `variant`."""

    def __init__(self, sampler: Sampler, text: str, link: str, variant: int) -> None:
        self._sampler = sampler
        self._text = text
        self._link = link
        self._variant = variant

    def value(self, schema: object, name: str, within: frozenset[str], depth: int) -> Sample:
        """The value of a schema; `within` has the references on the way to it."""
        self._sampler.count()
        reference = schema.get("$ref") if isinstance(schema, dict) else None
        if not isinstance(schema, dict) or not isinstance(reference, str):
            return self._described(self._sampler.spec.resolve(schema), name, within, depth)
        if reference in within:
            return UNDESCRIBED
        target = self._sampler.spec.target(reference)
        more = {key: value for key, value in schema.items() if key != "$ref"}
        values = (
            self.value(target, name, within | {reference}, depth + 1),
            self._described(more, name, within, depth),
        )
        return _merged([value for value in values if value is not UNDESCRIBED])

    def _described(self, node: Node, name: str, within: frozenset[str], depth: int) -> Sample:
        """The value of a schema that is not a reference."""
        if depth > MAX_DEPTH or not node:
            return UNDESCRIBED
        alternatives = [part for key in ("oneOf", "anyOf") for part in self._alternatives(node.get(key))[:1]]
        combined = [part for part in items(node.get("allOf")) if isinstance(part, dict)] + alternatives
        values = [
            self._own(node, name, within, depth),
            *(self.value(part, name, within, depth + 1) for part in combined),
        ]
        return _merged([value for value in values if value is not UNDESCRIBED])

    def _alternatives(self, parts: object) -> list[object]:
        """The alternatives but null, beginning with the one at `variant`."""
        usable = [part for part in items(parts) if self._sampler.spec.resolve(part).get("type") != "null"]
        first = self._variant % len(usable) if usable else 0
        return usable[first:]

    def _own(self, node: Node, name: str, within: frozenset[str], depth: int) -> Sample:
        """The value of a schema without those that it is combined with."""
        if "const" in node:
            return node["const"]
        if isinstance(node.get("enum"), list):
            return next((value for value in node["enum"] if value is not None), None)
        match _type_of(node):
            case "object":
                return self._object(node, name, within, depth)
            case "array":
                first = next(iter(items(node.get("prefixItems"))), node.get("items"))
                item = self.value(first, name, within, depth + 1)
                return UNDESCRIBED if item is UNDESCRIBED else [item]
            case "string":
                return self._link if name == "href" else _FORMATS.get(str(node.get("format")), self._text)
            case "integer" | "number":
                return 1
            case "boolean":
                return True
            case "null":
                return None
        return UNDESCRIBED

    def _object(self, node: Node, name: str, within: frozenset[str], depth: int) -> Sample:
        properties = node.get("properties")
        schemas = dict(properties) if isinstance(properties, dict) else {}
        if isinstance(further := node.get("additionalProperties"), dict):
            schemas = dict.fromkeys(_RELATIONS if name == "_links" else LANGUAGES, further) | schemas
        elif not schemas:
            return UNDESCRIBED
        return {key: self.value(schema, str(key), within, depth + 1) for key, schema in schemas.items()}


def _type_of(node: Node) -> str:
    stated = node.get("type")
    if isinstance(stated, list):
        stated = next((name for name in stated if name != "null"), "null")
    if isinstance(stated, str):
        return stated
    if "properties" in node or isinstance(node.get("additionalProperties"), dict):
        return "object"
    return "array" if "items" in node else "string" if "format" in node else ""


def _merged(values: list[Sample]) -> Sample:
    objects = [value for value in values if isinstance(value, dict)]
    if not objects:
        return values[0] if values else UNDESCRIBED
    merged: dict[str, Sample] = {}
    for value in objects:
        merged |= {key: item for key, item in value.items() if item is not UNDESCRIBED or key not in merged}
    return merged
