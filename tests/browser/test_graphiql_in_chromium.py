"""GraphiQL as a visitor uses it: in Chromium, with a real server, under the content security policy of the page.

`assert_graphiql_works` runs the same checks on any server, by its base URL.
"""

import json
from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import pytest
import strawberry
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.types import ASGIApp

from graphql_api.http.pages.graphiql import Examples, graphiql_routes
from tests.browser.visits import evaluate, resize, run_first, until

if TYPE_CHECKING:
    from selenium.webdriver import Chrome
    from selenium.webdriver.remote.webelement import WebElement

pytestmark = pytest.mark.browser

Serve = Callable[[ASGIApp], str]

QUERY = ".graphiql-query-editor .CodeMirror"
VARIABLES = ".graphiql-editor-tool .CodeMirror"
ANSWER = ".result-window .CodeMirror"

EXAMPLES = {
    "groups": [
        {
            "title": "Look up",
            "examples": [
                {
                    "name": "ProfileByCode",
                    "about": "A profile by its code.",
                    "query": "query ProfileByCode($code: String!) {\n  profile(code: $code) {\n    code\n  }\n}\n",
                    "variables": '{\n  "code": "OP-12"\n}',
                }
            ],
        },
        {
            "title": "Greet",
            "examples": [
                {
                    "name": "Greeting",
                    "about": "A greeting.",
                    "query": "query Greeting {\n  greeting\n}\n",
                    "variables": "",
                }
            ],
        },
    ],
    "response": {"data": {"profile": {"code": "OP-12"}}},
}
FIRST, SECOND = (group["examples"][0] for group in EXAMPLES["groups"])  # type: ignore[index]
FIRST_ANSWER = EXAMPLES["response"]


class Page:
    """GraphiQL in a browser: reads what it shows, and acts as a visitor does."""

    def __init__(self, browser: "Chrome", base_url: str, fragment: str = "") -> None:
        self.browser = browser
        self.base_url = base_url
        self.open(fragment)

    def open(self, fragment: str = "") -> None:
        self.browser.get("about:blank")
        self.browser.get(f"{self.base_url}/graphiql{fragment}")
        self.until(self.is_ready, "the editors are ready")

    def is_ready(self) -> bool:
        # An editor has its key map only once all of GraphiQL knows of it: before that, the run button does nothing.
        editors = "document.querySelectorAll('.CodeMirror')"
        key_maps = self.script(f"Array.from({editors}, it => it.CodeMirror.options.keyMap)")
        return list(key_maps) == ["sublime"] * 4  # query, variables, headers, answer

    def until(self, condition: Callable[[], object], fact: str) -> None:
        until(condition, fact)

    def script(self, expression: str) -> Any:
        return self.browser.execute_script(f"return {expression}")

    def find(self, selector: str) -> list["WebElement"]:
        return self.browser.find_elements("css selector", selector)

    def click(self, selector: str) -> None:
        self.until(lambda: self.find(selector), f"{selector} is there")
        self.find(selector)[0].click()

    def click_on(self, selector: str, text: str) -> None:
        """Click on the element with this selector and text. By script, since lists may be redrawn between finding and clicking."""
        element = f"Array.from(document.querySelectorAll({selector!r})).find(it => it.innerText === {text!r})"
        self.until(lambda: self.script(f"{element} !== undefined"), f"{text} can be chosen")
        self.script(f"{element}.click()")

    def texts(self, selector: str) -> list[str]:
        return list(self.script(f"Array.from(document.querySelectorAll({selector!r}), it => it.innerText)"))

    def is_about(self, name: str) -> None:
        """Wait until GraphiQL has recognised the query as this operation, shortly after it is shown."""
        seen = f"document.querySelector({QUERY!r}).CodeMirror.operationName"
        self.until(lambda: name in self.text(QUERY) and self.script(seen) == name, f"{name} is open")

    def tabs(self) -> list[str]:
        return [tab.text for tab in self.find(".graphiql-tab-button")]

    def text(self, editor: str) -> str:
        """All of an editor's text, also what it has not drawn yet."""
        return str(self.script(f"document.querySelector('{editor}').CodeMirror.getValue()"))

    def choose_example(self, about: str) -> None:
        """Open the example with this description from the list."""
        self.click_on(".examples button", about)

    def run(self) -> Any:
        self.script(f"document.querySelector('{ANSWER}').CodeMirror.setValue('')")
        self.click(".graphiql-execute-button")
        self.until(lambda: self.text(ANSWER), "the operation has an answer")
        return json.loads(self.text(ANSWER))

    def docs(self) -> str:
        self.click("[aria-label='Show Documentation Explorer']")
        self.until(lambda: self.find(".graphiql-doc-explorer a"), "the docs show the schema")
        return self.find(".graphiql-doc-explorer")[0].text

    def dialog_styles(self) -> list[int]:
        """The number of rules in each `<style>` that an open dialog has added to the page: 0 if the policy refused it."""
        self.click("[aria-label='Open settings dialog']")
        self.until(lambda: self.find(".graphiql-dialog"), "the dialog is open")
        styles = "document.querySelectorAll('style')"
        return list(self.script(f"Array.from({styles}, it => it.sheet?.cssRules.length ?? 0)"))

    def complaints(self) -> list[str]:
        """The errors in the console, to which the browser also logs violations of the policy."""
        return [entry["message"] for entry in self.logged("browser") if entry["level"] == "SEVERE"]

    def requests(self) -> list[str]:
        """Every URL that the page requested since the last call, except `data:` URLs."""
        events = [json.loads(entry["message"])["message"] for entry in self.logged("performance")]
        urls = [event["params"]["request"]["url"] for event in events if event["method"] == "Network.requestWillBeSent"]
        return [url for url in urls if not url.startswith("data:")]

    def logged(self, entry_type: str) -> list[dict[str, Any]]:
        get_log: Callable[[str], list[dict[str, Any]]] = self.browser.get_log
        return get_log(entry_type)


