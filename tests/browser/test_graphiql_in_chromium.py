"""GraphiQL as a visitor meets it: in Chromium, over a real server, under the page's own policy.

`assert_graphiql_works` runs the same checks on any server, by its base URL.
"""

import json
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

import pytest
import strawberry
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.types import ASGIApp

from graphql_api.http.pages.graphiql import Tabs, graphiql_routes

if TYPE_CHECKING:
    from selenium.webdriver import Chrome
    from selenium.webdriver.remote.webelement import WebElement

pytestmark = pytest.mark.browser

Serve = Callable[[ASGIApp], str]

PATIENCE = 20  # seconds, for a slow machine; a condition that holds ends the wait immediately
QUERY = ".graphiql-query-editor .CodeMirror"
VARIABLES = ".graphiql-editor-tool .CodeMirror"
ANSWER = ".result-window .CodeMirror"

TABS = [
    {
        "title": "ProfileByCode",
        "query": "query ProfileByCode($code: String!) {\n  profile(code: $code) {\n    code\n  }\n}\n",
        "variables": '{\n  "code": "OP-12"\n}',
    },
    {"title": "The shortest query", "query": "query Greeting {\n  greeting\n}\n", "variables": ""},
]
NAMES = ["ProfileByCode", "Greeting"]
FIRST_ANSWER = {"data": {"profile": {"code": "OP-12"}}}


class Page:
    """GraphiQL in a browser: what stands on it, and what a visitor does with it."""

    def __init__(self, browser: "Chrome", base_url: str) -> None:
        self.browser = browser
        self.base_url = base_url
        self.open()

    def open(self) -> None:
        self.browser.get(f"{self.base_url}/graphiql")
        self.until(self.is_ready, "the editors are ready")

    def is_ready(self) -> bool:
        # An editor has its key map only once all of GraphiQL knows of it: before that, the run button does nothing.
        editors = "document.querySelectorAll('.CodeMirror')"
        key_maps = self.script(f"Array.from({editors}, it => it.CodeMirror.options.keyMap)")
        return list(key_maps) == ["sublime"] * 4  # query, variables, headers, answer

    def until(self, condition: Callable[[], object], fact: str) -> None:
        from selenium.webdriver.support.wait import WebDriverWait  # here, as these tests skip without selenium

        WebDriverWait(self.browser, PATIENCE, poll_frequency=0.05).until(lambda _: condition(), f"still not so: {fact}")

    def script(self, expression: str) -> Any:
        return self.browser.execute_script(f"return {expression}")

    def find(self, selector: str) -> list["WebElement"]:
        return self.browser.find_elements("css selector", selector)

    def click(self, selector: str) -> None:
        self.until(lambda: self.find(selector), f"{selector} is there")
        self.find(selector)[0].click()

    def click_on(self, selector: str, text: str) -> None:
        """Click on the element with this selector and text. By script, since lists may be redrawn between finding and clicking."""
        found = f"Array.from(document.querySelectorAll({selector!r})).find(it => it.innerText === {text!r})"
        self.until(lambda: self.script(f"{found} !== undefined"), f"{text} can be chosen")
        self.script(f"{found}.click()")

    def texts(self, selector: str) -> list[str]:
        return list(self.script(f"Array.from(document.querySelectorAll({selector!r}), it => it.innerText)"))

    def is_about(self, name: str) -> None:
        """Wait until GraphiQL has seen that the query is this operation: a moment after it stands there."""
        seen = f"document.querySelector({QUERY!r}).CodeMirror.operationName"
        self.until(lambda: name in self.text(QUERY) and self.script(seen) == name, f"{name} is open")

    def tabs(self) -> list[str]:
        return [tab.text for tab in self.find(".graphiql-tab-button")]

    def text(self, editor: str) -> str:
        """All of an editor's text, also what it has not drawn yet."""
        return str(self.script(f"document.querySelector('{editor}').CodeMirror.getValue()"))

    def run(self) -> Any:
        self.click(".graphiql-execute-button")
        self.until(lambda: self.text(ANSWER), "the operation has an answer")
        return json.loads(self.text(ANSWER))

    def docs(self) -> str:
        self.click("[aria-label='Show Documentation Explorer']")
        self.until(lambda: self.find(".graphiql-doc-explorer a"), "the docs show the schema")
        return self.find(".graphiql-doc-explorer")[0].text

    def dialog_styles(self) -> list[int]:
        """The number of rules in each `<style>` that an open dialog has put into the page: none where it is refused."""
        self.click("[aria-label='Open settings dialog']")
        self.until(lambda: self.find(".graphiql-dialog"), "the dialog is open")
        styles = "document.querySelectorAll('style')"
        return list(self.script(f"Array.from({styles}, it => it.sheet?.cssRules.length ?? 0)"))

    def complaints(self) -> list[str]:
        """The errors of the console, which is where the browser tells what the policy refused."""
        return [entry["message"] for entry in self.logged("browser") if entry["level"] == "SEVERE"]

    def requests(self) -> list[str]:
        """Every address that the page asked for since this was last called, but for data in the address itself."""
        events = [json.loads(entry["message"])["message"] for entry in self.logged("performance")]
        urls = [event["params"]["request"]["url"] for event in events if event["method"] == "Network.requestWillBeSent"]
        return [url for url in urls if not url.startswith("data:")]

    def logged(self, kind: str) -> list[dict[str, Any]]:
        get_log: Callable[[str], list[dict[str, Any]]] = self.browser.get_log
        return get_log(kind)


