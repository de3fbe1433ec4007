"""The explorer in Chromium: on a telephone and a wide screen, light and dark, without JavaScript, by keyboard alone."""

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import pytest
from starlette.types import ASGIApp

from graphql_api.app import create_app
from graphql_api.sandbox import create_sandbox
from graphql_api.settings import Settings
from tests.browser.test_graphiql_in_chromium import QUERY, Page
from tests.browser.visits import (
    SCHEMES,
    assert_accessible,
    assert_quiet,
    evaluate,
    logged,
    navigation,
    resize,
    until,
)
from tests.http.pages.hostile_data import hostile_releases

if TYPE_CHECKING:
    from selenium.webdriver import Chrome

pytestmark = pytest.mark.browser

PAGES = (
    "nl/",
    "fr/search",
    "nl/search?q=wond",
    "nl/search?q=zorg&isco=2",
    "nl/my-skills",
    "fr/sectors",
    "de/isco",
    "nl/isco/22",
    "de/occupations",
    "nl/occupations/OP-101",
    "de/occupations/OP-310",
    "nl/occupations/OP-101/picture",
    "en/competences/CP-101",
    "nl/skills/SK-101",
    "fr/knowledge/KN-101",
    "de/indicators/BI-61",
    "nl/soft-skills/SS-1",
    "en/digital-skills/DS-1",
    "fr/competence-sets/CS-401",
    "nl/occupations/OP-99999",
    "fr/occupations/OP-116",
    "de/compare?from=OP-102&to=OP-101",
    "nl/changes",
    "en/changes?since=3.10",
    "id/3.11",
)
"""Each kind of page; OP-99999 is not found, and OP-116 ended with release 3.10."""
WIDTHS = (360, 390, 1400)


@pytest.fixture(scope="module")
def base(bundled: str) -> str:
    """A server over the bundled data, with the indexes of two releases."""
    query = '{ release(number: "3.10") { search(text: "wond") { totalCount } } }'
    httpx.post(f"{bundled}/graphql", json={"query": query}, timeout=60).raise_for_status()
    return bundled


@pytest.fixture
def reader(browser: "Chrome", base: str) -> Iterator["Chrome"]:
    """A browser with JavaScript; fails if the console has an error or another host is requested."""
    yield browser
    assert_quiet(browser, base)


@pytest.fixture
def visitor(reader: "Chrome") -> "Chrome":
    """The same without JavaScript."""
    with_scripts(reader, False)
    return reader


def with_scripts(browser: "Chrome", run: bool) -> None:
    browser.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": not run})


@pytest.mark.parametrize("path", PAGES)
def test_pages_fit_every_screen_and_are_accessible_without_javascript_too(
    browser: "Chrome", base: str, path: str
) -> None:
    status = httpx.get(f"{base}/{path}", headers={"Accept": "text/html"}).status_code
    for run in (False, True):
        with_scripts(browser, run)
        browser.get(f"{base}/{path}")
        expected = [f"status of {status}"] if status >= 400 else []
        errors = [entry["message"] for entry in logged(browser, "browser") if entry["level"] == "SEVERE"]
        assert [text for text in errors if not any(one in text for one in expected)] == []
        with_scripts(browser, True)  # for axe; the scripts of the page were not loaded
        assert_fits(browser)
        for width in (390, 1400):
            for scheme in SCHEMES:
                resize(browser, width, scheme)
                assert_accessible(browser)
        assert_quiet(browser, base)


def assert_fits(browser: "Chrome") -> None:
    """Nothing makes the page wider than the screen, with all details closed and open."""
    for details in ("false", "true"):
        evaluate(browser, f"document.querySelectorAll('details').forEach(item => item.open = {details})")
        for width in WIDTHS:
            resize(browser, width, "light")
            assert evaluate(browser, "document.documentElement.scrollWidth") <= width, (width, details)


def test_the_background_follows_the_dark_mode_of_the_system(visitor: "Chrome", base: str) -> None:
    lightness = {}
    for scheme in SCHEMES:
        resize(visitor, 390, scheme)
        visitor.get(f"{base}/nl/")
        colour = evaluate(visitor, "getComputedStyle(document.body).backgroundColor.match(/[0-9.]+/g).map(Number)")
        lightness[scheme] = sum(colour[:3]) / 3

    assert lightness["light"] > 200
    assert lightness["dark"] < 60


