"""Requests as clients write them: some that the fast path serves once everything is cached, others that it never serves."""

import json
from hashlib import sha256
from typing import Any
from urllib.parse import quote

import orjson

from tests.conftest import CP_7
from tests.server.fast_path.memory_transport import post, request, with_field

PINNED = """query Pinned($uuid: UUID!) { technicalCompetence(uuid: $uuid, release: "3.11") { code skill { description { text } } } }"""
CURRENT = """query Current($uuid: UUID!) { technicalCompetence(uuid: $uuid) { id code release { number } } }"""
LISTED = """query Listed($first: Int!) { occupationalProfiles(release: "3.11", first: $first) {
  nodes { code title { text nl fr en } essentialCompetences { code skill { description { nl fr } } } } } }"""

CP = {"uuid": CP_7}
MISSING = {"uuid": CP_7.replace("8c15", "8c16")}
PLAIN = post(PINNED, CP)


def hashed(query: str) -> dict[str, Any]:
    return {"extensions": {"persistedQuery": {"version": 1, "sha256Hash": sha256(query.encode()).hexdigest()}}}


def get(query: str, variables: Any = None, **fields: str | None) -> bytes:
    target = f"/graphql?query={quote(query)}" + (f"&variables={quote(json.dumps(variables))}" if variables else "")
    return request(b"", f"GET {target} HTTP/1.1", **({"Content_Type": None, "Content_Length": None} | fields))