def assert_graphiql_works(browser: "Chrome", base_url: str, name: str, is_good: Callable[[Any], bool]) -> None:
    """Opens GraphiQL for the first time, which shows the first example with its response; runs it, reads the docs, opens a dialog."""
    page = Page(browser, base_url)
    assert page.tabs() == [name]
    assert is_good(json.loads(page.text(ANSWER)))
    answer = page.run()
    assert is_good(answer), answer
    assert "Query" in page.docs()
    assert [rules > 0 for rules in page.dialog_styles()] == [True]
    assert page.complaints() == []
    assert [url for url in page.requests() if not url.startswith(f"{base_url}/")] == []


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
    """A minimal GraphQL endpoint; records the `Accept` headers and operation names of its requests."""

    def __init__(self) -> None:
        self.schema = strawberry.Schema(Query)
        self.accepted: set[str] = set()
        self.operations: set[str] = set()

    async def answer(self, request: Request) -> Response:
        self.accepted.add(request.headers["accept"])
        body = await request.json()
        self.operations.add(body["operationName"])
        result = await self.schema.execute(body["query"], body.get("variables"))
        return JSONResponse({"data": result.data})


async def bad_gateway(_: Request) -> Response:
    return Response("<h1>Bad Gateway</h1>", 502, media_type="text/html")


async def examples(_: str) -> Mapping[str, object]:
    return EXAMPLES


async def no_notice() -> str:
    return ""


async def no_examples(_: str) -> Mapping[str, object]:
    return {"groups": [], "response": None}


async def lost_examples(_: str) -> Mapping[str, object]:
    raise LookupError


def routes(answer: Callable[[Request], Awaitable[Response]], examples: Examples = examples) -> list[BaseRoute]:
    return [Route("/graphql", answer, methods=["POST"]), *graphiql_routes(examples, no_notice)]


def test_graphiql_opens_with_the_examples_and_runs_them(serve: Serve, browser: "Chrome") -> None:
    endpoint = Endpoint()
    base_url = serve(Starlette(routes=routes(endpoint.answer)))
    assert_graphiql_works(browser, base_url, "ProfileByCode", FIRST_ANSWER.__eq__)
    assert endpoint.accepted == {
        "application/graphql-response+json, application/json;q=0.9, multipart/mixed;incrementalSpec=v0.2;q=0.8"
    }


def test_graphiql_works_behind_a_path_prefix(serve: Serve, browser: "Chrome") -> None:
    base_url = serve(Starlette(routes=[Mount("/behind/a/prefix", routes=routes(Endpoint().answer))]))
    assert_graphiql_works(browser, f"{base_url}/behind/a/prefix", "ProfileByCode", FIRST_ANSWER.__eq__)


