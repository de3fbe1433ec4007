"""The generated source contains names of the schema and declarations, and of client input only checked response keys."""

import ast
import linecache
import re
import weakref
from typing import Any

import pytest

from graphql_api.competent.declarations import CONCEPT_TYPES
from graphql_api.execution.compiled.compiler import HELPERS, Compilation
from graphql_api.execution.compiled.source import quoted
from graphql_api.execution.documents import Documents
from graphql_api.execution.schema import CompetentSchema, build_schema
from tests.conftest import Server
from tests.execution.test_documents import valid_document

HOSTILE = (
    '") or __import__("os").system("true") or ("',
    "'); raise SystemExit #",
    "\n    return 1\n",
    "{0} {name!r} %s \\",
    "\0",
    '"""',
    "c1",
    "execution",
    "é\u2028",
)
OPERATION = """query ($VARIABLE: String!, $uuid: UUID!, $languages: [Language!]) {
  search(text: LITERAL, first: 1) { nodes { ... on Competence { description { text(languages: $languages) } } } }
  suggest(prefix: $VARIABLE) { text occupationalProfile { title { nl } similarProfiles(first: 3) { score } } }
  occupationalProfile(uuid: $uuid) { id uuid code release { number } lastModified alternativeNames { name language }
    essentialCompetences { skill { description { nl localized { text } } } usedInOccupationalProfiles { totalCount } } } }"""
ALIASES = ("return", "lambda", "import", "None", "d", "c1", "root", "execution", "__builtins__x", "_", "A" * 200)


@pytest.fixture(scope="module")
def schema() -> CompetentSchema:
    return build_schema()


def build(schema: CompetentSchema, text: str, variables: dict[str, Any], documents: Documents | None = None) -> Any:
    """The compiled query of a document with one operation."""
    prepared = valid_document(documents or Documents(schema.core_schema), text)
    queries = prepared.operation(None).queries
    values = queries.variables(schema.core_schema, prepared.values(variables), prepared.literals.coerced)
    assert values is not None
    return queries.build(
        values, lambda *operation: Compilation(schema.core_schema, schema.schema_converter, *operation).build()
    )


def source(schema: CompetentSchema, literal: str = "a", name: str = "prefix") -> str:
    """The source of the operation with this literal, and this variable with the same value."""
    text = OPERATION.replace("LITERAL", _literal(literal)).replace("VARIABLE", name)
    made = build(schema, text, {name: literal, "uuid": "00000000-0000-4000-8000-000000000000"})
    text = made.__globals__["__loader__"].source
    assert isinstance(text, str)
    return text


def _literal(value: str) -> str:
    return '"' + "".join(f"\\u{ord(letter):04x}" if not letter.isalnum() else letter for letter in value) + '"'


@pytest.mark.parametrize("text", HOSTILE)
def test_literals_and_values_of_variables_are_not_in_the_source(schema: CompetentSchema, text: str) -> None:
    assert source(schema, text) == source(schema)


@pytest.mark.parametrize("name", ["execution", "root", "c1", "d", "__builtins__", "lambda"])
def test_names_of_variables_are_not_in_the_source(schema: CompetentSchema, name: str) -> None:
    assert source(schema, name=name) == source(schema)


def test_names_in_the_source_are_generated_or_internal(schema: CompetentSchema) -> None:
    own = {*HELPERS, "build", "execution", "id", "str", "type", "make"}
    texts = {name for name, _ in _names_in_schema(schema)} | {
        field.name for item in CONCEPT_TYPES for field in item.fields
    }

    for node in ast.walk(ast.parse(source(schema))):
        if isinstance(node, ast.Name):
            assert node.id in own or re.fullmatch(r"[a-z]\d*", node.id), node.id
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            assert {*node.value.split(".")} <= texts | {"id", "name", "language"}, node.value


def _names_in_schema(schema: CompetentSchema) -> list[tuple[str, object]]:
    types: Any = schema.core_schema.type_map
    return [*types.items(), *(field for type_ in types.values() for field in getattr(type_, "fields", {}).items())]


async def test_any_alias_is_a_key_of_the_response(server: Server) -> None:
    selection = " ".join(f"{alias}: number" for alias in ALIASES)
    data = await server.ask(f"{{ release {{ number {selection} }} }}")

    number = data["release"].pop("number")
    assert list(data["release"].items()) == [(alias, number) for alias in ALIASES]


@pytest.mark.parametrize("text", ["", "a b", 'a"', "a\n", "1a", "é", "a-b", "\\"])
def test_an_invalid_name_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="not a name"):
        quoted(text)


def test_the_source_is_found_by_tracebacks_and_freed_with_its_query(schema: CompetentSchema) -> None:
    documents, text = Documents(schema.core_schema), "{ releases { number } }"
    made = build(schema, text, {}, documents)
    linecache.lazycache(made.__code__.co_filename, made.__globals__)
    assert "number" in "".join(linecache.getlines(made.__code__.co_filename))
    linecache.clearcache()

    freed = weakref.ref(made)
    documents._valid.drop(valid_document(documents, text).key)
    del made

    assert freed() is None
