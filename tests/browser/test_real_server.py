"""GraphiQL over the server itself: every tab answers, and nothing is asked of another host."""

import pytest

from graphql_api.app import create_app
from graphql_api.examples import examples
from graphql_api.sandbox import Releases, create_sandbox
from graphql_api.settings import Settings
from tests.browser.test_graphiql_in_chromium import Serve, assert_graphiql_works

pytestmark = pytest.mark.browser


def test_graphiql_opens_with_the_examples_of_the_running_data(
    browser: object, serve: Serve, releases: Releases, settings: Settings
) -> None:
    base = serve(create_app(settings, create_sandbox(releases)))

    assert_graphiql_works(
        browser,  # type: ignore[arg-type]
        base,
        [example.name for example in examples()],
        lambda answer: answer["data"]["occupationalProfile"]["code"] == "OP-101" and "errors" not in answer,
    )
