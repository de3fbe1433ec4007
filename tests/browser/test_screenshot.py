"""The screenshot of GraphiQL in the docs: `make screenshot` takes it again, with the bundled data."""

import os
from pathlib import Path

import pytest

from graphql_api.app import create_app
from graphql_api.sandbox import Releases, create_sandbox
from graphql_api.settings import Settings
from tests.browser.test_graphiql_in_chromium import Page, Serve

pytestmark = pytest.mark.browser

PICTURE = Path(__file__).parents[2] / "docs" / "graphiql.png"


def test_the_docs_have_a_picture_of_graphiql_with_an_answer_and_its_docs(
    browser: object, serve: Serve, releases: Releases, settings: Settings, tmp_path: Path
) -> None:
    page = Page(browser, serve(create_app(settings, create_sandbox(releases))))  # type: ignore[arg-type]
    page.browser.set_window_size(1280, 720)
    page.run()
    page.docs()
    taken = PICTURE if os.environ.get("TAKE_PICTURE") else tmp_path / PICTURE.name
    assert page.browser.save_screenshot(str(taken))

    for file in (PICTURE, taken):
        assert file.read_bytes().startswith(b"\x89PNG")
        assert (
            20_000 < file.stat().st_size < 300_000
        )  # a page with something on it, and small enough for the repository
