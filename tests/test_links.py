"""Every link of every Markdown page in the repository leads somewhere: to a file that exists, and a heading that it has."""

import re
from collections.abc import Iterator
from functools import cache
from itertools import pairwise
from pathlib import Path

import pytest
from markdown_it import MarkdownIt
from markdown_it.token import Token

ROOT = Path(__file__).parent.parent
PAGES = sorted(
    file
    for pattern in ("*.md", "docs/**/*.md", "benchmarks/*.md", "graphql_api/**/*.md")
    for file in ROOT.glob(pattern)
    if "node_modules" not in file.parts
)


def tokens_of(text: str) -> list[Token]:
    return MarkdownIt("commonmark").enable("table").parse(text)


def anchors_in(text: str) -> set[str]:
    """The anchors that GitHub gives to the headings of a page: the second one with a text ends in `-1`."""
    tokens, anchors = tokens_of(text), set[str]()
    for opening, heading in pairwise(tokens):
        if opening.type == "heading_open":
            words = "".join(child.content for child in heading.children or ())
            name = re.sub(r"[^\w\- ]", "", words.lower()).replace(" ", "-")
            same = sum(anchor == name or bool(re.fullmatch(rf"{re.escape(name)}-\d+", anchor)) for anchor in anchors)
            anchors.add(f"{name}-{same}" if same else name)
    return anchors


@cache
def anchors_of(file: Path) -> set[str]:
    return anchors_in(file.read_text(encoding="utf-8"))


def links_in(text: str) -> Iterator[str]:
    for token in tokens_of(text):
        for child in token.children or ():
            if target := child.attrGet("href" if child.type == "link_open" else "src"):
                yield str(target)


def faults_of(text: str, page: Path) -> Iterator[str]:
    """The links of a page that lead nowhere."""
    for link in links_in(text):
        if re.match(r"https?://", link):
            continue
        path, _, anchor = link.partition("#")
        file = (page.parent / path).resolve() if path else page
        if path and (not file.exists() or ROOT not in file.parents):
            yield f"{link}: there is no such file"
        elif anchor and anchor not in (anchors_in(text) if file == page else anchors_of(file)):
            yield f"{link}: there is no such heading"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_every_link_resolves_to_a_file_and_heading(page: Path) -> None:
    assert list(faults_of(page.read_text(encoding="utf-8"), page)) == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_no_page_has_merge_conflict_markers(page: Path) -> None:
    assert re.findall(r"^(?:<{7}|>{7}|={7}(?=\s))", page.read_text(encoding="utf-8"), re.MULTILINE) == []


def test_broken_links_are_detected() -> None:
    text = "# One\n\n## One\n\n[a](#one) [b](#one-1) [c](#one-2) ![d](docs/no.png) [e](docs/README.md#no) [f](../main.md)\n"

    assert [fault.partition(":")[0] for fault in faults_of(text, ROOT / "page.md")] == [
        "#one-2",
        "docs/no.png",
        "docs/README.md#no",
        "../main.md",
    ]
