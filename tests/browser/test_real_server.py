"""GraphiQL over the server itself: every example gets a response, a subscription gets events, panels and themes work, and no other host is requested."""

import json
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import pytest

from graphql_api.app import create_app
from graphql_api.http.auth.keys import Keys
from graphql_api.http.pages.examples import examples
from graphql_api.sandbox import Releases, bundled_releases, create_sandbox
from graphql_api.settings import Settings
from tests.browser.test_graphiql_in_chromium import ANSWER, QUERY, VARIABLES, Page, Serve, assert_graphiql_works
from tests.browser.visits import SCHEMES, assert_accessible, assert_quiet, resize

if TYPE_CHECKING:
    from selenium.webdriver import Chrome

pytestmark = pytest.mark.browser

ABOUT = {example.name: example.about for example in examples()}
EXPLORER = ".graphiql-doc-explorer"


@pytest.fixture
def page(browser: "Chrome", bundled: str) -> Iterator[Page]:
    """GraphiQL of that server; fails if the console has an error or another host is requested."""
    opened = Page(browser, bundled)
    yield opened
    assert opened.complaints() == []
    assert [url for url in opened.requests() if not url.startswith(f"{bundled}/")] == []


def choose(page: Page, name: str) -> None:
    """Open the example of this name."""
    page.choose_example(ABOUT[name])
    page.is_about(name)


def test_graphiql_opens_with_the_examples_of_the_running_data(browser: "Chrome", bundled: str) -> None:
    assert_graphiql_works(
        browser,
        bundled,
        "ProfileInDepth",
        lambda answer: answer["data"]["occupationalProfile"]["code"] == "OP-101" and "errors" not in answer,
    )


def test_every_example_query_runs(page: Page) -> None:
    queries = [
        example.name for example in examples() if example.operation_type == "query" and not example.needs_vectors
    ]
    assert len(queries) >= 16
    for name in queries:
        choose(page, name)
        answer = page.run()
        assert "errors" not in answer, name
        assert None not in answer["data"].values(), name


def test_an_example_that_is_run_immediately_gets_its_own_response(page: Page) -> None:
    example = (
        f"Array.from(document.querySelectorAll('.examples button')).find(it => it.innerText === {ABOUT['Releases']!r})"
    )
    clear = f"document.querySelector('{ANSWER}').CodeMirror.setValue('')"
    page.script(f"[{clear}, {example}.click(), document.querySelector('.graphiql-execute-button').click()]")
    page.until(lambda: page.text(ANSWER), "there is an answer")

    assert list(json.loads(page.text(ANSWER))) == ["data"]


@pytest.fixture
def releases_before_publication() -> Iterator[Releases]:
    """The bundled releases, the newest of which is not published yet."""
    with closing(bundled_releases()) as releases:
        releases.hold(1)
        yield releases


def test_a_tab_with_a_subscription_stays_open_and_shows_events(
    releases_before_publication: Releases, browser: "Chrome", serve: Serve, settings: Settings
) -> None:
    sandbox = create_sandbox(releases_before_publication)
    competent = serve(sandbox)
    live = replace(settings, upstream_url=competent, store="memory:", current_ttl=1.0, index="off").checked()
    page = Page(browser, serve(create_app(live)))
    choose(page, "ReleasePublished")
    page.click(".graphiql-execute-button")
    # Who has subscribed hears of what comes after the first look at which release is current.
    looked = list(sandbox.state.requests).count("/releases/current")
    page.until(lambda: list(sandbox.state.requests).count("/releases/current") > looked + 1, "the server looks")
    httpx.post(f"{competent}/sandbox/releases").raise_for_status()
    page.until(lambda: page.text(ANSWER), "the release is shown")

    assert json.loads(page.text(ANSWER))["data"]["releasePublished"]["number"] == "3.11"
    page.click("[aria-label='Stop query (Ctrl-Enter)']")
    page.until(lambda: page.find("[aria-label='Execute query (Ctrl-Enter)']"), "the subscription is ended")
    assert page.complaints() == []


def test_an_incremental_response_is_shown_complete(
    browser: "Chrome", serve: Serve, releases: Releases, settings: Settings
) -> None:
    app = create_app(replace(settings, incremental="on"), create_sandbox(releases))
    page = Page(browser, serve(app))
    choose(page, "Releases")
    deferred = '{ occupationalProfile(code: "OP-101") { id ... @defer { code essentialCompetences { id } } } }'
    page.script(f"document.querySelector({QUERY!r}).CodeMirror.setValue({deferred!r})")
    page.click(".graphiql-execute-button")
    page.until(lambda: "essentialCompetences" in page.text(ANSWER), "the deferred part is shown")

    profile = json.loads(page.text(ANSWER))["data"]["occupationalProfile"]
    assert list(profile) == ["id", "code", "essentialCompetences"]
    assert page.complaints() == []


def test_the_docs_explorer_links_from_a_root_field_to_its_type(page: Page) -> None:
    assert "Query" in page.docs()
    for name in ("Query", "occupationalProfile", "OccupationalProfile"):
        page.click_on(f"{EXPLORER} a", name)
        page.until(lambda name=name: page.texts(f"{EXPLORER}-title") == [name], f"{name} is shown")

    assert {"title", "essentialCompetences", "similarProfiles"} <= set(page.texts(f"{EXPLORER} a"))


