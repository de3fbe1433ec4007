"""Hostile requests by category, each with the expected response."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any
from urllib.parse import quote

import orjson

TOO_COMPLEX = "QUERY_TOO_COMPLEX"
UNPARSED = "GRAPHQL_PARSE_FAILED"
INVALID = "GRAPHQL_VALIDATION_FAILED"
INPUT = "BAD_USER_INPUT"
BAD = "BAD_REQUEST"


@dataclass(frozen=True, slots=True)
class Hostile:
    """A request, the expected error code and status; None: the status of a GraphQL response."""

    content: bytes
    code: str
    status: int | None = None
    method: str = "POST"
    path: str = "/graphql"
    headers: dict[str, str] = field(default_factory=lambda: {"content-type": "application/json"})


def asks(query: str, code: str, variables: Any = None, **more: Any) -> Hostile:
    """A request for an operation."""
    return Hostile(orjson.dumps({"query": query, "variables": variables} | more), code)


def body(content: bytes, code: str = BAD, status: int = 400, **headers: str) -> Hostile:
    """A request with a raw body."""
    fields = {"content-type": "application/json"} | {name.replace("_", "-"): value for name, value in headers.items()}
    return Hostile(content, code, status, headers=fields)


def many(text: str, count: int, joint: str = " ") -> str:
    """A text repeated `count` times, with `#` replaced by its number."""
    return joint.join(text.replace("#", str(n)) for n in range(count))


def depth() -> Iterator[Hostile]:
    """Deeply nested fields, values, types and inline fragments."""
    for levels in (8, 20, 60):
        yield asks("{release{" + "skills{nodes{release{" * levels + "number" + "}}}" * levels + "}}", TOO_COMPLEX)
    yield asks("{a" * 400 + "}" * 400, UNPARSED)
    yield asks("{" * 900, UNPARSED)
    yield asks("{node(id:" + "[" * 400 + "]" * 400 + "){id}}", UNPARSED)
    yield asks("{occupationalProfiles(filter:" + "{text:" * 150 + '""' + "}" * 150 + "){totalCount}}", INVALID)
    yield asks("query($a:" + "[" * 250 + "Int" + "]" * 250 + "){__typename}", UNPARSED)
    yield asks("{" + "...on Query{" * 230 + "__typename" + "}" * 231, UNPARSED)
    yield asks(
        "{...F0}" + many("fragment F# on Query{...{...{...{...{...G#}}}}}", 40) + many("fragment G# on Query{x}", 1),
        INVALID,
    )
    yield asks("{__schema{types{" + "fields{type{" * 5 + "name" + "}}" * 5 + "}}}", INVALID)
    yield asks("{__schema{types{" + "ofType{" * 18 + "name" + "}" * 18 + "}}}", TOO_COMPLEX)


def breadth() -> Iterator[Hostile]:
    """Many aliases, root fields and repeated fields."""
    yield asks("{" + many('release(number:"#"){number}', 80) + "}", TOO_COMPLEX)
    yield asks("{" + many("a#:__typename", 51) + "}", TOO_COMPLEX)
    yield asks("{release{" + many("a#:number", 101) + "}}", TOO_COMPLEX)
    yield asks("{" + "__typename " * 600 + "}", TOO_COMPLEX)
    yield asks("{skills{" + "totalCount " * 900 + "}}", TOO_COMPLEX)
    yield asks("{skills{" + many("nodes{id code uuid}", 120) + "}}", TOO_COMPLEX)
    yield asks("{release{" + many("...on Release{skills{totalCount}}", 90) + "}}", TOO_COMPLEX)
    yield asks("{" + many("a#:skills(first:500){nodes{id code uuid}}", 49) + "}", TOO_COMPLEX)
    yield asks("{skills(first:500){nodes{usedInOccupationalProfiles(first:500){nodes{id}}}}}", TOO_COMPLEX)
    yield asks(
        "query($n:Int){skills(first:$n){nodes{usedInOccupationalProfiles(first:$n){nodes{id}}}}}",
        TOO_COMPLEX,
        {"n": 500},
    )
    yield asks(
        "{__schema{" + many("a#:types{fields{args{name type{name kind ofType{name kind}}}}}", 40) + "}}", TOO_COMPLEX
    )
    yield asks("{" + many("a#:__schema{types{fields{name type{name kind}}}}", 49) + "}", TOO_COMPLEX)


def fragments() -> Iterator[Hostile]:
    """Fragments: exponential, cyclic, numerous and undefined ones."""
    for spreads in (2, 3):
        yield asks(
            "{...F0}" + many("fragment F# on Query{" + "...G# " * spreads + "}", 30) + "fragment Z on Query{x}",
            INVALID,
        )
    yield asks(
        "{...F0}"
        + "".join(f"fragment F{n} on Query{{...F{n + 1} ...F{n + 1}}}" for n in range(60))
        + "fragment F60 on Query{__typename}",
        TOO_COMPLEX,
    )
    yield asks(
        "{release{...F0}}"
        + "".join(
            f"fragment F{n} on Release{{skills{{nodes{{release{{...F{n + 1} ...F{n + 1}}}}}}}}}" for n in range(5)
        )
        + "fragment F5 on Release{number}",
        TOO_COMPLEX,
    )
    yield asks("{...A}fragment A on Query{...A}", INVALID)
    yield asks("{...A}fragment A on Query{...B}fragment B on Query{...A}", INVALID)
    yield asks("{...F0}" + "".join(f"fragment F{n} on Query{{...F{(n + 1) % 90}}}" for n in range(90)), INVALID)
    yield asks("{__typename}" + many("fragment F# on Query{__typename}", 101), TOO_COMPLEX)
    yield asks("{...Ghost}", INVALID)
    yield asks("{...F}fragment F on Nothing{x}", INVALID)
    yield asks("{...F}fragment F on UUID{x}", INVALID)
    yield asks("{" + "...F " * 51 + "}fragment F on Query{__typename}", TOO_COMPLEX)
    yield asks(
        "{skills{nodes{" + many("...F#", 60) + "}}}" + many("fragment F# on Skill{id code uuid regions}", 60),
        TOO_COMPLEX,
    )


def directives() -> Iterator[Hostile]:
    """Directives: many, unknown, repeated and misplaced ones."""
    yield asks("{__typename " + "@skip(if:false)" * 110 + "}", TOO_COMPLEX)
    yield asks("{__typename " + "@nothing" * 400 + "}", TOO_COMPLEX)
    yield asks("{__typename " + "@nothing" * 90 + "}", INVALID)
    yield asks("{__typename @skip(if:false) @skip(if:false)}", INVALID)
    yield asks("query @skip(if:true){__typename}", INVALID)
    yield asks("{__typename @include}", INVALID)
    yield asks("{__typename @include(if:7)}", INVALID)
    yield asks("{...F}fragment F on Query" + "@a" * 101 + "{__typename}", TOO_COMPLEX)
    yield asks("query(" + many("$a#:Int@a", 101) + "){__typename}", TOO_COMPLEX)
    yield asks("{...@defer{__typename}}", INVALID)


def tokens() -> Iterator[Hostile]:
    """Long documents, long tokens and unusual characters."""
    yield asks("{" + "a " * 20_000 + "}", TOO_COMPLEX)
    yield asks("{" + " " * 60_000 + "}", TOO_COMPLEX)
    yield asks("{__typename}" + "#\n" * 4_000, TOO_COMPLEX)
    yield asks("{__typename}#" + "x" * 60_000, TOO_COMPLEX)
    yield asks("{" + "x" * 49_000 + "}", INVALID)
    yield asks('{node(id:"' + "x" * 49_000 + '"){id}}', INPUT)
    yield asks('{node(id:"""' + "x\n " * 16_000 + '"""){id}}', TOO_COMPLEX)
    yield asks('{skills(first:"' + "x" * 49_000 + '"){totalCount}}', INVALID)
    yield asks("{skills(first:" + "9" * 5_000 + "){totalCount}}", INVALID)
    yield asks("{skills(first:" + "9" * 49_000 + "){totalCount}}", INVALID)
    yield asks("{skills(first:1" + "0" * 400 + ".0e400){totalCount}}", INVALID)
    yield asks("{skills(first:99999999999){totalCount}}", INVALID)
    yield asks('{node(id:"\\ud800"){id}}', UNPARSED)
    yield asks('{node(id:"unterminated', UNPARSED)
    yield asks("{node(id:'x'){id}}", UNPARSED)
    yield asks("{__typename}\x00", UNPARSED)
    yield asks("\ufeff\ufeff\ufeff", UNPARSED)
    yield asks("{" + "\n" * 40_000 + many("x#", 40) + "}", TOO_COMPLEX)
    yield asks("{" + "\r" * 3_900 + many("x#", 40) + "}", INVALID)
    yield asks("query(" + many("$a#:Int", 240) + "){__typename}", INVALID)
    yield asks("query(" + many("$a:Int", 240) + "){__typename}", INVALID)
    yield asks("{skills(" + "first:1 " * 300 + "){totalCount}}", INVALID)
    yield asks(many("type A#{a:Int}", 100) + "{__typename}", INVALID)
    yield asks("{" + many("occupationalProfil#", 50) + "}", INVALID)


def variables() -> Iterator[Hostile]:
    """Variables: many, deeply nested, of the wrong type and unknown ones."""
    ids = "query($ids:[ID!]!){nodes(ids:$ids){id}}"
    yield asks(ids, TOO_COMPLEX, {"ids": ["a"] * 20_000})
    yield asks(ids, INPUT, {"ids": ["a"] * 501})
    yield asks(ids, INPUT, {"ids": [None]})
    yield asks(ids, INPUT, {})
    yield asks(ids, INPUT, {"ids": {"a": 1}})
    yield asks(ids, TOO_COMPLEX, {"ids": [[["a"]]] * 2_000})
    yield asks(ids, INPUT, {"ids": [["a"]] * 400})
    nested: Any = "a"
    for _ in range(120):
        nested = [nested]
    yield asks(ids, INPUT, {"ids": nested})
    count = "query($n:Int){skills(first:$n){totalCount}}"
    for value in (-1, 501, 2**31, 2**63, 1.5, "1", True, [], {}):
        yield asks(count, INPUT, {"n": value})
    yield asks(count, TOO_COMPLEX, {f"x{n}": n for n in range(6_000)})
    uuid = "query($u:UUID){skill(uuid:$u){id}}"
    for value in ("", "x", "x" * 100_000, "00000000-0000-0000-0000-00000000000g", 7, ["a"]):
        yield asks(uuid, INPUT, {"u": value})
    yield asks(
        "query($f:OccupationalProfileFilter){occupationalProfiles(filter:$f){totalCount}}",
        INPUT,
        {"f": {"x" * 900 + str(n): 1 for n in range(100)}},
    )
    yield asks(
        "query($f:OccupationalProfileFilter){occupationalProfiles(filter:$f){totalCount}}",
        INPUT,
        {"f": {"__proto__": {}}},
    )


def ids() -> Iterator[Hostile]:
    """Forged ids and cursors, and paths as release numbers."""
    from base64 import urlsafe_b64encode

    forged = [
        "Skill:3.11:../../admin",
        "Skill:3.11:00000000-0000-0000-0000-000000000000/../x",
        "Skill:../..:00000000-0000-0000-0000-000000000000",
        "Skill:current:00000000-0000-0000-0000-000000000000",
        "Nothing:3.11:00000000-0000-0000-0000-000000000000",
        "Query:3.11",
        "Release:3.11:00000000-0000-0000-0000-000000000000",
        "Release:3.11%2f..%2f",
        "::",
        "Skill:3.11:{00000000-0000-0000-0000-000000000000}",
        "Skill:3.11:\r\nX: y",
        "Skill:3.11:\x00",
    ]
    for text in forged:
        id = urlsafe_b64encode(text.encode()).decode().rstrip("=")
        yield asks("query($id:ID!){node(id:$id){id}}", INPUT, {"id": id})
    for id in ("", "a", "=" * 4, "é", "x" * 100_000, "../../etc/passwd", "..%2f..%2f"):
        yield asks("query($id:ID!){node(id:$id){id}}", INPUT, {"id": id})
    for cursor in ("", "a", "x" * 100_000, "AAAAAAAAMA", "AAAAAAAA" + "OQ" * 10):
        yield asks("query($c:String){skills(after:$c){totalCount}}", INPUT, {"c": cursor})
    for number in (
        "../current",
        "3.11/../..",
        "..%2f..",
        "3.11?x=1",
        "3.11#x",
        "3.11\r\nX:y",
        "//evil.example",
        "http://evil.example",
        "x" * 10_000,
        "",
    ):
        yield asks("query($r:String!){release(number:$r){number}}", "RELEASE_NOT_FOUND", {"r": number})


def bodies() -> Iterator[Hostile]:
    """Bodies that are not an operation."""
    for content in (
        b"",
        b"null",
        b'"x"',
        b"123",
        b"[]",
        b"{}",
        b"{",
        b"true",
        b"NaN",
        b'{"query":NaN}',
        b"\xff\xfe{\x00}\x00",
        b'{"query":"\xff"}',
    ):
        yield body(content)
    yield body(b"[" * 100_000)
    yield body(b'{"a":' * 50_000)
    yield body(b'{"query":"{__typename}","variables":' + b"[" * 2_000 + b"]" * 2_000 + b"}")
    yield body(b'[{"query":"{__typename}"}]')
    yield body(orjson.dumps([{"query": "{__typename}"}] * 5_000))
    yield body(b'{"query":"' + b"x" * 300_000 + b'"}', status=413)
    yield body(b'{"query":null}')
    yield body(b'{"query":{"a":1}}')
    yield body(b'{"query":"{__typename}","variables":"{}"}')
    yield body(b'{"query":"{__typename}","operationName":["a"]}')
    yield body(b'{"query":"{__typename}","extensions":[1]}')
    yield body(b'{"query":"   "}')
    yield asks("query A{__typename}query B{__typename}", "OPERATION_RESOLUTION_FAILURE")
    yield asks("query A{__typename}", "OPERATION_RESOLUTION_FAILURE", operationName="x" * 50_000)
    yield asks("mutation{x}", INVALID)
    yield asks("subscription{x}", INVALID)


def encodings() -> Iterator[Hostile]:
    """Wrong content types, as of forms and broken clients."""
    tiny = b'{"query":"{__typename}"}'
    for content_type in (
        "",
        "text/plain",
        "text/plain; application/json",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "application/json-x",
        "application/jsonp",
        "application/graphql",
        "*/*",
        "application/json, text/plain",
        "application/json;charset=utf-16",
        "application/json; charset=latin-1",
    ):
        yield body(tiny, status=415, content_type=content_type)
    for encoding in ("gzip", "deflate", "br", "gzip, gzip", "x"):
        yield body(tiny, status=415, content_encoding=encoding)
    for accept in ("text/html", "application/json;q=0", "image/*"):
        yield body(tiny, status=406, accept=accept)


def methods() -> Iterator[Hostile]:
    """HTTP methods and query strings."""
    for method in ("PUT", "PATCH", "DELETE", "TRACE", "CONNECT", "PROPFIND", "X"):
        yield Hostile(b"", BAD, 405, method, headers={})
    for operation_type in ("mutation", "subscription"):
        yield Hostile(b"", BAD, 405, "GET", f"/graphql?query={operation_type}{{x}}", {})
    for parameters in (
        "",
        "query=",
        "query={__typename}&variables=x",
        "query={__typename}&variables=[1]",
        "query={__typename}&extensions=x",
        "variables={}",
    ):
        yield Hostile(b"", BAD, 400, "GET", f"/graphql?{parameters}", {})
    yield Hostile(b"", TOO_COMPLEX, None, "GET", "/graphql?query=" + quote("{" + many("a#:__typename", 51) + "}"), {})
    for path in (
        "/graphql/../x",
        "/%2e%2e/x",
        "/graphiql/assets/../../settings.py",
        "/graphiql/assets/%2e%2e%2fpage.html",
        "/graphiql/assets/..%5c",
        "/.git/config",
        "/graphql%00",
    ):
        yield Hostile(b"", BAD, 404, "GET", path, {})


def persisted() -> Iterator[Hostile]:
    """Automatic persisted queries with the hash of another document, and invalid ones."""

    def apq(hash: Any, query: str | None = None, version: Any = 1) -> bytes:
        sent = {"extensions": {"persistedQuery": {"version": version, "sha256Hash": hash}}}
        return orjson.dumps(sent | ({} if query is None else {"query": query}))

    good = sha256(b"{__typename}").hexdigest()
    yield body(apq(good, "{a:__typename}"))
    yield body(apq("0" * 64, "{__typename}"))
    yield body(apq(good, "{__typename}", 2))
    yield body(apq(good, "{__typename}", "1"))
    yield body(apq(7, "{__typename}"))
    yield body(apq("../../x", "{__typename}"))
    yield Hostile(apq("f" * 64), "PERSISTED_QUERY_NOT_FOUND", 200)
    broken = "{nothing}"
    yield Hostile(apq(sha256(broken.encode()).hexdigest(), broken), INVALID)
    yield Hostile(
        apq(sha256(broken.encode()).hexdigest()), "PERSISTED_QUERY_NOT_FOUND", 200
    )  # an invalid document is not stored
    yield Hostile(orjson.dumps({"documentId": "x"}), "PERSISTED_QUERY_NOT_SUPPORTED", 200)


FAMILIES: dict[str, Callable[[], Iterator[Hostile]]] = {
    item.__name__: item
    for item in (depth, breadth, fragments, directives, tokens, variables, ids, bodies, encodings, methods, persisted)
}
