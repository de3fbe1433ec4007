"""What the tests of pages in a browser share: sizes and schemes, axe-core, the console, requests."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from selenium.webdriver import Chrome

AXE = Path(__file__).parent / "node_modules" / "axe-core" / "axe.min.js"
SCHEMES = ("light", "dark")
_VIOLATIONS = (
    "axe.run().then(results => results.violations.map(item => ({id: item.id, help: item.help, "
    "nodes: item.nodes.slice(0, 3).map(node => node.html + ' ' + node.failureSummary)})))"
)


def resize(browser: "Chrome", width: int, scheme: str) -> None:
    """Make the window a telephone or a wide screen, in a light or dark scheme."""
    metrics = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 800}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    features = [{"name": "prefers-color-scheme", "value": scheme}]
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})


def evaluate(browser: "Chrome", expression: str) -> Any:
    """The value of an expression; a debugger may evaluate also where pages may not."""
    parameters = {"expression": expression, "awaitPromise": True, "returnByValue": True}
    result = browser.execute_cdp_cmd("Runtime.evaluate", parameters)
    assert "exceptionDetails" not in result, result
    return result["result"].get("value")


def assert_accessible(browser: "Chrome") -> None:
    """Axe finds no violation on the page."""
    if not AXE.exists():
        pytest.skip("needs axe-core: make tests/browser/node_modules/.package-lock.json")
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
