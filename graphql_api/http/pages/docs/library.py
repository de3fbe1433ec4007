"""The files of `docs/`, their addresses below `/docs/`, and their order, which is that of the index page."""

from collections.abc import Iterator
from functools import cache
from importlib.resources import files
from itertools import pairwise
from posixpath import splitext
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from importlib.resources.abc import Traversable

INDEX = "README.md"
"""The index page of a folder."""
MEDIA_TYPES = {".svg": "image/svg+xml", ".png": "image/png"}


class Entry(NamedTuple):
    """A page in the navigation."""

    name: str
    title: str


class Group(NamedTuple):
    """A section of the navigation, and the pages in it."""

    title: str
    entries: list[Entry]


@cache
def pages() -> dict[str, str]:
    """All pages: Markdown by name, such as `queries.md` and `decisions/README.md`."""
    return {name: file.read_text(encoding="utf-8") for name, file in _files() if name.endswith(".md")}


@cache
def images() -> dict[str, bytes]:
    """All images by name, such as `architecture.svg`."""
    return {name: file.read_bytes() for name, file in _files() if splitext(name)[1] in MEDIA_TYPES}


def _files() -> "Iterator[tuple[str, Traversable]]":
    package = files("graphql_api")
    folder = package / "docs"
    return _below(folder if folder.is_dir() else package / ".." / "docs", "")  # the latter if run from source


def _below(folder: "Traversable", above: str) -> "Iterator[tuple[str, Traversable]]":
    for file in sorted(folder.iterdir(), key=lambda file: file.name):
        if file.is_dir():
            yield from _below(file, f"{above}{file.name}/")
        else:
            yield above + file.name, file


def title(name: str) -> str:
    """The title of a page: its first line."""
    return pages()[name].partition("\n")[0].lstrip("# ")


def address(name: str) -> str:
    """The URL of a page, relative to `/docs/`."""
    return name.removesuffix(INDEX) if name.endswith(INDEX) else name.removesuffix(".md")


def url(name: str, base: str) -> str:
    """The URL of a page, relative to the page `base`."""
    return "../" * base.count("/") + address(name) or "./"


def page_at(path: str) -> str | None:
    """The name of the page at a path below `/docs/`; None if there is none."""
    name = path + INDEX if path.endswith("/") or not path else f"{path}.md"
    return name if name in pages() else None


@cache
def navigation() -> tuple[Group, ...]:
    """The pages in groups, as the index page lists them under its headings."""
    from markdown_it import MarkdownIt

    groups: list[Group] = []
    for token, following in pairwise(MarkdownIt("commonmark").parse(pages()[INDEX])):
        if token.type == "heading_open" and token.tag == "h2":
            groups.append(Group(following.content, []))
        for link, label in pairwise(token.children or ()):
            name = str(link.attrGet("href"))
            if link.type == "link_open" and name in pages():
                groups[-1].entries.append(Entry(name, label.content[:1].upper() + label.content[1:]))
    return tuple(groups)


@cache
def _sequence() -> list[Entry]:
    """All pages in reading order; those of a folder follow its index page."""
    sequence = [Entry(INDEX, title(INDEX))]
    for entry in (entry for group in navigation() for entry in group.entries):
        sequence.append(entry)
        if entry.name.endswith(INDEX):
            folder = entry.name.removesuffix(INDEX)
            below = (name for name in pages() if name.startswith(folder) and name != entry.name)
            sequence += [Entry(name, title(name)) for name in below]
    return sequence


def neighbours(name: str) -> tuple[Entry | None, Entry | None]:
    """The pages before and after a page in reading order."""
    sequence = _sequence()
    position = [entry.name for entry in sequence].index(name)
    before = sequence[position - 1] if position else None
    return before, next(iter(sequence[position + 1 :]), None)
