"""A real browser for tests, and a real server for it to visit.

Neither uses the network beyond this machine, and tests are skipped if a program or library is missing.
"""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from starlette.types import ASGIApp

from tests.browser.visits import MissingProgram, open_browser, serving

if TYPE_CHECKING:
    from selenium.webdriver import Chrome


@pytest.fixture
def browser(tmp_path: Path) -> Iterator["Chrome"]:
    """Chromium on an empty page, with a fresh profile."""
    pytest.importorskip("selenium.webdriver", reason="needs selenium")
    with ExitStack() as opened:
        try:
            browser = opened.enter_context(open_browser(tmp_path / "profile"))
        except MissingProgram as program:
            pytest.skip(f"needs the program {program}")
        yield browser


@pytest.fixture
def serve() -> Iterator[Callable[[ASGIApp], str]]:
    """Serves an app with uvicorn on a free port until the test ends; returns its base URL."""
    with ExitStack() as servers:
        yield lambda app: servers.enter_context(serving(app))