FAST = {
    "pinned": PLAIN,
    "current": post(CURRENT, CP),
    "a list": post(LISTED, {"first": 3}),
    "a long list": post(LISTED, {"first": 40}),
    "no document": post("{ __typename }"),
    "nothing there": post('{ release(number: "3.11") { isCurrent publishedOn } }'),
    "JSON": post(PINNED, CP, Accept="application/json"),
    "GraphQL's JSON": post(PINNED, CP, Accept="application/graphql-response+json"),
    "either": post(PINNED, CP, Accept="application/json;q=0.5, application/graphql-response+json"),
    "anything": post(PINNED, CP, Accept="*/*"),
    "parts, where there are none": post(PINNED, CP, Accept="multipart/mixed, application/json"),
    "French": post(PINNED, CP, Accept_Language="fr-BE, nl;q=0.5"),
    "no language that there is": post(PINNED, CP, Accept_Language="xx"),
    "gzip, short": post(PINNED, CP, Accept_Encoding="gzip, br"),
    "gzip, long": post(LISTED, {"first": 40}, Accept_Encoding="gzip, br"),
    "identity, long": post(LISTED, {"first": 40}, Accept_Encoding="identity"),
    "charset": post(PINNED, CP, Content_Type="application/json; charset=utf-8"),
    "an id": post(PINNED, CP, X_Request_ID="mine-1"),
    "an invalid id": post(PINNED, CP, X_Request_ID="mine 1"),
    "two ids": with_field(PLAIN, b"X-Request-ID: a", b"X-Request-ID: b"),
    "a trace, though nothing is traced": post(
        PINNED, CP, traceparent="00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", tracestate="a=b"
    ),
    "a kept connection": post(PINNED, CP, Connection="keep-alive"),
    "a cookie": post(PINNED, CP, Cookie="a=b"),
    "what holds for a GET only": post(PINNED, CP, If_None_Match="*"),
    "who reads no keys": post(PINNED, CP, Authorization="Bearer x", X_API_Key="x"),
    "unknown fields, with unusual letters": post(PINNED, CP, X_Unknown="\xe9", hOsT="x", Host=None),
    "a name": post("query A { __typename } query B { b: __typename }", more={"operationName": "B"}),
    "more than is read": post(PINNED, CP, more={"extra": [1, {"a": None}]}),
    "undeclared variables": post(PINNED, CP | {"more": [1, 2]}),
    "white space around": request(b" \n" + orjson.dumps({"query": "{ __typename }"}) + b"\n "),
    "a hash with its text": post(PINNED, CP, hashed(PINNED)),
    "by GET": get(PINNED, CP),
    "by GET, long and compressed": get(LISTED, {"first": 40}, Accept_Encoding="gzip"),
    "by GET, what is current": get(CURRENT, CP),
    "gzip that is refused, long": post(LISTED, {"first": 40}, Accept_Encoding="gzip;q=0, *"),
    "gzip by a star, long": post(LISTED, {"first": 40}, Accept_Encoding="*"),
    "identity refused, short": post(PINNED, CP, Accept_Encoding="gzip, identity;q=0"),
    "identity preferred, long": post(LISTED, {"first": 40}, Accept_Encoding="gzip;q=0.5, identity"),
    "a tag among others, of which one has a comma": get(
        PINNED, CP, If_None_Match='"a,b", W/"c"', Accept_Language="fr, *"
    ),
    "the identity coding": post(PINNED, CP, Content_Encoding="identity, identity"),
    "white space after a tag": get(PINNED, CP, If_None_Match='"x" \t'),
    "white space after a type": post(PINNED, CP, Accept="application/json \t", Content_Type="application/json  "),
    "PHP's empty maps": request(b'{"query":"{ __typename }","variables":[],"extensions":[]}'),
    "a byte order mark": request(b'\xef\xbb\xbf{"query":"{ __typename }"}'),
    "Java's offer of HTTP/2": post(
        PINNED,
        CP,
        Connection="Upgrade, HTTP2-Settings",
        Upgrade="h2c",
        HTTP2_Settings="AAEAAEAAAAIAAAABAAMAAABkAAQBAAAAAAUAAEAA",
        User_Agent="Java-http-client/17.0.15",
    ),
    "a slash at the end": post(PINNED, CP, line="POST /graphql/ HTTP/1.1"),
    "a language of a locale": post(PINNED, CP, Accept_Language="nl_BE.UTF-8"),
    "a language that is refused": post(PINNED, CP, Accept_Language="nl;q=0, *"),
    "white space and quotes": post(
        PINNED,
        CP,
        Accept=' application/json ; profile="a,b" ;\tq=0.5 ',
        Content_Type='Application/JSON ; charset="UTF-8"',
    ),
}
LOOKED_UP = {
    "by code": post('{ occupationalProfile(code: "OP-101", release: "3.11") { uuid title { nl } } }'),
    "by a code that there is not": post('{ occupationalProfile(code: "OP-999", release: "3.11") { uuid } }'),
    "where it is used": post(
        f'{{ technicalCompetence(uuid: "{CP_7}", release: "3.11") {{ usedInOccupationalProfiles {{ totalCount }} }} }}'
    ),
}
LONG = {
    "events": post(PINNED, CP, Accept="text/event-stream"),
    "events rather than JSON": post(PINNED, CP, Accept="application/json;q=0.5, text/event-stream"),
    "parts alone": post(PINNED, CP, Accept="multipart/mixed"),
    "a type that there is not": post(PINNED, CP, Accept="text/html"),
    "explained": post(PINNED, CP, X_Competent_Explain="1"),
    "in a hurry": post(PINNED, CP, X_Competent_Timeout="3"),
    "in no time": post(PINNED, CP, X_Competent_Timeout="nan"),
    "another path": post(PINNED, CP, line="POST /competent/graphql HTTP/1.1"),
    "two slashes": post(PINNED, CP, line="POST /graphql// HTTP/1.1"),
    "a path in other letters": post(PINNED, CP, line="POST /%67raphql HTTP/1.1"),
    "a query string beside a body": post(PINNED, CP, line="POST /graphql?query=x HTTP/1.1"),
    "a method that there is not": post(PINNED, CP, line="PUT /graphql HTTP/1.1"),
    "no type": post(PINNED, CP, Content_Type=None),
    "another type": post(PINNED, CP, Content_Type="text/plain"),
    "another charset": post(PINNED, CP, Content_Type="application/json; charset=latin-1"),
    "two types": with_field(PLAIN, b"Content-Type: text/plain"),
    "languages in two lines": with_field(PLAIN, b"Accept-Language: fr;q=0.5", b"Accept-Language: de"),
    "codings in two lines": with_field(post(LISTED, {"first": 40}), b"Accept-Encoding: br", b"Accept-Encoding: gzip"),
    "types in two lines": with_field(PLAIN, b"Accept: text/html", b"Accept: application/graphql-response+json"),
    "a type that is JSON twice": with_field(PLAIN, b"Content-Type: application/json"),
    "tags in two lines": with_field(get(PINNED, CP), b'If-None-Match: "x"', b"If-None-Match: *"),
    "types that differ": with_field(PLAIN, b"Content-Type: text/plain"),
    "two timeouts": with_field(PLAIN, b"X-Competent-Timeout: 3", b"X-Competent-Timeout: 2"),
    "two that may accept": with_field(PLAIN, b"Accept: text/html", b"Accept: application/json"),
    "a compressed body": post(PINNED, CP, Content_Encoding="gzip"),
    "no JSON": request(b"{"),
    "an empty body": request(b""),
    "a query string for a body": request(f"?query={quote('{ __typename }')}".encode()),
    "an array": request(b"[]"),
    "no query": request(b'{"variables": {}}'),
    "variables of a wrong kind": request(b'{"query": "{ __typename }", "variables": 7}'),
    "a document that does not parse": post("{"),
    "one that is not valid": post("{ nothing }"),
    "one without operations": post("fragment A on Query { __typename }"),
    "no operation of this name": post("query A { __typename }", more={"operationName": "B"}),
    "a variable that is not there": post(PINNED),
    "a variable that does not fit": post(PINNED, {"uuid": 7}),
    "too expensive": post(
        "{ occupationalProfiles(first: 500) { nodes { essentialCompetences { knowledgeItems { id code uuid } } } } }"
    ),
    "too many values": post(PINNED, CP | {"more": [0] * 6_000}),
    "introspection": post("{ __schema { queryType { name } } }"),
    "a subscription": post("subscription { releasePublished { number } }"),
    "a missing concept": post(PINNED, MISSING),
    "a release that there is not": post('{ release(number: "9.9") { number } }'),
    "a bad argument": post("{ occupationalProfiles(first: -1) { totalCount } }"),
    "a bad id beside what is well": post('{ node(id: "x") { id } release(number: "3.11") { number } }'),
    "a search": post('{ search(text: "bouw", release: "3.11", first: 2) { nodes { concept { id } } } }'),
    "an unknown hash": post(None, None, hashed("{ a: __typename }")),
    "a hash of another text": post("{ __typename }", None, hashed("{ a: __typename }")),
    "an id where there are none": post(None, None, {"documentId": "x"}),
    "by GET, nothing": request(b"", "GET /graphql HTTP/1.1", Content_Length=None),
    "by GET, no query": request(b"", "GET /graphql?x=1 HTTP/1.1", Content_Length=None),
    "by GET, twice the same": request(b"", "GET /graphql?query=a&query=b HTTP/1.1", Content_Length=None),
    "by GET, a subscription": get("subscription { releasePublished { number } }"),
    "by GET, for a page": get("{ __typename }", Accept="text/html"),
    "by GET, with a body": get(PINNED, CP, Content_Length="2") + b"{}",
    "the head alone": get(PINNED, CP).replace(b"GET", b"HEAD", 1),
}

KINDS = (
    post(PINNED, CP),
    post(CURRENT, CP),
    post(LISTED, {"first": 30}),
    post(LISTED, {"first": 30}, Accept_Encoding="gzip"),
    get(LISTED, {"first": 30}, Accept_Encoding="gzip"),
    post("{ nothing }"),
    post(PINNED, MISSING),
)
