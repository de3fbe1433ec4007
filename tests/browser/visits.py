"""What the tests of pages and the screenshots share: browser and server, sizes and schemes, axe-core, the console, requests."""

import json
import shutil
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import uvicorn
from starlette.types import ASGIApp

if TYPE_CHECKING:
    from collections.abc import Callable

    from selenium.webdriver import Chrome

FLAGS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--window-size=1400,900",
)

AXE = Path(__file__).parent / "node_modules" / "axe-core" / "axe.min.js"
SCHEMES = ("light", "dark")
TIMEOUT = 30
"""Seconds to wait for what a page does, for a slow machine; a condition that holds ends the wait immediately."""
_VIOLATIONS = (
    "axe.run({resultTypes: ['violations']}).then(results => results.violations.map(item => ({id: item.id, help: item.help, "
    "nodes: item.nodes.slice(0, 3).map(node => node.html + ' ' + node.failureSummary)})))"
)


class MissingProgram(Exception):
    """A program that is not installed, by its name."""


@contextmanager
def open_browser(profile: Path, *flags: str) -> "Iterator[Chrome]":
    """Chromium on an empty page. Raises MissingProgram."""
    from selenium import webdriver  # here, as these tests skip without selenium

    options = webdriver.ChromeOptions()
    options.binary_location = _program("chromium")
    for flag in (*FLAGS, *flags, f"--user-data-dir={profile}"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    # With both paths set, selenium downloads nothing.
    driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(_program("chromedriver")))
    try:
        driver.get("about:blank")
        driver.get_log("performance")  # discards the requests of the browser's start page
        yield driver
    finally:
        driver.quit()


def reset(browser: "Chrome") -> None:
    """Undo what a test did: its page and what that stored, what was emulated and permitted, and the logs."""
    origin = evaluate(browser, "location.origin")
    if origin.startswith("http"):
        _clear_storage(browser, origin)
    browser.get("about:blank")
    for command, parameters in (
        ("Emulation.setScriptExecutionDisabled", {"value": False}),
        ("Emulation.clearDeviceMetricsOverride", {}),
        ("Emulation.setEmulatedMedia", {"media": "", "features": []}),
        ("Emulation.setUserAgentOverride", {"userAgent": ""}),
        ("Browser.resetPermissions", {}),
    ):
        browser.execute_cdp_cmd(command, parameters)
    for log in ("browser", "performance"):
        logged(browser, log)


def _clear_storage(browser: "Chrome", origin: str) -> None:
    """Clear what the pages of a server stored, from a document without scripts, because a page may store more when it is left."""
    from selenium.common.exceptions import WebDriverException

    with suppress(WebDriverException):  # the server has stopped, so that no other page has its address
        browser.get(f"{origin}/health/live")
        evaluate(browser, "localStorage.clear(), sessionStorage.clear()")
    browser.execute_cdp_cmd("Storage.clearDataForOrigin", {"origin": origin, "storageTypes": "all"})


@contextmanager
def run_first(browser: "Chrome", script: str) -> Iterator[None]:
    """Run a script before those of each page that is opened in the block."""
    added = browser.execute_cdp_cmd("Page.addScriptToEvaluateOnNewDocument", {"source": script})
    yield
    browser.execute_cdp_cmd("Page.removeScriptToEvaluateOnNewDocument", added)


def _program(name: str) -> str:
    path = shutil.which(name)
    if path is None:
        raise MissingProgram(name)
    return path


@contextmanager
def serving(app: ASGIApp) -> Iterator[str]:
    """Serves an app on a free port; returns its base URL."""
    # The socket listens before the server runs, so early connections wait in its backlog.
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = uvicorn.Server(uvicorn.Config(app, log_level="warning", ws="none", timeout_graceful_shutdown=1))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join(timeout=10)


def until(condition: "Callable[[], Any]", fact: str = "") -> Any:
    """Wait for the first true value of a condition; missing elements and those of the previous page count as false."""
    from selenium.common.exceptions import NoSuchElementException, StaleElementReferenceException
    from selenium.webdriver.support.ui import WebDriverWait

    missing = [NoSuchElementException, StaleElementReferenceException]
    return WebDriverWait(None, TIMEOUT, 0.05, missing).until(lambda _: condition(), fact and f"still not so: {fact}")


@contextmanager
def navigation(browser: "Chrome") -> Iterator[None]:
    """Waits at its end until the browser shows another document, as a click returns before that."""
    from selenium.webdriver.support.expected_conditions import staleness_of

    left = staleness_of(browser.find_element("tag name", "html"))
    yield
    until(lambda: left(browser))


def resize(browser: "Chrome", width: int, scheme: str, height: int = 900) -> None:
    """Make the window a telephone or a wide screen, in a light or dark scheme."""
    metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 800}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    features = [{"name": "prefers-color-scheme", "value": scheme}]
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})


def evaluate(browser: "Chrome", expression: str) -> Any:
    """The value of an expression; a debugger may evaluate also where pages may not."""
    parameters = {"expression": expression, "awaitPromise": True, "returnByValue": True}
    result = browser.execute_cdp_cmd("Runtime.evaluate", parameters)
    assert "exceptionDetails" not in result, result
    return result["result"].get("value")


CONTROLS = {"button", "link", "textbox", "searchbox", "combobox", "checkbox", "radio", "tab", "image"}


def unnamed_controls(browser: "Chrome") -> list[str]:
    """The roles of controls and images that have no name for a screen reader, by Chromium's own accessibility tree."""
    nodes = browser.execute_cdp_cmd("Accessibility.getFullAXTree", {})["nodes"]
    seen = [node for node in nodes if not node["ignored"] and node["role"]["value"] in CONTROLS]
    return [node["role"]["value"] for node in seen if not node.get("name", {}).get("value", "").strip()]


def assert_accessible(browser: "Chrome") -> None:
    """Every control has a name, and axe finds no violation on the page."""
    assert unnamed_controls(browser) == [], browser.current_url
    if not AXE.exists():
        pytest.skip("needs axe-core: make tests/browser/node_modules/.package-lock.json")
    if not evaluate(browser, "'axe' in window"):
        evaluate(browser, AXE.read_text(encoding="utf-8") + "; undefined")
    assert evaluate(browser, _VIOLATIONS) == [], browser.current_url


def assert_quiet(browser: "Chrome", base: str) -> None:
    """The console has no error, and no other host was requested."""
    messages = [entry["message"] for entry in logged(browser, "browser") if entry["level"] == "SEVERE"]
    assert messages == []
    events = [json.loads(entry["message"])["message"] for entry in logged(browser, "performance")]
    urls = [event["params"]["request"]["url"] for event in events if event["method"] == "Network.requestWillBeSent"]
    assert urls
    assert [url for url in urls if not url.startswith((base, "data:"))] == []


def logged(browser: "Chrome", name: str) -> list[dict[str, Any]]:
    """The entries of a log since this was last called."""
    get_log: Callable[[str], list[dict[str, Any]]] = browser.get_log
    return get_log(name)
