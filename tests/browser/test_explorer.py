"""The explorer in Chromium: on a telephone and a wide screen, light and dark, without JavaScript, by keyboard alone."""

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from starlette.types import ASGIApp

from graphql_api.app import create_app
from graphql_api.sandbox import Releases, create_sandbox
from graphql_api.settings import Settings
from tests.browser.test_graphiql_in_chromium import QUERY, Page
from tests.http.pages.hostile_data import hostile_releases

if TYPE_CHECKING:
    from selenium.webdriver import Chrome

pytestmark = [pytest.mark.browser, pytest.mark.usefixtures("indexed")]

AXE = Path(__file__).parent / "node_modules" / "axe-core" / "axe.min.js"
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
    "de/occupations/OP-101",
    "nl/occupations/OP-101/picture",
    "en/competences/CP-101",
    "nl/skills/SK-101",
    "nl/soft-skills/SS-1",
    "fr/competence-sets/CS-401",
    "nl/occupations/OP-99999",
    "de/compare?from=OP-102&to=OP-101",
    "nl/changes",
    "id/3.11",
)
WIDTHS = (360, 390, 1400)
SCHEMES = ("light", "dark")


@pytest.fixture
def base(serve: Callable[[ASGIApp], str], releases: Releases, settings: Settings) -> str:
    """A server over the bundled data."""
    return serve(create_app(settings, create_sandbox(releases)))


@pytest.fixture
def visitor(browser: "Chrome", base: str) -> Iterator["Chrome"]:
    """A browser without JavaScript; whatever a test does, its console has no error, and no other host is requested."""
    browser.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": True})
    yield browser
    messages = [entry for entry in logged(browser, "browser") if entry["level"] == "SEVERE"]
    assert [entry["message"] for entry in messages if "404 (Not Found)" not in entry["message"]] == []
    events = [json.loads(entry["message"])["message"] for entry in logged(browser, "performance")]
    urls = [event["params"]["request"]["url"] for event in events if event["method"] == "Network.requestWillBeSent"]
    assert urls
    assert [url for url in urls if not url.startswith((f"{base}/", "data:"))] == []


def logged(browser: "Chrome", name: str) -> list[dict[str, Any]]:
    get_log: Callable[[str], list[dict[str, Any]]] = browser.get_log
    return get_log(name)


def resize(browser: "Chrome", width: int, scheme: str) -> None:
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


@pytest.mark.parametrize("path", PAGES)
def test_a_page_fits_every_screen(visitor: "Chrome", base: str, path: str) -> None:
    visitor.get(f"{base}/{path}")
    for width in WIDTHS:
        resize(visitor, width, "light")
        for details in ("false", "true"):
            evaluate(visitor, f"document.querySelectorAll('details').forEach(item => item.open = {details})")
            assert evaluate(visitor, "document.documentElement.scrollWidth") <= width, (width, details)


def violations(browser: "Chrome") -> Any:
    """What axe-core finds on the page as it is."""
    if not AXE.exists():
        pytest.skip("needs axe-core: make tests/browser/node_modules/.package-lock.json")
    evaluate(browser, AXE.read_text(encoding="utf-8") + "; undefined")
    return evaluate(
        browser,
        "axe.run().then(results => results.violations.map(item => "
        "({id: item.id, help: item.help, nodes: item.nodes.slice(0, 3).map(node => node.html + ' ' + node.failureSummary)})))",
    )


@pytest.mark.parametrize("path", PAGES)
def test_axe_finds_no_violation(browser: "Chrome", base: str, path: str) -> None:
    for width in (390, 1400):
        for scheme in SCHEMES:
            resize(browser, width, scheme)
            browser.get(f"{base}/{path}")
            evaluate(browser, "document.querySelectorAll('details').forEach(item => item.open = true)")
            assert violations(browser) == [], (width, scheme)


def test_the_ground_is_dark_if_the_system_is(visitor: "Chrome", base: str) -> None:
    lightness = {}
    for scheme in SCHEMES:
        resize(visitor, 390, scheme)
        visitor.get(f"{base}/nl/")
        colour = evaluate(visitor, "getComputedStyle(document.body).backgroundColor.match(/[0-9.]+/g).map(Number)")
        lightness[scheme] = sum(colour[:3]) / 3

    assert lightness["light"] > 200
    assert lightness["dark"] < 60


def test_the_keyboard_leads_from_search_to_occupation_to_competence(visitor: "Chrome", base: str) -> None:
    from selenium.webdriver.common.keys import Keys

    visitor.get(f"{base}/nl/")
    visitor.find_element("css selector", "input[type=search]").send_keys("verpleegkundige", Keys.ENTER)
    visitor.find_element("css selector", ".hits a").send_keys(Keys.ENTER)
    assert visitor.find_element("css selector", "h1").text == "Verpleegkundige"
    visitor.find_element("css selector", ".card summary").send_keys(Keys.ENTER)
    visitor.find_element("css selector", ".card[open] a").send_keys(Keys.ENTER)

    assert "/nl/competences/" in visitor.current_url
    assert visitor.find_elements("css selector", "a[href$='occupations/OP-101']")


@pytest.fixture
def reader(browser: "Chrome", base: str) -> Iterator["Chrome"]:
    """A browser with JavaScript; whatever a test does, its console has no error."""
    yield browser
    assert [entry for entry in logged(browser, "browser") if entry["level"] == "SEVERE"] == []