@pytest.mark.parametrize("path", ["nl/occupations/OP-101", "docs/queries", "nothing"])
def test_the_first_key_skips_to_the_content(visitor: "Chrome", base: str, path: str) -> None:
    from selenium.webdriver.common.keys import Keys

    visitor.get(f"{base}/{path}")
    visitor.switch_to.active_element.send_keys(Keys.TAB)
    skip = visitor.switch_to.active_element
    assert skip.get_attribute("href").endswith("#main")
    assert evaluate(visitor, "getComputedStyle(document.activeElement).clipPath") == "none"
    skip.send_keys(Keys.ENTER)
    visitor.switch_to.active_element.send_keys(Keys.TAB)
    assert evaluate(visitor, "document.querySelector('main').contains(document.activeElement)")
    logged(visitor, "browser")  # of a page that is not found


def test_the_keyboard_navigates_from_search_to_occupation_to_competence(visitor: "Chrome", base: str) -> None:
    from selenium.webdriver.common.keys import Keys

    visitor.get(f"{base}/nl/")
    with navigation(visitor):
        visitor.find_element("css selector", "input[type=search]").send_keys("verpleegkundige", Keys.ENTER)
    with navigation(visitor):
        visitor.find_element("css selector", ".hits a").send_keys(Keys.ENTER)
    assert visitor.find_element("css selector", "h1").text == "Verpleegkundige"
    visitor.find_element("css selector", ".card summary").send_keys(Keys.ENTER)
    with navigation(visitor):
        visitor.find_element("css selector", ".card[open] a").send_keys(Keys.ENTER)

    assert "/nl/competences/" in visitor.current_url
    assert visitor.find_elements("css selector", "a[href$='occupations/OP-101']")


def options(browser: "Chrome") -> list[str]:
    return list(
        evaluate(
            browser, "[...document.querySelectorAll('.suggestions:not([hidden]) li bdi')].map(item => item.textContent)"
        )
    )


def labels(browser: "Chrome") -> list[str]:
    return [label.text for label in browser.find_elements("css selector", "[data-chosen] label")]


def test_suggestions_appear_while_typing_and_are_selected_by_keyboard(reader: "Chrome", base: str) -> None:
    from selenium.webdriver.common.keys import Keys

    reader.get(f"{base}/nl/")
    box = reader.find_element("css selector", "input[type=search]")
    box.send_keys("verpl")
    until(lambda: "Verpleegkundige" in options(reader))
    assert box.get_attribute("aria-expanded") == "true"
    assert_accessible(reader)
    box.send_keys(Keys.ESCAPE)
    assert options(reader) == []
    assert box.get_attribute("value") == "verpl"

    box.send_keys("eegkundg")
    until(lambda: "Verpleegkundige" in options(reader))  # a typing error is forgiven
    box.send_keys(Keys.ARROW_DOWN)
    active = box.get_attribute("aria-activedescendant")
    assert reader.find_element("id", active).get_attribute("aria-selected") == "true"
    box.send_keys(Keys.ENTER)
    until(lambda: reader.current_url == f"{base}/nl/occupations/OP-101")


def test_skills_selected_from_suggestions_are_in_the_url_fragment(reader: "Chrome", base: str) -> None:
    from selenium.webdriver.common.keys import Keys

    reader.get(f"{base}/nl/my-skills#have=SS-1")
    box = reader.find_element("css selector", "input[type=search]")
    box.send_keys("wond")
    until(lambda: "Wonden verzorgen" in options(reader))
    position = options(reader).index("Wonden verzorgen")
    box.send_keys(*[Keys.ARROW_DOWN] * (position + 1), Keys.ENTER)
    assert reader.current_url.endswith("/nl/my-skills#have=SS-1,SK-101")
    logged(reader, "performance")
    reader.find_element("css selector", "button[value=match]").click()
    until(lambda: reader.find_elements("css selector", "#matches .hits li"))
    assert reader.current_url.endswith("/nl/my-skills#have=SS-1,SK-101")
    assert_accessible(reader)
    until(lambda: labels(reader) == ["Samenwerken", "Wonden verzorgen"])
    sent = [json.loads(entry["message"])["message"] for entry in logged(reader, "performance")]
    urls = [event["params"]["request"]["url"] for event in sent if event["method"] == "Network.requestWillBeSent"]
    assert urls
    assert not [url for url in urls if "SK-101" in url or "SS-1" in url]

    reader.find_element("css selector", "[data-chosen] input").click()
    assert reader.current_url.endswith("/nl/my-skills#have=SK-101")
    reader.find_element("css selector", ".languages a[lang=fr]").click()
    until(lambda: reader.current_url.endswith("/fr/my-skills#have=SK-101"))
    until(lambda: reader.find_element("css selector", "[data-chosen] label").text == "Soigner des plaies")


