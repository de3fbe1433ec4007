"""The documentation in Chromium: on a telephone and a wide screen, light and dark, by keyboard, with its copy buttons."""

from typing import TYPE_CHECKING

import pytest

from tests.browser.visits import SCHEMES, assert_accessible, assert_quiet, evaluate, navigation, resize, until

if TYPE_CHECKING:
    from selenium.webdriver import Chrome

pytestmark = pytest.mark.browser

PAGES = ("", "settings", "queries", "architecture", "performance", "decisions/0003-own-endpoint", "?q=circuit+breaker")


@pytest.fixture(scope="module")
def docs(bundled: str) -> str:
    """The URL of the documentation."""
    return f"{bundled}/docs/"


def test_pages_fit_every_screen_and_axe_finds_no_violation(browser: "Chrome", docs: str) -> None:
    for width in (390, 1400):
        for scheme in SCHEMES:
            resize(browser, width, scheme)
            for path in PAGES:
                browser.get(docs + path)
                assert evaluate(browser, "document.documentElement.scrollWidth") <= width, path
                evaluate(browser, "document.querySelectorAll('details').forEach(item => item.open = true)")
                assert evaluate(browser, "document.documentElement.scrollWidth") <= width, path
                assert_accessible(browser)
    assert_quiet(browser, docs.removesuffix("docs/"))


def test_the_explanation_of_a_setting_fits_a_phone(browser: "Chrome", docs: str) -> None:
    resize(browser, 390, "light")
    browser.get(f"{docs}settings")
    right = "Math.max(...Array.from(document.querySelectorAll('td'), cell => cell.getBoundingClientRect().right))"

    assert evaluate(browser, right) <= 390
    assert evaluate(
        browser, "getComputedStyle(document.querySelector('td:last-child'), '::before').content"
    ).startswith('"')


def test_the_navigation_is_beside_a_wide_page(browser: "Chrome", docs: str) -> None:
    browser.get(f"{docs}settings")
    box = "document.querySelector({!r}).getBoundingClientRect()"
    nav, article = ".pages nav", "article"

    resize(browser, 1400, "light")
    assert evaluate(browser, f"{box.format(nav)}.right <= {box.format(article)}.left")
    assert evaluate(browser, f"{box.format(nav)}.height") > 300
    evaluate(browser, "scrollTo(0, 2000)")
    assert 0 <= evaluate(browser, f"{box.format(nav)}.top") < 50
    resize(browser, 390, "light")
    assert (
        evaluate(browser, f"document.querySelector({nav!r}).checkVisibility({{contentVisibilityAuto: true}})") is False
    )


def test_a_query_is_copied_and_opens_in_graphiql_by_keyboard(browser: "Chrome", docs: str) -> None:
    from selenium.webdriver.common.keys import Keys

    grant = {"permissions": ["clipboardReadWrite", "clipboardSanitizedWrite"], "origin": docs.removesuffix("/docs/")}
    browser.execute_cdp_cmd("Browser.grantPermissions", grant)
    browser.get(f"{docs}queries")
    code = browser.find_element("css selector", ".code pre").text
    button = browser.find_element("css selector", ".code button")
    button.send_keys(Keys.ENTER)
    until(lambda: button.text == "Copied")
    assert evaluate(browser, "document.querySelector('.unseen[role=status]').textContent") == "Copied"
    assert evaluate(browser, "navigator.clipboard.readText()") == code

    with navigation(browser):
        browser.find_element("css selector", ".code a").send_keys(Keys.ENTER)
    assert browser.current_url.startswith(docs.removesuffix("docs/") + "graphiql")
    assert_quiet(browser, docs.removesuffix("docs/"))


def test_code_is_highlighted_and_pages_follow_the_dark_mode(browser: "Chrome", docs: str) -> None:
    colours = {}
    for scheme in SCHEMES:
        resize(browser, 1400, scheme)
        browser.get(f"{docs}queries")
        tokens = "new Set(Array.from(document.querySelectorAll('.code span'), item => getComputedStyle(item).color))"
        colours[scheme] = set(evaluate(browser, f"[...{tokens}]"))
        assert len(colours[scheme]) >= 4

    assert not colours["light"] & colours["dark"]
