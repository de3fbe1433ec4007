"""Turns a page of Markdown into HTML: anchors, links between pages, coloured code, tables that fit a phone.

Raw HTML is left out: pages have none but comments.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from posixpath import dirname, join, normpath
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from graphql import GraphQLSyntaxError, OperationDefinitionNode, parse

from graphql_api.http.pages.docs.library import images, pages, url
from graphql_api.http.pages.rendering import version_of

if TYPE_CHECKING:
    from markdown_it import MarkdownIt
    from markdown_it.token import Token

PROSE_CHARS = 60
"""Characters of a cell from which the cells of its table are stacked on a phone, instead of scrolled."""


RootFiles = frozenset[str]
"""Files at the server's root that pages may link to, such as `schema.graphql` and `graphiql`."""


@dataclass(frozen=True, slots=True)
class DocsSection:
    """A heading of a page, and the text below it up to the next heading."""

    anchor: str
    heading: str
    tag: str
    text: str


def html(name: str, root_files: RootFiles) -> str:
    """The HTML of a page without its title."""
    tokens = anchored(pages()[name])[3:]
    for token in tokens:
        token.children = token.children and list(_inline(token.children, name, root_files))
    _prepare_tables(tokens)
    reader = _reader()
    root = "../" * (name.count("/") + 1)
    env = {"graphiql": f"{root}graphiql" if "graphiql" in root_files else None}
    return str(reader.renderer.render(tokens, reader.options, env))


def sections(name: str) -> Iterator[DocsSection]:
    """The sections of a page in order; the first has the title as its heading."""
    tokens = anchored(pages()[name])
    starts = [position for position, token in enumerate(tokens) if token.type == "heading_open"]
    for start, end in pairwise([*starts, len(tokens)]):
        text = " ".join(_plain(token) for token in tokens[start + 3 : end] if token.content)
        yield DocsSection(str(tokens[start].attrGet("id")), _plain(tokens[start + 1]), tokens[start].tag, text)


def _plain(token: "Token") -> str:
    """The text of a token without Markdown."""
    if token.children is None:
        return token.content
    return "".join(child.content or " " * (child.type == "softbreak") for child in token.children)


def anchored(text: str) -> "list[Token]":
    """The tokens of Markdown without raw HTML; each heading has its anchor as `id`, as on GitHub."""
    tokens = [token for token in _reader().parse(text) if token.type != "html_block"]
    seen: dict[str, int] = {}
    for token, following in pairwise(tokens):
        if token.type == "heading_open":
            anchor = re.sub(r"[^\w\- ]", "", _plain(following).lower()).replace(" ", "-")
            seen[anchor] = seen.get(anchor, -1) + 1
            token.attrSet("id", f"{anchor}-{seen[anchor]}" if seen[anchor] else anchor)
    return tokens


@cache
def _reader() -> "MarkdownIt":
    from markdown_it import MarkdownIt

    reader = MarkdownIt("commonmark").enable("table")
    reader.add_render_rule("fence", _fence)
    return reader


def _inline(tokens: "Sequence[Token]", name: str, root_files: RootFiles) -> "Iterator[Token]":
    """The tokens of a line: links lead to the pages of this server, or are plain text if there is no such page."""
    is_dead = False
    for token in tokens:
        if token.type == "link_open":
            target = _link(str(token.attrGet("href")), name, root_files)
            is_dead = target is None
            token.attrSet("href", target or "")
        if token.type == "image":
            _version_image(token, name)
        if token.type != "html_inline" and not (is_dead and token.type in ("link_open", "link_close")):
            yield token


def _link(href: str, name: str, root_files: RootFiles) -> str | None:
    """The address that a link of a page leads to; None if this server does not serve it."""
    path, hash_mark, anchor = href.partition("#")
    if not path or re.match(r"https?:", href):
        return href
    target = normpath(join("docs", dirname(name), path))
    if target in root_files:
        return href
    page = target.removeprefix("docs/")
    return url(page, name) + hash_mark + anchor if page in pages() else None


def _version_image(token: "Token", name: str) -> None:
    source = str(token.attrGet("src"))
    content = images().get(normpath(join(dirname(name), source)))
    if content:
        token.attrSet("src", f"{source}?v={version_of(content)}")
        token.attrSet("loading", "lazy")


def _prepare_tables(tokens: "list[Token]") -> None:
    """Alignment becomes a class, as the content policy forbids inline styles; each cell names its column."""
    table = None
    columns: list[str] = []
    column = 0
    for token, content, closing in zip(tokens, tokens[1:], tokens[2:], strict=False):
        if token.type == "table_open":
            table, columns = token, []
            table.attrSet("tabindex", "0")  # it may scroll
        elif token.type == "tr_open":
            column = 0
        elif token.type in ("th_open", "td_open") and table:
            if style := token.attrs.pop("style", None):
                token.attrSet("class", str(style).removeprefix("text-align:"))
            if token.type == "th_open":
                columns.append(content.content)
                token.tag = closing.tag = "th" if content.content else "td"
            else:
                token.attrSet("data-label", columns[column].strip("`"))
                if len(content.content) >= PROSE_CHARS:
                    table.attrSet("class", "prose")
            column += 1


def _fence(renderer: Any, tokens: "Sequence[Token]", index: int, options: Any, env: dict[str, str | None]) -> str:
    language, _, parameters = tokens[index].info.partition(" ")
    code, graphiql = tokens[index].content, env["graphiql"]
    link = ""
    if language == "graphql" and not parameters and graphiql and _is_operation(code):
        link = f'<a href="{graphiql}#{urlencode({"query": code})}">Run in GraphiQL</a>'
    html = f'<pre tabindex="0"><code class="language-{language}">{_coloured(code, language)}</code></pre>'
    return f'<div class="code">{html}{link}</div>\n'


def _is_operation(code: str) -> bool:
    try:
        return any(isinstance(part, OperationDefinitionNode) for part in parse(code).definitions)
    except GraphQLSyntaxError:
        return False


def _coloured(code: str, language: str) -> str:
    """The code as HTML, with a class for each kind of word."""
    from pygments import highlight
    from pygments.formatters import HtmlFormatter
    from pygments.lexers import get_lexer_by_name
    from pygments.util import ClassNotFound

    try:
        lexer = get_lexer_by_name(language)
    except ClassNotFound:
        lexer = get_lexer_by_name("text")
    return str(highlight(code, lexer, HtmlFormatter(nowrap=True)))
