"""Reads OpenAPI 3.0 and 3.1 and Swagger 2.0 documents, as JSON or YAML, within limits; nothing is fetched.

References must lead into the same document. YAML may have no aliases, which could make a small file expand without limit.
"""

from codecs import BOM_UTF8
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import orjson
import yaml

from graphql_api.errors import SettingsError
from graphql_api.settings.files import UnusableFile, read_small

MAX_BYTES = 8_000_000
MAX_DEPTH = 100
"""Maximum nesting of a document."""
MAX_REFERENCES = 100
"""Maximum length of a chain of references that refer to each other."""

Node = Mapping[str, Any]
"""An object of a document."""

_EVENTS: Any = getattr(yaml, "CLoader", yaml.Loader)
_SAFE: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class SpecError(SettingsError):
    """The specification cannot be read; the message says why."""


class Spec:
    """An OpenAPI document. `is_swagger`: it is of version 2.0."""

    def __init__(self, root: Node) -> None:
        version = str(root.get("openapi", root.get("swagger", "")))
        self.is_swagger = "openapi" not in root and version == "2.0"
        if not self.is_swagger and version[:3] not in ("3.0", "3.1"):
            raise SpecError(f"it is of version {version[:20] or 'none'}; OpenAPI 3.0 and 3.1 and Swagger 2.0 are read")
        self.root = root
        self.version = version

    def resolve(self, node: object) -> Node:
        """The object that a node is or refers to; empty if it is anything else. Raises SpecError for a bad reference."""
        for _ in range(MAX_REFERENCES):
            if not isinstance(node, dict):
                return {}
            reference = node.get("$ref")
            if not isinstance(reference, str):
                return node
            more = {key: value for key, value in node.items() if key != "$ref"}
            target = self.target(reference)
            node = {**target, **more} if more and isinstance(target, dict) else target
        raise SpecError("references in it lead in a circle")

    def target(self, reference: str) -> object:
        """What a reference refers to. Raises SpecError if it leads out of the document, or nowhere."""
        if not reference.startswith("#"):
            raise SpecError(f"it refers to another document ({reference[:100]}): bundle all into one file first")
        node: object = self.root
        for part in reference.removeprefix("#").split("/")[1:]:
            name = unquote(part).replace("~1", "/").replace("~0", "~")
            node = node.get(name) if isinstance(node, dict) else None
        if node is None:
            raise SpecError(f"its reference {reference[:100]} leads nowhere")
        return node


def read_spec(file: Path) -> Spec:
    """Read a document. Raises SpecError if it is unreadable, too large or not OpenAPI."""
    try:
        content = read_small(file, MAX_BYTES).removeprefix(BOM_UTF8)
    except UnusableFile as error:
        raise SpecError(str(error)) from None
    try:
        root = orjson.loads(content) if content.lstrip()[:1] == b"{" else _from_yaml(content.decode())
    except orjson.JSONDecodeError as error:
        raise SpecError(f"it is not JSON: {error}") from None
    except (yaml.YAMLError, ValueError, OverflowError) as error:
        raise SpecError(f"it is not YAML: {str(error).splitlines()[0]}") from None
    if not isinstance(root, dict):
        raise SpecError("it is not an object")
    _require_shallow(root)
    return Spec(root)


def items(value: object) -> list[Any]:
    """The items of a list; none if the value is anything else."""
    return value if isinstance(value, list) else []


def _require_shallow(root: object) -> None:
    """Raises SpecError if a document is nested too deep; level by level, as recursion would have a limit of its own."""
    level = [root]
    for _ in range(MAX_DEPTH):
        level = [child for node in level for child in _children(node)]
        if not level:
            return
    raise _too_deep()


def _children(node: object) -> Iterator[object]:
    yield from node.values() if isinstance(node, dict) else items(node)


def _too_deep() -> SpecError:
    return SpecError(f"it is nested more than {MAX_DEPTH} deep")


def _from_yaml(text: str) -> object:
    depth = 0
    for event in yaml.parse(text, Loader=_EVENTS):
        if isinstance(event, yaml.AliasEvent):
            raise SpecError("it has YAML aliases, which are not read: write them out, or convert it to JSON")
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > MAX_DEPTH:
            raise _too_deep()
    return yaml.load(text, Loader=_SAFE)  # noqa: S506  # a safe loader
