"""`/llms.txt`: what an agent has to know to ask this server well, in one page of Markdown.

Source: https://llmstxt.org for the form. The examples are those of `operations/`, with variables that answer now.
"""

import json

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from graphql_api.http.pages.examples import Ask, examples, values
from graphql_api.http.pages.home import ABOUT

_HEAD = f"""# Competent as GraphQL

> {ABOUT}

Competent is made by the Belgian public employment services and published in numbered releases; a release does not
change. This server is read-only.

- [Schema](schema.graphql): all types and fields, each with a description. Read it before writing a query of your own.
- [GraphQL endpoint](graphql): POST JSON `{{"query": …, "variables": …}}` with `Content-Type: application/json`.
- [GraphiQL](graphiql): for people.
- [Documentation](docs/): in Markdown. Examples with answers are in [questions](docs/queries.md).
- [Health](health/live), [readiness](health/ready)

## Rules

- Ask for what you need in one query; fields nest. Do not introspect again and again: the schema is at `schema.graphql`.
- `release` is `current` where it is left out. Give a number, as in `release(number: "3.11")`, where answers must not
  move under you.
- Codes (`OP-101`, `CP-7`, `SK-3851`, `KN-799`) are for people and can move to another thing; `uuid` stays the same from
  release to release; `id` is one thing in one release. Never make an `id` up: take it from an answer.
- Texts have `nl fr en de`, null where there is none. `text(languages: [EN, NL])` takes the first that there is, else
  Dutch, French, English, German, and `localized {{ text language isFallback }}` says which one it is. Many texts are in
  Dutch and French only.
- Find things with `search` (texts and codes) or `suggest` (titles as typed), and filter lists with `filter`; do not
  page through everything to find one thing.
- Lists are pages: `first` (20 where it is left out, at most 500) and `after`, with `pageInfo {{ hasNextPage endCursor
  }}`. `totalCount` is the whole.
- Null without an error means that there is no such thing. An error has `extensions.code`. `BAD_USER_INPUT` and
  `GRAPHQL_VALIDATION_FAILED` say what to correct; `QUERY_TOO_COMPLEX` wants a smaller `first` or less nesting; with
  `retryAfter` wait that many seconds and ask again; `NOT_INDEXED_YET` passes by itself. What did come back beside an
  error is good.

## Operations

Each of these works as it stands, with these variables.
"""


def agents_routes(ask: Ask) -> list[Route]:
    """The page at `/llms.txt`."""

    async def show(_: Request) -> Response:
        headers = {"Cache-Control": "no-cache", "X-Content-Type-Options": "nosniff"}
        return PlainTextResponse(await llms_txt(ask), headers=headers)

    return [Route("/llms.txt", show)]


async def llms_txt(ask: Ask) -> str:
    """The page; with upstream down, its examples have no variables."""
    known = await values(ask)
    sections = [_HEAD]
    for each in examples():
        told = each.given(known)
        lines = [f"### {each.name}", "", each.about, "", "```graphql", each.text, "```"]
        if told:
            lines += ["", "```json", json.dumps(told, ensure_ascii=False), "```"]
        sections.append("\n".join(lines) + "\n")
    return "\n".join(sections)