def test_selected_skills_of_a_url_are_listed_without_a_click(reader: "Chrome", base: str) -> None:
    hostile = "%3Cimg%20src%3Dx%20onerror%3Dalert(1)%3E"
    reader.get(f"{base}/nl/my-skills#have=SS-1,sk-101,XX-9,{hostile}")
    choices = reader.find_element("css selector", "[data-chosen]")
    until(lambda: "Samenwerken" in choices.text)
    boxes = {box.get_attribute("value"): box.is_selected() for box in choices.find_elements("tag name", "input")}
    assert boxes == {"SS-1": True, "SK-101": True, "XX-9": False}
    assert "XX-9 niet in deze release" in choices.text
    assert reader.current_url.endswith("#have=SS-1,SK-101")
    sent = [json.loads(entry["message"])["message"] for entry in logged(reader, "performance")]
    requests = [event["params"]["request"] for event in sent if event["method"] == "Network.requestWillBeSent"]
    (post,) = [request for request in requests if request["method"] == "POST"]
    assert post["url"] == f"{base}/nl/my-skills"

    reader.get("about:blank")
    reader.get(f"{base}/nl/my-skills#have={','.join(f'SK-{n}' for n in range(90_000, 110_000))}")
    shown = "[...document.querySelectorAll('[data-chosen] input')].map(box => box.checked)"
    until(lambda: evaluate(reader, shown).count(False) == 100)
    assert len(evaluate(reader, shown)) == 500, "500 are shown, and 100 of them named"


def test_selected_skills_are_preserved_from_page_to_page(reader: "Chrome", base: str) -> None:
    reader.get(f"{base}/nl/skills/SK-101#have=SS-1")
    reader.find_element("css selector", "[data-add] button").click()
    until(lambda: reader.current_url == f"{base}/nl/my-skills#have=SS-1,SK-101")
    until(lambda: labels(reader) == ["Samenwerken", "Wonden verzorgen"])
    for selector in (".brand", "main [href*=sectors]", ".list a", ".bar a[href$=my-skills]"):
        with navigation(reader):
            reader.find_element("css selector", selector).click()
        assert reader.current_url.endswith("#have=SS-1,SK-101")
    assert "/nl/my-skills#" in reader.current_url
    with navigation(reader):
        reader.find_element("css selector", ".query a").click()
    assert "/graphiql" in reader.current_url
    assert "have=" not in reader.current_url


def test_without_javascript_skills_are_selected_in_the_form(visitor: "Chrome", base: str) -> None:
    visitor.get(f"{base}/nl/my-skills")
    visitor.find_element("css selector", "input[name=q]").send_keys("wond")
    visitor.find_element("css selector", "button[value=find]").click()
    until(lambda: visitor.find_element("css selector", "input[value=SK-101]")).click()
    with navigation(visitor):
        visitor.find_element("css selector", "button[value=match]").click()

    assert visitor.find_elements("css selector", "#matches .hits li a[href$='occupations/OP-101']")
    assert visitor.current_url == f"{base}/nl/my-skills"
    resize(visitor, 390, "light")
    assert evaluate(visitor, "document.documentElement.scrollWidth") <= 390


@pytest.mark.parametrize("width", [390, 1400])
def test_arrow_keys_navigate_the_diagram_and_its_boxes_are_links(reader: "Chrome", base: str, width: int) -> None:
    from selenium.webdriver.common.keys import Keys

    resize(reader, width, "light")
    reader.get(f"{base}/nl/occupations/OP-101/picture")
    layout = ".picture.narrow" if width == 390 else ".picture.wide"
    svg = reader.find_element("css selector", f"{layout} svg").rect
    assert 0 < svg["x"] < svg["x"] + svg["width"] < width, "all of it is on the screen"
    reader.find_element("css selector", f"{layout} a").send_keys(Keys.ARROW_DOWN if width == 390 else Keys.ARROW_RIGHT)
    reader.switch_to.active_element.send_keys(Keys.ARROW_DOWN)
    competence = reader.switch_to.active_element
    assert competence.get_attribute("data-column") == "1"
    lit = evaluate(reader, "[...document.querySelectorAll('.picture path.on')].map(line => line.dataset.to)")
    assert len(lit) == len((competence.get_attribute("data-near") or "").split())
    competence.send_keys(Keys.ARROW_RIGHT)
    neighbour = reader.switch_to.active_element
    assert neighbour.get_attribute("data-id") in lit
    title = neighbour.find_element("css selector", "title").get_attribute("textContent")
    neighbour.send_keys(Keys.ENTER)
    until(lambda: title in reader.find_element("css selector", "h1").text)
    assert reader.current_url.endswith("/picture")


