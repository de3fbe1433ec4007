"""`/llms.txt`: all that an agent needs to use this server, as one Markdown page.

Source of the format: https://llmstxt.org. Examples are those of `operations/`, with variables that return results now.
"""

import json

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from graphql_api.http.pages.examples import RunQuery, examples, values
from graphql_api.http.pages.home import ABOUT, provenance_of

_TITLE = f"""# Competent as GraphQL

> {ABOUT}
"""
_RULES = """
Competent is made by the Belgian public employment services and published in numbered releases; a release does not
change. This server is read-only.

- [Schema](schema.graphql): all types and fields, each with a description. Read it before writing a query of your own.
- [GraphQL endpoint](graphql): POST JSON `{"query": …, "variables": …}` with `Content-Type: application/json`.
- [GraphiQL](graphiql): for people.
- [Documentation](docs/): in Markdown. The [query guide](docs/queries.md) has examples with responses.
- [Feed](releases.atom): new releases, with the numbers of their changes.
- [Health](health/live), [readiness](health/ready)

## Rules

- Request what you need in one nested query. Do not introspect repeatedly: the schema is at `schema.graphql`.
- `release` is `current` by default. Pass a number, as in `release(number: "3.11")`, if responses must not change when a
  release is published.
- Codes (`OP-101`, `CP-7`, `SK-3851`, `KN-799`) are for people and can move to another concept; `uuid` is the same in
  every release; `id` is one concept in one release. Never invent an `id`: take it from a response.
- Texts have `nl fr en de`, null if there is no translation. `text(languages: [EN, NL])` returns the first available
  language, else Dutch, French, English or German; `localized { text language isFallback }` says which one. Many texts
  exist in Dutch and French only.
- Find concepts with `search` (texts and codes) or `suggest` (titles as typed), and filter lists with `filter`; do not
  page through everything to find one concept.
- Lists are connections: `first` (20 by default, at most 500) and `after`, with `pageInfo { hasNextPage endCursor }`
  and `totalCount`.
- Null without an error means that the concept does not exist. An error has `extensions.code`. `BAD_USER_INPUT` and
  `GRAPHQL_VALIDATION_FAILED` say what to correct; for `QUERY_TOO_COMPLEX` use a smaller `first` or less nesting; with
  `retryAfter` wait that many seconds and send the query again; `NOT_INDEXED_YET` resolves by itself. Data returned
  together with errors is valid.

## Operations

Each of these works as it is, with these variables.
"""


def agents_routes(ask: RunQuery) -> list[Route]:
    """The route `/llms.txt`."""

    async def show(_: Request) -> Response:
        headers = {"Cache-Control": "no-cache", "X-Content-Type-Options": "nosniff"}
        return PlainTextResponse(await llms_txt(ask), headers=headers)

    return [Route("/llms.txt", show)]


async def llms_txt(ask: RunQuery) -> str:
    """The page as Markdown; if the data is unavailable, examples have no variables."""
    known_values = await values(ask)
    provenance = (await provenance_of(ask)).sentences
    sections = [_TITLE + (f"\n{provenance}\n" if provenance else "") + _RULES]
    for example in examples():
        variables = example.values_of(known_values)
        lines = [f"### {example.name}", "", example.about, "", "```graphql", example.text, "```"]
        if variables:
            lines += ["", "```json", json.dumps(variables, ensure_ascii=False), "```"]
        sections.append("\n".join(lines) + "\n")
    return "\n".join(sections)
