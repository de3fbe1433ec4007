"""What all rendered pages share: the stylesheet, escaping, and that templates are loaded when a page is."""

import re
import subprocess
import sys

import pytest
from markupsafe import Markup

from graphql_api.http.pages.rendering import render
from tests.conftest import Server

HTML = {"Accept": "text/html"}


@pytest.mark.slow
def test_a_start_imports_no_templates() -> None:
    code = "import sys, graphql_api.app; print({'jinja2', 'babel', 'markupsafe'} & sys.modules.keys() or 'none')"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout == "none\n"


async def test_the_stylesheet_of_a_page_is_cached_permanently(server: Server) -> None:
    page = await server.client.get("/docs/queries", headers=HTML)
    (url,) = re.findall(r'<link rel="stylesheet" href="([^"]+)">', page.text)
    style = await server.client.get(f"/docs/{url}")

    assert style.headers["content-type"] == "text/css; charset=utf-8"
    assert "immutable" in style.headers["cache-control"]
    assert "url(" not in style.text
    second = await server.client.get("/assets/style.css", headers={"If-None-Match": style.headers["etag"]})
    assert (second.status_code, second.headers["cache-control"]) == (304, "no-cache")
    script = await server.client.get("/assets/explorer.js")
    assert script.headers["content-type"] == "text/javascript; charset=utf-8"
    assert (await server.client.get("/assets/..%2Fhome.py")).status_code == 404


def test_every_value_is_escaped_unless_it_is_markup() -> None:
    hostile = "<script>alert(1)</script>"
    page = render(
        "docs.html",
        title=hostile,
        root="./",
        docs="./",
        source=hostile,
        body=Markup("<p>body</p>"),
        has_graphiql=False,
        navigation=(),
        contents=[],
        current="",
        url=str,
        before=None,
        after=None,
    )

    assert hostile not in page
    assert page.count("&lt;script&gt;") == 3
    assert "<p>body</p>" in page