def assert_graphiql_works(browser: "Chrome", base_url: str, tabs: list[str], is_good: Callable[[Any], bool]) -> None:
    """Opens GraphiQL for the first time, runs its first tab, reads the docs, opens a dialog."""
    page = Page(browser, base_url)
    assert page.tabs() == tabs
    answer = page.run()
    assert is_good(answer), answer
    assert "Query" in page.docs()
    assert [rules > 0 for rules in page.dialog_styles()] == [True]
    assert page.complaints() == []
    asked = page.requests()
    assert f"{base_url}/graphql" in asked
    assert [url for url in asked if not url.startswith(f"{base_url}/")] == []


@strawberry.type
class Profile:
    code: str = strawberry.field(description="The code of an occupation.")


@strawberry.type
class Query:
    @strawberry.field
    def greeting(self) -> str:
        return "Hello"

    @strawberry.field
    def profile(self, code: str) -> Profile:
        return Profile(code=code)


class Endpoint:
    """The least of a GraphQL endpoint; it keeps the `Accept` headers that it was sent."""

    def __init__(self) -> None:
        self.schema = strawberry.Schema(Query)
        self.accepted: set[str] = set()

    async def answer(self, request: Request) -> Response:
        self.accepted.add(request.headers["accept"])
        asked = await request.json()
        result = await self.schema.execute(asked["query"], asked.get("variables"))
        return JSONResponse({"data": result.data})


async def bad_gateway(_: Request) -> Response:
    return Response("<h1>Bad Gateway</h1>", 502, media_type="text/html")


async def examples() -> list[dict[str, str]]:
    return TABS


async def no_notice() -> str:
    return ""


async def no_examples() -> list[dict[str, str]]:
    return []


async def lost_examples() -> list[dict[str, str]]:
    raise LookupError


def routes(answer: Callable[[Request], Awaitable[Response]], tabs: Tabs = examples) -> list[BaseRoute]:
    return [Route("/graphql", answer, methods=["POST"]), *graphiql_routes(tabs, no_notice)]


def test_graphiql_opens_with_the_examples_and_answers_them(serve: Serve, browser: "Chrome") -> None:
    endpoint = Endpoint()
    base_url = serve(Starlette(routes=routes(endpoint.answer)))
    assert_graphiql_works(browser, base_url, NAMES, FIRST_ANSWER.__eq__)
    assert endpoint.accepted == {
        "application/graphql-response+json, application/json;q=0.9, multipart/mixed;incrementalSpec=v0.2;q=0.8"
    }


def test_graphiql_works_behind_a_path_prefix(serve: Serve, browser: "Chrome") -> None:
    base_url = serve(Starlette(routes=[Mount("/behind/a/prefix", routes=routes(Endpoint().answer))]))
    assert_graphiql_works(browser, f"{base_url}/behind/a/prefix", NAMES, FIRST_ANSWER.__eq__)


def test_the_first_tab_opens_with_its_variables(serve: Serve, browser: "Chrome") -> None:
    page = Page(browser, serve(Starlette(routes=routes(Endpoint().answer))))
    assert (page.text(QUERY), page.text(VARIABLES)) == (TABS[0]["query"], TABS[0]["variables"])


def test_a_title_that_is_no_name_stands_above_the_query(serve: Serve, browser: "Chrome") -> None:
    page = Page(browser, serve(Starlette(routes=routes(Endpoint().answer))))
    page.click("#graphiql-session-tab-1")
    page.until(lambda: page.text(QUERY) == f"# {TABS[1]['title']}\n{TABS[1]['query']}", "the second tab has its title")
    assert page.run() == {"data": {"greeting": "Hello"}}


def test_a_second_visit_finds_the_tabs_as_they_were_left(serve: Serve, browser: "Chrome") -> None:
    page = Page(browser, serve(Starlette(routes=routes(Endpoint().answer))))
    page.click(".graphiql-tab-add")
    page.until(lambda: len(page.tabs()) == 3, "a third tab is there")
    page.until(
        lambda: page.script("Object.values(localStorage).some(it => it.includes('\"activeTabIndex\":2'))"),
        "it is stored",
    )
    page.open()
    assert page.tabs() == [*NAMES, "<untitled>"]


def test_a_browser_that_keeps_nothing_shows_the_examples(serve: Serve, browser: "Chrome") -> None:
    refuse = (
        "Object.defineProperty(window, 'localStorage', { get() { throw new DOMException('no', 'SecurityError'); } });"
    )
    browser.execute_cdp_cmd("Page.addScriptToEvaluateOnNewDocument", {"source": refuse})
    base_url = serve(Starlette(routes=routes(Endpoint().answer)))
    assert_graphiql_works(browser, base_url, NAMES, FIRST_ANSWER.__eq__)


@pytest.mark.parametrize("tabs", [no_examples, lost_examples])
def test_without_examples_it_opens_with_one_short_query(serve: Serve, browser: "Chrome", tabs: Tabs) -> None:
    page = Page(browser, serve(Starlette(routes=routes(Endpoint().answer, tabs))))
    assert page.tabs() == ["Releases"]
    assert page.text(QUERY).startswith("query Releases {")


def test_an_answer_that_is_no_json_is_told_as_such(serve: Serve, browser: "Chrome") -> None:
    page = Page(browser, serve(Starlette(routes=routes(bad_gateway))))
    message = "The server answered with status 502 and text/html; charset=utf-8, not with JSON."
    assert page.run() == {"errors": [{"message": message}]}