def test_another_occupation_is_suggested_to_compare_with(reader: "Chrome", base: str) -> None:
    from selenium.webdriver.common.keys import Keys

    reader.get(f"{base}/nl/occupations/OP-102")
    box = reader.find_element("css selector", "input[name=to]")
    box.send_keys("verpleegk")
    until(lambda: "Verpleegkundige" in options(reader))
    box.send_keys(Keys.ARROW_DOWN, Keys.ENTER)
    assert box.get_attribute("value") == "OP-101 Verpleegkundige"
    box.send_keys(Keys.ENTER)
    until(lambda: reader.find_element("css selector", "h1").text == "Zorgkundige → Verpleegkundige")


def test_hostile_texts_neither_run_scripts_nor_widen_a_page(
    browser: "Chrome", serve: Callable[[ASGIApp], str], settings: Settings, tmp_path: Path
) -> None:
    releases = hostile_releases()
    hostile = serve(create_app(replace(settings, cache_dir=tmp_path, index="off"), create_sandbox(releases)))
    resize(browser, 390, "light")
    for path in ("occupations/OP-101", "competences/CP-101"):
        browser.get(f"{hostile}/nl/{path}")
        assert "wond <script>alert(1)</script>" in browser.find_element("css selector", "h1").text
        assert evaluate(browser, "document.documentElement.scrollWidth") <= 390
    assert_quiet(browser, hostile)
    releases.close()


def test_the_query_of_a_page_opens_and_runs_in_graphiql(browser: "Chrome", base: str) -> None:
    browser.get(f"{base}/nl/competences/CP-101")
    with navigation(browser):
        browser.find_element("css selector", ".query a").click()
    page = Page.__new__(Page)
    page.browser, page.base_url = browser, base
    page.until(page.is_ready, "the editors are ready")
    page.is_about("Competence")

    assert page.text(QUERY).startswith("query Competence(")
    assert page.run()["data"]["release"]["concept"]["code"] == "CP-101"
    assert "?" not in browser.current_url


def test_a_long_word_does_not_widen_a_page(visitor: "Chrome", base: str) -> None:
    resize(visitor, 390, "light")
    visitor.get(f"{base}/nl/search?q={'w' * 190}")
    assert evaluate(visitor, "document.documentElement.scrollWidth") <= 390


def test_the_query_of_a_page_is_copied_by_a_button(reader: "Chrome", base: str) -> None:
    permissions = {"origin": base, "permissions": ["clipboardReadWrite", "clipboardSanitizedWrite"]}
    reader.execute_cdp_cmd("Browser.grantPermissions", permissions)
    reader.get(f"{base}/nl/competences/CP-101")
    for snippet in reader.find_elements("css selector", ".query details"):
        snippet.find_element("tag name", "summary").click()
        snippet.find_element("css selector", "button[data-copy]").click()
        until(lambda snippet=snippet: snippet.find_element("css selector", "[role=status]").text == "Gekopieerd")
        copied = evaluate(reader, "navigator.clipboard.readText()")
        assert copied == snippet.find_element("tag name", "pre").get_attribute("textContent")
        assert "CP-101" in copied


def test_without_javascript_there_is_no_copy_button(visitor: "Chrome", base: str) -> None:
    visitor.get(f"{base}/nl/competences/CP-101")
    snippets = visitor.find_elements("css selector", ".query details")
    for snippet in snippets:
        snippet.find_element("tag name", "summary").click()
        assert snippet.find_element("tag name", "pre").is_displayed()
        assert not snippet.find_element("css selector", "button[data-copy]").is_displayed()
    assert len(snippets) == 4


def test_a_concept_page_links_to_its_linked_data(reader: "Chrome", base: str) -> None:
    reader.get(f"{base}/nl/competences/CP-101")
    with navigation(reader):
        reader.find_element("css selector", "a[type='application/ld+json']").click()
    assert reader.current_url.endswith(".jsonld")
    assert '"notation":"CP-101"' in evaluate(reader, "document.body.textContent")
