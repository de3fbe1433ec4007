"""The GraphiQL page and its files, as a browser requests them.

Promise: what the page loads is in the package, under a policy that lets it load nothing else.
"""

import ast
import hashlib
import re
import sys
from collections.abc import AsyncIterator, Mapping
from html.parser import HTMLParser
from pathlib import Path

import httpx
import pytest
from starlette.applications import Starlette
from starlette.routing import Mount

import graphql_api.http.pages.graphiql
from graphql_api.http.pages.graphiql import graphiql_routes

PACKAGE = Path(graphql_api.http.pages.graphiql.__file__).parent
ASSETS = PACKAGE / "assets"
OURS = {"bar.js", "examples.js", "fetcher.js", "icon.svg", "incremental.js", "page.css", "page.js"}
EXAMPLES = {"groups": [{"title": "Look up", "examples": []}], "response": {"data": {"release": None}}}


async def examples(accept_language: str) -> Mapping[str, object]:
    return EXAMPLES | {"languages": accept_language}


async def notice() -> str:
    return "<p>Sandbox data</p>"


async def no_notice() -> str:
    return ""


@pytest.fixture
async def client() -> AsyncIterator[httpx.AsyncClient]:
    routes = graphiql_routes(examples, notice)
    app = Starlette(routes=[*routes, Mount("/behind/a/prefix", routes=routes)])
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://server") as client:
        yield client


class Tags(HTMLParser):
    """The tags of a page with their attributes, and the text within its scripts and styles."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str]]] = []
        self.inline = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, {name: value or "" for name, value in attrs}))

    def handle_data(self, data: str) -> None:
        if self.tags and self.tags[-1][0] in ("script", "style"):
            self.inline += data.strip()

    def loads(self) -> list[str]:
        return [attrs[name] for _, attrs in self.tags for name in ("src", "href") if name in attrs]


def directives(response: httpx.Response) -> dict[str, str]:
    policy = response.headers["content-security-policy"]
    return dict(part.strip().split(" ", 1) for part in policy.split(";"))


def nonce(response: httpx.Response) -> str:
    return next(attrs["nonce"] for _, attrs in Tags(response.text).tags if "nonce" in attrs)


async def test_the_policy_lets_the_page_load_from_its_own_host_only(client: httpx.AsyncClient) -> None:
    page = await client.get("/graphiql")
    assert page.status_code == 200
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert directives(page) == {
        "default-src": "'none'",
        "script-src": "'self'",
        "style-src": f"'self' 'nonce-{nonce(page)}'",
        "img-src": "'self' data:",
        "font-src": "data:",
        "connect-src": "'self'",
        "base-uri": "'none'",
        "form-action": "'none'",
        "frame-ancestors": "'none'",
    }
    assert page.headers["x-content-type-options"] == "nosniff"
    assert page.headers["referrer-policy"] == "no-referrer"


async def test_every_response_has_a_new_nonce(client: httpx.AsyncClient) -> None:
    nonces = {nonce(await client.get("/graphiql")) for _ in range(5)}
    assert len(nonces) == 5
    assert min(map(len, nonces)) >= 22  # 128 bits, as the policy's specification asks


async def test_the_page_holds_no_inline_script_style_or_handler(client: httpx.AsyncClient) -> None:
    page = Tags((await client.get("/graphiql")).text)
    assert page.inline == ""
    assert [name for _, attrs in page.tags for name in attrs if name == "style" or name.startswith("on")] == []


@pytest.mark.parametrize("prefix", ["", "/behind/a/prefix"])
async def test_every_asset_of_the_page_is_served_from_the_package(client: httpx.AsyncClient, prefix: str) -> None:
    page = await client.get(f"{prefix}/graphiql")
    names = [name for name in Tags(page.text).loads() if "/assets/" in name]
    assert len(names) == 11
    for name in names:
        answer = await client.get(page.url.join(name))
        assert answer.status_code == 200, name
        assert answer.content == (ASSETS / Path(answer.url.path).name).read_bytes()


@pytest.mark.parametrize(
    "file", ["page.html", *(f"assets/{name}" for name in sorted(OURS) if not name.endswith(".svg"))]
)
def test_our_own_files_name_no_other_host(file: str) -> None:
    text = (PACKAGE / file).read_text(encoding="utf-8")
    assert re.findall(r"""(?:https?|wss?):|["'(]//""", text) == []


async def test_a_versioned_asset_is_cached_permanently(client: httpx.AsyncClient) -> None:
    name = next(name for name in Tags((await client.get("/graphiql")).text).loads() if "page.js" in name)
    assert (await client.get(f"/{name}")).headers["cache-control"] == "public, max-age=31536000, immutable"


