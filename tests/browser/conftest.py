"""A real browser for tests, and a real server for it to visit.

Neither uses the network beyond this machine, and tests are skipped if a program or library is missing.
"""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from starlette.types import ASGIApp

from graphql_api.app import create_app
from graphql_api.sandbox import Releases, create_sandbox
from graphql_api.settings import Settings
from tests.browser.visits import MissingProgram, open_browser, reset, serving
from tests.conftest import PATIENT

if TYPE_CHECKING:
    from selenium.webdriver import Chrome


@pytest.fixture(scope="module")
def chromium(tmp_path_factory: pytest.TempPathFactory) -> Iterator["Chrome"]:
    """One browser for all tests of a module; starting one takes seconds."""
    pytest.importorskip("selenium.webdriver", reason="needs selenium")
    try:
        with open_browser(tmp_path_factory.mktemp("profile")) as opened:
            yield opened
    except MissingProgram as program:
        pytest.skip(f"needs the program {program}")


@pytest.fixture
def browser(chromium: "Chrome") -> Iterator["Chrome"]:
    """Chromium on an empty page, as it was before any test: with empty logs, and without what earlier ones stored or set."""
    yield chromium
    reset(chromium)


@pytest.fixture(scope="module")
def bundled(releases: Releases, cache_dir: Path, indexed: None) -> Iterator[str]:
    """The base URL of a server over the bundled data."""
    settings = replace(Settings(), index="need", cache_dir=cache_dir, max_executing=300, **PATIENT)
    with serving(create_app(settings, create_sandbox(releases))) as url:
        yield url


@pytest.fixture
def serve() -> Iterator[Callable[[ASGIApp], str]]:
    """Serves an app with uvicorn on a free port until the test ends; returns its base URL."""
    with ExitStack() as servers:
        yield lambda app: servers.enter_context(serving(app))