def test_the_first_example_opens_with_its_variables(serve: Serve, browser: "Chrome") -> None:
    page = Page(browser, serve(Starlette(routes=routes(Endpoint().answer))))
    assert (page.text(QUERY), page.text(VARIABLES)) == (FIRST["query"], FIRST["variables"])


def test_an_example_replaces_another_example_but_not_an_edited_tab(serve: Serve, browser: "Chrome") -> None:
    page = Page(browser, serve(Starlette(routes=routes(Endpoint().answer))))
    page.choose_example("A greeting.")
    page.is_about("Greeting")
    assert page.tabs() == ["Greeting"]
    assert (page.text(QUERY), page.text(VARIABLES), page.text(ANSWER)) == (SECOND["query"], "", "")
    assert page.run() == {"data": {"greeting": "Hello"}}

    page.script(f"document.querySelector('{QUERY}').CodeMirror.setValue('query Mine {{ greeting }}')")
    page.is_about("Mine")
    page.choose_example("A profile by its code.")
    page.is_about("ProfileByCode")
    assert page.tabs() == ["Mine", "ProfileByCode"]
    assert page.run() == FIRST_ANSWER


def test_tabs_are_restored_on_a_second_visit(serve: Serve, browser: "Chrome") -> None:
    page = Page(browser, serve(Starlette(routes=routes(Endpoint().answer))))
    page.click(".graphiql-tab-add")
    page.until(lambda: len(page.tabs()) == 2, "a second tab is there")
    page.until(
        lambda: page.script("Object.values(localStorage).some(it => it.includes('\"activeTabIndex\":1'))"),
        "it is stored",
    )
    page.open()
    assert page.tabs() == ["ProfileByCode", "<untitled>"]


LINK = "#" + urlencode(
    {"query": "query Linked($code: String!) { profile(code: $code) { code } }", "variables": '{"code": "OP-7"}'}
)


def test_a_link_opens_an_operation_without_running_it(serve: Serve, browser: "Chrome") -> None:
    endpoint = Endpoint()
    page = Page(browser, serve(Starlette(routes=routes(endpoint.answer))), LINK)
    page.is_about("Linked")

    assert page.text(VARIABLES) == '{"code": "OP-7"}'
    assert page.text(ANSWER) == ""
    assert endpoint.operations == {"IntrospectionQuery"}
    assert [url for url in page.requests() if "Linked" in url.partition("#")[0]] == []
    assert page.browser.current_url == f"{page.base_url}/graphiql"
    assert page.run() == {"data": {"profile": {"code": "OP-7"}}}


def test_a_link_to_the_open_page_preserves_edited_tabs(serve: Serve, browser: "Chrome") -> None:
    page = Page(browser, serve(Starlette(routes=routes(Endpoint().answer))))
    page.script(f"document.querySelector('{QUERY}').CodeMirror.setValue('query Mine {{ greeting }}')")
    page.is_about("Mine")
    page.script(f"location.hash = {LINK!r}")
    page.is_about("Linked")

    assert page.tabs() == ["Mine", "Linked"]


def test_a_copied_link_opens_the_operation(serve: Serve, browser: "Chrome") -> None:
    base_url = serve(Starlette(routes=routes(Endpoint().answer)))
    permissions = ["clipboardReadWrite", "clipboardSanitizedWrite"]
    browser.execute_cdp_cmd("Browser.grantPermissions", {"permissions": permissions, "origin": base_url})
    page = Page(browser, base_url)
    page.click(".copy-link")
    page.until(lambda: page.texts(".copy-link") == ["Link copied"], "the link is copied")
    assert page.script("document.querySelector('[role=status]').textContent") == "Link copied"
    link = evaluate(browser, "navigator.clipboard.readText()")

    assert link.startswith(f"{base_url}/graphiql#query=")
    page.choose_example("A greeting.")
    page.is_about("Greeting")
    page.script(f"location.hash = {json.dumps('#' + link.partition('#')[2])}")
    page.is_about("ProfileByCode")
    assert page.text(VARIABLES) == FIRST["variables"]