@pytest.mark.parametrize("query", ["", "?v=of-another-release"])
async def test_an_unversioned_asset_is_revalidated_each_time(client: httpx.AsyncClient, query: str) -> None:
    first = await client.get(f"/graphiql/assets/page.js{query}")
    assert first.headers["cache-control"] == "no-cache"
    second = await client.get(f"/graphiql/assets/page.js{query}", headers={"If-None-Match": first.headers["etag"]})
    assert second.status_code == 304


@pytest.mark.parametrize(
    ("file", "type_"),
    [("page.js", "text/javascript"), ("page.css", "text/css"), ("icon.svg", "image/svg+xml")],
)
async def test_an_asset_has_the_content_type_that_browsers_require(
    client: httpx.AsyncClient, file: str, type_: str
) -> None:
    answer = await client.get(f"/graphiql/assets/{file}")
    assert answer.headers["content-type"].split(";")[0] == type_
    assert answer.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize("path", ["missing.js", "..%2Fpage.html", "..%2F__init__.py", "%2Fetc%2Fpasswd"])
async def test_no_other_file_is_served_as_an_asset(client: httpx.AsyncClient, path: str) -> None:
    assert (await client.get(f"/graphiql/assets/{path}")).status_code == 404


async def test_examples_are_in_the_languages_of_the_reader(client: httpx.AsyncClient) -> None:
    answer = await client.get("/graphiql/examples.json", headers=[("Accept-Language", "nl"), ("Accept-Language", "fr")])
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["vary"] == "Accept-Language"
    assert answer.json() == EXAMPLES | {"languages": "nl,fr"}


async def test_the_page_has_a_field_for_the_key_if_clients_need_one() -> None:
    for header in ("", "X-API-Key"):
        routes = graphiql_routes(examples, no_notice, key_header=header)
        async with httpx.AsyncClient(
            transport=httpx.ASGITransport(Starlette(routes=routes)), base_url="http://server"
        ) as client:
            assert f'data-key-header="{header}"' in (await client.get("/graphiql")).text


@pytest.mark.parametrize("prefix", ["", "/behind/a/prefix"])
async def test_extra_slashes_redirect_to_the_page(client: httpx.AsyncClient, prefix: str) -> None:
    answer = await client.get(f"{prefix}/graphiql/")
    assert answer.is_redirect
    assert answer.headers["location"] == "../graphiql"  # relative: a proxy's prefix stays
    assert answer.next_request is not None
    assert answer.next_request.url.path == f"{prefix}/graphiql"


def test_bundled_libraries_are_unmodified() -> None:
    rows = re.findall(r"^\| `([^`]+)` \|.*`([0-9a-f]{64})` \|$", (ASSETS / "README.md").read_text(), re.MULTILINE)
    assert {name for name, _ in rows} | OURS | {"README.md", "LICENSES-bundled.txt"} == {
        file.name for file in ASSETS.iterdir()
    }
    for name, digest in rows:
        assert hashlib.sha256((ASSETS / name).read_bytes()).hexdigest() == digest, name


@pytest.mark.parametrize(
    ("file", "words"),
    [
        ("LICENSE-graphiql.txt", ["MIT License", "GraphQL Contributors"]),
        ("LICENSE-react.txt", ["MIT License", "Facebook"]),
        ("LICENSES-bundled.txt", ["codemirror", "markdown-it", "Apache License", "SIL OPEN FONT", "Redistribution"]),
    ],
)
def test_the_licences_are_bundled_with_the_files(file: str, words: list[str]) -> None:
    text = (ASSETS / file).read_text(encoding="utf-8")
    assert [word for word in words if word not in text] == []


def test_the_module_needs_only_starlette() -> None:
    nodes = list(ast.walk(ast.parse((PACKAGE / "__init__.py").read_text(encoding="utf-8"))))
    modules = {node.module or "." for node in nodes if isinstance(node, ast.ImportFrom)}
    modules |= {name.name for node in nodes if isinstance(node, ast.Import) for name in node.names}
    assert {module.split(".")[0] for module in modules} - sys.stdlib_module_names == {"starlette"}


def test_the_readme_of_the_assets_names_every_file() -> None:
    readme = (ASSETS / "README.md").read_text(encoding="utf-8")

    assert [file.name for file in ASSETS.iterdir() if f"`{file.name}`" not in readme and file.name != "README.md"] == []


async def test_the_page_names_the_source_of_the_data(client: httpx.AsyncClient) -> None:
    page = (await client.get("/graphiql")).text

    assert "<p>Sandbox data</p>" in page


async def test_the_page_has_no_notice_for_an_unknown_source() -> None:
    transport = httpx.ASGITransport(Starlette(routes=graphiql_routes(examples, no_notice)))
    async with httpx.AsyncClient(transport=transport, base_url="http://server") as client:
        page = (await client.get("/graphiql")).text

    assert "Sandbox data" not in page
    assert "{notice}" not in page
