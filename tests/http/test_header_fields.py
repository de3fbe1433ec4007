"""Header fields that every route reads, in the forms that clients and proxies send them."""

import pytest

from graphql_api.http.header_fields import elements
from graphql_api.observability.request_context import combined
from tests.conftest import CP_7, Server

Lines = list[tuple[str, str]]


def test_lines_of_a_field_are_joined_by_commas_and_cookies_by_semicolons() -> None:
    lines = [(b"accept", b"a"), (b"host", b"x"), (b"accept", b"b, c"), (b"cookie", b"a=1"), (b"cookie", b"b=2")]

    assert combined(lines) == {b"accept": b"a, b, c", b"host": b"x", b"cookie": b"a=1; b=2"}


def test_elements_are_unquoted_and_stripped() -> None:
    result = list(elements(' A/B ; x = "c,\\"D;" ;y,, ;q=1, * '))

    assert result == [("a/b", {"x": 'c,"d;', "y": ""}), ("*", {})]


def test_only_the_start_of_an_overlong_field_is_read() -> None:
    assert len(list(elements("a," * 100_000))) == 1_000
    assert len(list(elements('"' * 100_001))) == 1
    assert len(list(elements('"\\' * 100_000))) == 1


TEXT = f'{{ technicalCompetence(uuid: "{CP_7}", release: "3.11") {{ skill {{ description {{ text }} }} }} }}'


async def text_for(server: Server, lines: Lines) -> str:
    response = await server.client.post("/graphql", json={"query": TEXT}, headers=lines)
    text: str = response.json()["data"]["technicalCompetence"]["skill"]["description"]["text"]
    return text


async def test_languages_of_several_header_lines_are_joined(server: Server) -> None:
    french = await text_for(server, [("Accept-Language", "fr")])

    assert french != await text_for(server, [])
    assert (
        await text_for(server, [("Accept-Language", "xx;q=0.1"), ("Accept-Language", "fr;q=0.9, nl;q=0.2")]) == french
    )


@pytest.mark.parametrize(
    ("path", "lines", "content_type"),
    [
        ("/", [("Accept", "image/png"), ("Accept", "application/json")], "application/json"),
        ("/docs/", [("Accept", "text/markdown;q=0"), ("Accept", "text/html")], "text/html; charset=utf-8"),
        ("/id/3.11", [("Accept", "application/json;q=0.1"), ("Accept", "text/html")], "text/html; charset=utf-8"),
    ],
)
async def test_pages_read_all_lines_of_accept(server: Server, path: str, lines: Lines, content_type: str) -> None:
    assert (await server.client.get(path, headers=lines)).headers["content-type"] == content_type


@pytest.mark.parametrize("path", ["/schema.graphql", "/docs/http.md", "/id/3.11", "/graphiql/assets/icon.svg"])
async def test_if_none_match_with_the_current_etag_gets_304(server: Server, path: str) -> None:
    tag = (await server.client.get(path)).headers["etag"]
    weak = f"W/{tag.removeprefix('W/')}"
    forms: list[Lines] = [
        [("If-None-Match", tag)],
        [("If-None-Match", weak)],
        [("If-None-Match", f'"a,b", {weak}')],
        [("If-None-Match", '"x"'), ("If-None-Match", weak)],
        [("If-None-Match", "*")],
    ]

    assert [(await server.client.get(path, headers=form)).status_code for form in forms] == [304] * 5
    assert (await server.client.get(path, headers=[("If-None-Match", '"x"')])).status_code == 200


@pytest.mark.parametrize(
    ("lines", "status"),
    [
        ([("Content-Type", "application/json"), ("Content-Type", "application/json")], 200),
        ([("Content-Type", "application/json"), ("Content-Type", "text/plain")], 415),
        ([("Content-Type", "text/plain, application/json")], 415),
        ([("Content-Type", 'APPLICATION/JSON ;charset="utf-8" ;')], 200),
        ([("Content-Type", "application/json; charset=us-ascii")], 200),
        ([("Content-Type", "application/json; charset=utf-16")], 415),
        ([("Content-Type", "application/json; charsetx=utf-16")], 200),
        ([("Content-Type", "application/json"), ("Content-Encoding", "identity"), ("Content-Encoding", "")], 200),
        ([("Content-Type", "application/json"), ("Content-Encoding", "identity"), ("Content-Encoding", "gzip")], 415),
        ([("Content-Type", "application/json"), ("X-Competent-Timeout", " 2.5 ")], 200),
        ([("Content-Type", "application/json"), ("X-Competent-Timeout", "2"), ("X-Competent-Timeout", "3")], 400),
    ],
)
async def test_all_lines_of_content_fields_are_read(server: Server, lines: Lines, status: int) -> None:
    body = b'{"query": "{ __typename }"}'

    assert (await server.client.post("/graphql", content=body, headers=lines)).status_code == status
