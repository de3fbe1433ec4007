"""Nodes as Turtle (https://www.w3.org/TR/turtle): written here, because libraries write a graph that is whole in memory.

A node is one block of triples; nodes with an id inside it are blocks of their own after it.
"""

import re
import sqlite3
from collections.abc import Generator, Iterator, Mapping
from functools import partial

from graphql_api.competent.hal import as_list
from graphql_api.export.contents import Batch, Contents, Step, terms_in
from graphql_api.export.skos import PREFIXES, TERMS, ConceptNodes, ContextTerm, Node, scheme_node

_UNSAFE = re.compile(r'["\\\x00-\x1f\x7f]')
_NOT_IN_IRIS = re.compile(r'[\x00-\x20<>"{}|^`\\]')
_NAMES_OF_ESCAPES = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t"}
_PLAIN = ContextTerm("", "plain")


def steps(contents: Contents) -> Generator[Step]:
    """The steps that write a release."""
    yield lambda _: document(scheme_node(contents.release), contents.options.base).encode()
    nodes = ConceptNodes(contents.release.number, contents.options.mappings, labelled=False)
    for batch in contents.all_batches():
        yield partial(_write, nodes, batch)
    yield partial(_write_terms, nodes)


def _write_terms(nodes: ConceptNodes, connection: sqlite3.Connection) -> bytes:
    return "".join(map(_triples, nodes.terms(terms_in(connection)))).encode()


def _write(nodes: ConceptNodes, batch: Batch, connection: sqlite3.Connection) -> bytes:
    return "".join(map(_triples, nodes.concepts(batch.type, batch.read(connection)))).encode()


def document(node: Node, base: str) -> str:
    """A document with one node; `base` is the URL of `/id/`, or its URL relative to that of the document."""
    prefixes = (f"@prefix {name}: <{iri}> .\n" for name, iri in PREFIXES.items())
    return f"@base {_iri(base)} .\n{''.join(prefixes)}\n{_triples(node)}"


def _triples(node: Node) -> str:
    """The triples of a node and of all nodes in it."""
    nested: list[Node] = []
    pairs = " ;\n  ".join(_pairs(node, nested))
    return f"{_iri(node['@id'])} {pairs} .\n" + "".join(map(_triples, nested))


def _pairs(node: Node, nested: list[Node]) -> Iterator[str]:
    """Yield each property with its objects; adds the nodes that need blocks of their own to `nested`."""
    if types := as_list(node.get("@type")):
        yield f"a {', '.join(types)}"
    for name, value in node.items():
        if not name.startswith("@"):
            term = TERMS.get(name)
            yield f"{term.iri if term else name} {', '.join(_objects(term or _PLAIN, value, nested))}"


def _objects(term: ContextTerm, value: object, nested: list[Node]) -> Iterator[str]:
    if term.values == "text" and isinstance(value, Mapping):
        for language, texts in value.items():
            suffix = "" if language == "@none" else f"@{language}"
            yield from (_literal(text) + suffix for text in as_list(texts))
        return
    for item in as_list(value):
        if isinstance(item, Mapping):
            yield _object(item, nested)
        elif term.values == "id":
            yield _iri(item)
        elif term.values == "plain":
            yield str(item) if isinstance(item, int) else _literal(item)
        else:
            yield f"{_literal(item)}^^xsd:{term.values}"


def _object(node: Node, nested: list[Node]) -> str:
    """A node as an object: by its id, or whole if it has none."""
    if "@id" not in node:
        return f"[ {' ; '.join(_pairs(node, nested))} ]"
    if len(node) > 1:
        nested.append(node)
    return _iri(node["@id"])


def _literal(text: str) -> str:
    """A string in quotation marks, with escapes for what the grammar excludes and for other control characters."""
    return f'"{_UNSAFE.sub(_escaped, text)}"'


def _escaped(match: re.Match[str]) -> str:
    return _NAMES_OF_ESCAPES.get(match[0]) or f"\\u{ord(match[0]):04X}"


def _iri(text: str) -> str:
    """An IRI in angle brackets, with percent-encoding for what an IRI cannot hold."""
    return f"<{_NOT_IN_IRIS.sub(lambda match: f'%{ord(match[0]):02X}', text)}>"
