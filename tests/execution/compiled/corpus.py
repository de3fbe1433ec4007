"""Collects all operations in this project: in docs, examples and tests."""

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

from graphql import GraphQLError, TypeInfo, TypeInfoVisitor, Visitor, get_named_type, parse, validate, visit
from graphql.language import DocumentNode, OperationDefinitionNode, OperationType, VariableNode
from graphql.validation import specified_rules

from graphql_api.execution.limits import DEFAULTS
from graphql_api.http.pages.examples import examples
from tests.execution.compiled.argument_values import SampleValues
from tests.execution.compiled.operations import Writing
from tests.execution.compiled.scenarios import SCHEMA, SHAPES
from tests.execution.compiled.two_servers import ClientRequest

ROOT = Path(__file__).parents[3]
SKIPPED = {"clients", "plan", "browser"}


@cache
def documented_queries() -> tuple[str, ...]:
    """The queries in docs and examples."""
    pages = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
    queries = [example.query for example in examples()]
    queries += [
        text for page in pages for text in re.findall(r"```graphql\n(.*?)```", page.read_text("utf-8"), re.DOTALL)
    ]
    return tuple(text for text in dict.fromkeys(queries) if _queries(text))


@cache
def in_tests() -> tuple[str, ...]:
    """The valid queries among all strings in the tests."""
    files = (
        item
        for item in sorted((ROOT / "tests").rglob("*.py"))
        if not SKIPPED.intersection(item.relative_to(ROOT / "tests").parts)
    )
    return tuple(text for text in dict.fromkeys(text for file in files for text in _strings(file)) if _queries(text))


def _strings(file: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(file.read_text("utf-8"))):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and "{" in node.value:
            yield node.value


def _queries(text: str) -> DocumentNode | None:
    try:
        document = parse(text, max_tokens=DEFAULTS.tokens)
    except GraphQLError:
        return None
    operations = [definition for definition in document.definitions if isinstance(definition, OperationDefinitionNode)]
    if not operations or any(operation.operation is not OperationType.QUERY for operation in operations):
        return None
    return None if validate(SCHEMA, document, specified_rules) else document


class _Uses(Visitor):
    """Collects the uses of each variable: field, argument and return type of the field."""

    def __init__(self, info: TypeInfo) -> None:
        super().__init__()
        self.info = info
        self.by_name: dict[str, tuple[str, str, Any, str]] = {}
        self._field = ""
        self._argument = ""

    def enter_field(self, node: Any, *_: Any) -> None:
        self._field = node.name.value

    def enter_argument(self, node: Any, *_: Any) -> None:
        self._argument = node.name.value

    def enter_object_field(self, node: Any, *_: Any) -> None:
        self._argument = node.name.value

    def enter_variable(self, node: VariableNode, *_: Any) -> None:
        input_type, variable_type = self.info.get_input_type(), self.info.get_type()
        if input_type is not None and self._argument:
            of = str(get_named_type(variable_type)) if variable_type else ""
            self.by_name.setdefault(node.name.value, (self._field, self._argument, input_type, of))


def corpus(texts: tuple[str, ...], samples: SampleValues) -> list[ClientRequest]:
    """Operations for these documents, with values that fit the uses of their variables."""
    requests: list[ClientRequest] = []
    for text in texts:
        document = parse(text)
        info = TypeInfo(SCHEMA)
        uses = _Uses(info)
        visit(document, TypeInfoVisitor(info, uses))
        writing = Writing(lambda _: 0, SHAPES, samples)  # always the simplest choice
        values = {
            name: writing.sent(writing.argument(field, argument, input_type, of, 2))
            for name, (field, argument, input_type, of) in uses.by_name.items()
        }
        names = [
            definition.name.value
            for definition in document.definitions
            if isinstance(definition, OperationDefinitionNode) and definition.name
        ]
        operation_names = names if len(names) > 1 else [None]
        requests += [
            ClientRequest(text, values or None, name, {"accept-language": "fr, nl;q=0.5"}) for name in operation_names
        ]
    return requests