def until(condition: Callable[[], Any]) -> Any:
    from selenium.webdriver.support.ui import WebDriverWait

    return WebDriverWait(None, 20, 0.05).until(lambda _: condition())


def options(browser: "Chrome") -> list[str]:
    return list(
        evaluate(
            browser, "[...document.querySelectorAll('.suggestions:not([hidden]) li bdi')].map(item => item.textContent)"
        )
    )


def test_suggestions_appear_while_typing_and_the_keyboard_chooses(reader: "Chrome", base: str) -> None:
    from selenium.webdriver.common.keys import Keys

    reader.get(f"{base}/nl/")
    box = reader.find_element("css selector", "input[type=search]")
    box.send_keys("verpl")
    until(lambda: "Verpleegkundige" in options(reader))
    assert box.get_attribute("aria-expanded") == "true"
    assert violations(reader) == []
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


def test_skills_are_chosen_from_suggestions_and_stand_in_the_fragment(reader: "Chrome", base: str) -> None:
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
    assert violations(reader) == []
    labels = [label.text for label in reader.find_elements("css selector", "[data-chosen] label")]
    assert labels == ["Samenwerken", "Wonden verzorgen"]
    sent = [json.loads(entry["message"])["message"] for entry in logged(reader, "performance")]
    urls = [event["params"]["request"]["url"] for event in sent if event["method"] == "Network.requestWillBeSent"]
    assert urls
    assert not [url for url in urls if "SK-101" in url or "SS-1" in url]

    reader.find_element("css selector", "[data-chosen] input").click()
    assert reader.current_url.endswith("/nl/my-skills#have=SK-101")
    reader.find_element("css selector", ".languages a[lang=fr]").click()
    until(lambda: reader.current_url.endswith("/fr/my-skills#have=SK-101"))
    assert reader.find_element("css selector", "[data-chosen]").text == "SK-101"


def test_chosen_skills_go_along_from_page_to_page(reader: "Chrome", base: str) -> None:
    reader.get(f"{base}/nl/skills/SK-101#have=SS-1")
    reader.find_element("css selector", "[data-add] button").click()
    until(lambda: reader.current_url == f"{base}/nl/my-skills#have=SS-1,SK-101")
    labels = [label.text for label in reader.find_elements("css selector", "[data-chosen] label")]
    assert labels == ["Samenwerken", "Wonden verzorgen"]
    for selector in (".brand", "main [href*=sectors]", ".list a", ".bar a[href$=my-skills]"):
        reader.find_element("css selector", selector).click()
        until(lambda: reader.current_url.endswith("#have=SS-1,SK-101"))
    assert "/nl/my-skills#" in reader.current_url
    reader.find_element("css selector", ".query a").click()
    until(lambda: "/graphiql" in reader.current_url)
    assert "have=" not in reader.current_url


def test_without_a_script_skills_are_chosen_by_the_form(visitor: "Chrome", base: str) -> None:
    visitor.get(f"{base}/nl/my-skills")
    visitor.find_element("css selector", "input[name=q]").send_keys("wond")
    visitor.find_element("css selector", "button[value=find]").click()
    visitor.find_element("css selector", "input[value=SK-101]").click()
    visitor.find_element("css selector", "button[value=match]").click()

    assert visitor.current_url == f"{base}/nl/my-skills"
    assert visitor.find_elements("css selector", "#matches .hits li a[href$='occupations/OP-101']")
    resize(visitor, 390, "light")
    assert evaluate(visitor, "document.documentElement.scrollWidth") <= 390


def test_the_picture_is_walked_by_arrow_keys_and_its_boxes_are_links(reader: "Chrome", base: str) -> None:
    from selenium.webdriver.common.keys import Keys

    reader.get(f"{base}/nl/occupations/OP-101/picture")
    reader.find_element("css selector", ".picture a").send_keys(Keys.ARROW_RIGHT)
    reader.switch_to.active_element.send_keys(Keys.ARROW_DOWN)
    competence = reader.switch_to.active_element
    assert competence.get_attribute("data-column") == "1"
    lit = evaluate(reader, "[...document.querySelectorAll('.picture path.on')].map(line => line.dataset.to)")
    assert len(lit) == len((competence.get_attribute("data-near") or "").split())
    competence.send_keys(Keys.ARROW_RIGHT)
    neighbour = reader.switch_to.active_element
    assert neighbour.get_attribute("data-id") in lit
    title = neighbour.find_element("css selector", "text").text
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


def test_hostile_texts_neither_run_nor_widen_a_page(
    reader: "Chrome", serve: Callable[[ASGIApp], str], settings: Settings, tmp_path: Path
) -> None:
    releases = hostile_releases()
    hostile = serve(create_app(replace(settings, cache_dir=tmp_path, index="off"), create_sandbox(releases)))
    resize(reader, 390, "light")
    for path in ("occupations/OP-101", "competences/CP-101"):
        reader.get(f"{hostile}/nl/{path}")
        assert "wond <script>alert(1)</script>" in reader.find_element("css selector", "h1").text
        assert evaluate(reader, "document.documentElement.scrollWidth") <= 390
    releases.close()


def test_the_query_of_a_page_opens_in_graphiql_and_answers(browser: "Chrome", base: str) -> None:
    browser.get(f"{base}/nl/competences/CP-101")
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