def test_the_docs_explorer_can_be_searched(page: Page) -> None:
    page.docs()
    page.find(f"{EXPLORER} input")[0].send_keys("competenceGap")
    page.until(lambda: any("competenceGap" in text for text in page.texts("[role='option']")), "it is found")


def test_history_restores_an_operation(page: Page) -> None:
    choose(page, "Releases")
    page.run()
    page.click("[aria-label='Show History']")
    # Twice if the response takes longer than GraphiQL takes to notice the variables of the example.
    page.until(lambda: set(page.texts(".graphiql-history-item-label")) == {"Releases"}, "it is in the history")
    page.click(".graphiql-tab-add")
    page.until(lambda: "releases {" not in page.text(QUERY), "another tab is open")
    page.click_on(".graphiql-history-item-label", "Releases")
    page.is_about("Releases")

    assert "errors" not in page.run()


def background(page: Page) -> int:
    """How light the page is, from 0 to 255."""
    colour = "getComputedStyle(document.querySelector('.graphiql-container')).backgroundColor"
    red, green, blue = page.script(f"{colour}.match(/[0-9.]+/g).slice(0, 3).map(Number)")
    return int((red + green + blue) / 3)


def test_the_theme_follows_the_system_until_a_visitor_selects_one(page: Page) -> None:
    seen = {}
    for scheme in ("light", "dark"):
        features = [{"name": "prefers-color-scheme", "value": scheme}]
        page.browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})
        seen[scheme] = background(page)
    page.dialog_styles()
    page.click("[data-theme='light']")
    page.until(lambda: background(page) == seen["light"], "it is light, though the system is dark")

    assert seen["light"] > 200
    assert seen["dark"] < 80


def test_a_header_entered_by_a_visitor_is_sent(page: Page) -> None:
    header = json.dumps(json.dumps({"X-Competent-Explain": "1"}))
    page.script(f"document.querySelectorAll('{VARIABLES}')[1].CodeMirror.setValue({header})")

    assert page.run()["extensions"]["cost"]["requested"] > 0


@pytest.mark.parametrize(("access", "header"), [("keys", "X-API-Key"), ("passthrough", "X-IBM-Client-Id")])
def test_the_key_is_entered_once_for_all_tabs(
    browser: "Chrome", serve: Serve, releases: Releases, settings: Settings, tmp_path: Path, access: str, header: str
) -> None:
    keys = Keys(tmp_path / "keys.json")
    key = keys.new("visitor")
    settings = replace(settings, access=access, keys_file=keys.file)
    page = Page(browser, serve(create_app(settings, create_sandbox(releases))))
    (error,) = page.run()["errors"]
    assert error["extensions"]["code"] == "UNAUTHENTICATED"
    assert 'enter it in the field "Key" at the top' in error["message"]

    field = page.find("#bar input")[0]
    assert (field.get_attribute("type"), field.get_attribute("placeholder")) == ("password", header)
    assert_accessible(browser)
    field.send_keys(key, "\n")
    page.until(lambda: "data" in page.run(), "it answers with the key")
    assert "Query" in page.docs()
    page.click(".graphiql-tab-add")
    page.until(lambda: len(page.tabs()) == 2, "a second tab is there")
    page.script(f"document.querySelector({QUERY!r}).CodeMirror.setValue('query Second {{ release {{ number }} }}')")
    page.is_about("Second")
    assert "data" in page.run()
    page.open()
    assert "data" in page.run()
    assert key not in page.script("JSON.stringify(localStorage)")


def test_the_first_example_and_its_response_use_the_language_of_the_reader(browser: "Chrome", bundled: str) -> None:
    browser.execute_cdp_cmd("Emulation.setUserAgentOverride", {"userAgent": "test", "acceptLanguage": "nl-BE,nl"})
    page = Page(browser, bundled)

    assert json.loads(page.text(VARIABLES))["languages"] == ["NL"]
    assert json.loads(page.text(ANSWER))["data"]["occupationalProfile"]["title"] == {"text": "Verpleegkundige"}


def test_the_docs_list_concepts_first_and_scalars_last(page: Page) -> None:
    page.docs()
    names = page.texts(f"{EXPLORER} a")
    types = names[names.index("BehaviouralIndicator") :]

    assert types.index("OccupationalProfile") < types.index("Release") < types.index("PageInfo")
    assert types.index("PageInfo") < types.index("ConceptType") < types.index("UUID")


def test_it_fits_every_screen_and_axe_finds_no_violation(browser: "Chrome", bundled: str) -> None:
    for width in (390, 1400):
        for scheme in SCHEMES:
            resize(browser, width, scheme)
            page = Page(browser, bundled)
            assert page.script("document.documentElement.scrollWidth") <= width
            assert_accessible(browser)
            page.script("document.querySelector('#bar [role=tab]').click()")  # the list of examples
            page.until(lambda page=page: page.find(".examples button"), "the examples are shown")
            assert_accessible(browser)
            choose(page, "Search")
            page.run()
            page.script("document.querySelector('.graphiql-tab-add').click()")
            page.until(lambda page=page: len(page.tabs()) >= 2, "a second tab is there")
            assert_accessible(browser)
            page.script("localStorage.clear()")
    assert_quiet(browser, f"{bundled}/")


def test_the_endpoint_redirects_a_browser_to_graphiql(browser: "Chrome", bundled: str) -> None:
    for path in ("graphql", "graphql/"):
        browser.get(f"{bundled}/{path}")
        assert browser.current_url == f"{bundled}/graphiql"