def test_without_a_clipboard_the_link_is_in_the_address_bar(serve: Serve, browser: "Chrome") -> None:
    refuse = "Object.defineProperty(navigator, 'clipboard', { value: undefined });"
    with run_first(browser, refuse):
        page = Page(browser, serve(Starlette(routes=routes(Endpoint().answer))))
    page.click(".copy-link")
    page.until(lambda: "#query=query+ProfileByCode" in browser.current_url, "the link is in the address bar")


def test_an_editor_is_left_by_escape_and_tab(serve: Serve, browser: "Chrome") -> None:
    from selenium.webdriver.common.keys import Keys

    page = Page(browser, serve(Starlette(routes=routes(Endpoint().answer))))
    is_focused = f"document.querySelector('{QUERY} textarea') === document.activeElement"
    page.click(QUERY)
    browser.switch_to.active_element.send_keys(Keys.TAB)
    assert page.script(is_focused), "Tab indents"
    before = page.text(QUERY)
    for keys in ((Keys.TAB,), (Keys.SHIFT, Keys.TAB)):
        page.click(QUERY)
        browser.switch_to.active_element.send_keys(Keys.ESCAPE)
        browser.switch_to.active_element.send_keys(*keys)
        assert not page.script(is_focused), keys
    assert page.text(QUERY) == before
    page.click(QUERY)
    browser.switch_to.active_element.send_keys(Keys.TAB)
    assert page.script(is_focused), "Tab indents again"


def test_panes_are_tabs_on_a_phone(serve: Serve, browser: "Chrome") -> None:
    from selenium.webdriver.common.keys import Keys

    resize(browser, 390, "light")
    page = Page(browser, serve(Starlette(routes=routes(Endpoint().answer))))

    def shown() -> list[str]:
        panes = (".graphiql-plugin", ".graphiql-editors", ".graphiql-response")
        return [pane for pane in panes if page.script(f"document.querySelector({pane!r}).checkVisibility()")]

    def selected() -> list[str]:
        return page.texts("[role=tab][aria-selected=true]")

    assert (selected(), shown()) == (["Query"], [".graphiql-editors"])
    page.run()
    assert (selected(), shown()) == (["Response"], [".graphiql-response"])
    for pane in (".graphiql-response", ".result-window"):
        assert page.script(f"document.querySelector({pane!r}).getBoundingClientRect().width") > 330
    page.find("[role=tab][aria-selected=true]")[0].send_keys(Keys.ARROW_RIGHT)
    assert (selected(), shown()) == (["Examples"], [".graphiql-plugin"])
    assert page.script("document.activeElement.innerText") == "Examples"
    page.find(".examples button")[1].send_keys(Keys.ENTER)
    page.is_about("Greeting")
    assert (selected(), shown()) == (["Query"], [".graphiql-editors"])
    page.find("[role=tab]")[1].click()
    page.until(lambda: page.find(".graphiql-doc-explorer a"), "the docs show the schema")
    assert (selected(), shown()) == (["Docs"], [".graphiql-plugin"])
    page.click("[aria-label='Show History']")
    page.until(lambda: page.find(".graphiql-history"), "the history is shown")
    assert page.script("document.documentElement.scrollWidth") == 390


def test_a_browser_without_storage_shows_the_examples(serve: Serve, browser: "Chrome") -> None:
    refuse = (
        "Object.defineProperty(window, 'localStorage', { get() { throw new DOMException('no', 'SecurityError'); } });"
    )
    base_url = serve(Starlette(routes=routes(Endpoint().answer)))
    with run_first(browser, refuse):
        assert_graphiql_works(browser, base_url, "ProfileByCode", FIRST_ANSWER.__eq__)


@pytest.mark.parametrize("examples", [no_examples, lost_examples])
def test_without_examples_it_opens_with_one_short_query(serve: Serve, browser: "Chrome", examples: Examples) -> None:
    page = Page(browser, serve(Starlette(routes=routes(Endpoint().answer, examples))))
    assert page.tabs() == ["Releases"]
    assert page.text(QUERY).startswith("query Releases {")


def test_a_response_that_is_not_json_is_shown_as_an_error(serve: Serve, browser: "Chrome") -> None:
    page = Page(browser, serve(Starlette(routes=routes(bad_gateway))))
    message = "The server answered with status 502 and text/html; charset=utf-8, not with JSON."
    assert page.run() == {"errors": [{"message": message}]}
