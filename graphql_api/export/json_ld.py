"""Nodes as JSON-LD (https://www.w3.org/TR/json-ld11): the context that gives terms their meaning, and documents with it."""

import sqlite3
from collections.abc import Generator, Iterable
from functools import partial

import orjson

from graphql_api.export.contents import Batch, Contents, Step, terms_in
from graphql_api.export.skos import PREFIXES, TERMS, ConceptNodes, ContextTerm, Node, scheme_node


def steps(contents: Contents) -> Generator[Step]:
    """The steps that write a release: one object whose graph has a node per line."""
    yield partial(_begin, contents)
    nodes = ConceptNodes(contents.release.number, contents.options.mappings, labelled=False)
    for batch in contents.all_batches():
        yield partial(_write, nodes, batch)
    yield partial(_write_terms, nodes)
    yield lambda _: b"\n]}\n"


def _begin(contents: Contents, _: sqlite3.Connection) -> bytes:
    context = orjson.dumps(_context(contents.options.base))
    return b'{"@context":%b,"@graph":[\n%b' % (context, orjson.dumps(scheme_node(contents.release)))


def _write(nodes: ConceptNodes, batch: Batch, connection: sqlite3.Connection) -> bytes:
    return _lines(nodes.concepts(batch.type, batch.read(connection)))


def _write_terms(nodes: ConceptNodes, connection: sqlite3.Connection) -> bytes:
    return _lines(nodes.terms(terms_in(connection)))


def _lines(nodes: Iterable[Node]) -> bytes:
    return b"".join(b",\n" + orjson.dumps(node) for node in nodes)


def document(node: Node, base: str) -> bytes:
    """A document with one node; `base` is the URL of `/id/`, or its URL relative to that of the document."""
    return orjson.dumps({"@context": _context(base), **node})


def _definition(term: ContextTerm) -> object:
    match term.values:
        case "text":
            return {"@id": term.iri, "@container": "@language"}
        case "id":
            return {"@id": term.iri, "@type": "@id"}
        case "date" | "dateTime":
            return {"@id": term.iri, "@type": f"xsd:{term.values}"}
    return term.iri


_CONTEXT = {**PREFIXES, **{name: _definition(term) for name, term in TERMS.items()}}


def _context(base: str) -> dict[str, object]:
    return {"@base": base, **_CONTEXT}
