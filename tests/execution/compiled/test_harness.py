"""The comparison detects every difference between two replies, and servers that behave differently."""

from collections.abc import Callable
from typing import Any

import orjson
import pytest
from starlette.types import Scope

from graphql_api.server.protocol import FastPathHandler, Unanswered
from graphql_api.server.response_cycle import Headers
from tests.execution.compiled.run_examples import Bench
from tests.execution.compiled.shared_upstream import Damage, Upstream
from tests.execution.compiled.two_servers import ClientRequest, Reply, differences, twins

BODY = b'{"errors":[{"message":"m","locations":[{"line":1,"column":3}],"path":["a",0],"extensions":{"code":"X"}},{"message":"n","path":["b"]}],"data":{"a":[{"x":1,"y":null},{"x":2,"y":[]}],"b":null}}'
REPLY = Reply(200, {"cache-control": "no-store", "etag": "1", "content-length": "9"}, BODY, ["/a", "/b"])
EQUAL = {
    "another tag": REPLY._replace(headers=REPLY.headers | {"etag": "2"}),
    "errors in another order": REPLY._replace(
        body=orjson.dumps((body := orjson.loads(BODY)) | {"errors": body["errors"][::-1]})
    ),
}


def reply_with(old: bytes, new: bytes) -> Reply:
    assert old in BODY
    return REPLY._replace(body=BODY.replace(old, new))


DIFFERENT = {
    "status": REPLY._replace(status=400),
    "header": REPLY._replace(headers=REPLY.headers | {"cache-control": "public"}),
    "no tag": REPLY._replace(headers={name: entry for name, entry in REPLY.headers.items() if name != "etag"}),
    "order of keys": reply_with(b'{"x":1,"y":null}', b'{"y":null,"x":1}'),
    "order of items": reply_with(b'{"x":1,"y":null},{"x":2,"y":[]}', b'{"x":2,"y":[]},{"x":1,"y":null}'),
    "null for nothing": reply_with(b',"y":null', b""),
    "a key twice": reply_with(b'{"x":1,"y":null}', b'{"x":1,"y":null,"y":null}'),
    "a number as text": reply_with(b'"x":1', b'"x":"1"'),
    "null further up": reply_with(b'{"x":2,"y":[]}', b"null"),
    "location": reply_with(b'"column":3', b'"column":4'),
    "path": reply_with(b'["a",0]', b'["a",1]'),
    "code": reply_with(b'"X"', b'"Y"'),
    "an error less": reply_with(b',{"message":"n","path":["b"]}', b""),
    "data before errors": REPLY._replace(body=orjson.dumps(dict(reversed(orjson.loads(BODY).items())))),
    "no body": REPLY._replace(body=b""),
    "asked twice": REPLY._replace(upstream=["/a", "/a", "/b"]),
    "asked less": REPLY._replace(upstream=["/a"]),
}


@pytest.mark.parametrize("other", EQUAL.values(), ids=EQUAL)
def test_replies_that_are_equal_for_clients_do_not_differ(other: Reply) -> None:
    assert differences(REPLY, other) == []


@pytest.mark.parametrize("other", DIFFERENT.values(), ids=DIFFERENT)
def test_replies_differ(other: Reply) -> None:
    assert differences(REPLY, other)


QUERY = """{ occupationalProfiles(first: 2) { nodes { code title { nl } essentialCompetences { code knowledgeItems { code description { fr } } } } } }"""


async def differences_after(bench: Bench, change: Callable[[str, int, Any], Any], request: ClientRequest) -> list[str]:
    """The differences between a server over the data and one over changed data, both with the same index."""
    data = bench.data
    upstream, other = Upstream(data.original), Upstream(data.original, change)
    async with twins(data.settings, data.settings, upstream, *data.numbers, other=other) as pair:
        return await pair.ask(request)


def deep_text(path: str, status: int, document: Any) -> Any:
    for entry in document.get("essentialCompetences", ()):
        for item in entry.get("knowledgeItems", ()):
            item["description"] = {**item["description"], "fr": "autre chose"}
    return status, document


def test_a_server_that_changes_one_text_is_detected(bench: Bench) -> None:
    (difference,) = bench.run(differences_after(bench, deep_text, ClientRequest(QUERY)))

    assert difference.startswith("data: ")
    assert "autre chose" in difference
    assert "/knowledgeItems/" in difference


def test_a_server_without_its_documents_is_detected(bench: Bench) -> None:
    assert bench.run(differences_after(bench, lambda *_: (404, {}), ClientRequest(QUERY)))


class AlteringFastPath:
    """A fast path that changes a text in its responses."""

    def __init__(self, path: FastPathHandler, old: bytes, new: bytes) -> None:
        self._path = path
        self._old, self._new = old, new

    def respond(self, request: bytes, fields: Headers) -> bytes | Unanswered:
        response = self._path.respond(request, fields)
        return response if isinstance(response, Unanswered) else response.replace(self._old, self._new, 1)

    def respond_to_parsed(self, scope: Scope, body: bytes, came: bytes | None, fields: Headers) -> bytes | None:
        response = self._path.respond_to_parsed(scope, body, came, fields)
        return response and response.replace(self._old, self._new, 1)


LIES = {"a status": (b" 200 ", b" 201 "), "a header": (b"max-age=", b"max-age=1"), "data": (b'"code":"', b'"code":"x')}


@pytest.mark.parametrize(("old", "new"), LIES.values(), ids=LIES)
def test_a_fast_path_that_changes_a_response_is_detected(bench: Bench, old: bytes, new: bytes) -> None:
    async def altered_replies() -> tuple[list[str], list[str]]:
        data = bench.data
        async with twins(data.settings, data.settings, Upstream(data.original), *data.numbers) as pair:
            honest = await pair.ask(ClientRequest(QUERY))
            assert pair.second.fast == 2
            pair.second.fast_path = AlteringFastPath(pair.second.fast_path, old, new)
            return honest, await pair.ask(ClientRequest(QUERY))

    honest, differing = bench.run(altered_replies())

    assert honest == []
    assert len(differing) == 2
    assert all(item.startswith("fast: ") for item in differing)


def test_damage_is_reproducible_per_number() -> None:
    def damaged_document(number: int) -> Any:
        document = {"id": "x", "title": {"nl": "a"}, "competences": [{"id": str(n), "code": "c"} for n in range(9)]}
        return Damage(number, share=1.0)("/releases/3.11/occupationalprofiles/x", 200, document)

    assert damaged_document(1) == damaged_document(1)
    assert len({repr(damaged_document(number)) for number in range(20)}) > 10
