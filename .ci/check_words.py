"""Refuses phrases that read as translated: in names, docstrings, comments, messages, help texts, scripts and documentation."""

import ast
import io
import re
import sys
import tokenize
from collections.abc import Callable, Iterator
from pathlib import Path

ROOT = Path(__file__).parent.parent
FOLDERS = ("graphql_api", "benchmarks", "tests", "docs", ".ci", ".github", "deploy")
"""Searched with the files beside them in the project's folder."""
OURSELVES = (Path(__file__).name, "test_words.py", "test_names.py")
"""These files have to name the phrases that they refuse."""
DATA = ("graphql_api/sandbox/data", "benchmarks/search")
"""Only Python and Markdown in these folders are searched; all else is data."""

PHRASES = {
    r"told": "returned, sent, logged, reported",
    r"tells? of": "reports, describes",
    r"asked of|asks? (itself )?of": "requested from",
    r"askers?": "caller, client",
    r"at hand": "cached, available",
    r"(for|by|to|of|from|as) who|who (ask|come|find|get|give|hold|leave|say|show|take|wait)s?": "clients that …, callers that …",
    r"whoever|whomever|somebody|nobody": "name them: a client, the operator, no caller",
    r"so many": "N, a number of",
    r"(?<!there\s)(is|are|was|were|be) (?-i:none)|what is no(ne)?|that (is|are) no": "is missing, is not a …",
    r"(is|are|was|were|be|been|being) kept": "is cached, stored, stays",
    r"let(s|ting)? go": "evicted, released",
    r"as ever|anew|of its own accord|in one go": "as before, again, by itself, in one call",
    r"no more ((\w|-)+ )?than|nothing but": "at most, only",
    r"(answer|reply|behave|respond)(s|ed|es)? alike|given again": "equal responses, from the cache",
    r"at once": "immediately, or: at the same time",
    r"letter for letter": "exactly",
    r"worth while": "useful",
    r"(a|the|its|each|one) walks?|walked": "crawl",
    r"of ours": "our",
    r"questions?": "query, request",
    r"(?<!#)look-ups?": "lookup; the verb is look up",
}

PATTERNS = {phrase: re.compile(rf"\b({phrase})\b".replace(" ", r"\s+"), re.IGNORECASE) for phrase in PHRASES}

Texts = Iterator[tuple[int, str]]
"""The texts of a file that people read, each with the line it begins at."""

_CAPITAL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_TEMPLATE = re.compile(r"\{\{.*?\}\}|\{%.*?%\}", re.DOTALL)


def words_of(name: str) -> str:
    """The words of a name in snake_case or camelCase, separated by spaces."""
    return _CAPITAL.sub(" ", name).replace("_", " ")


def python_texts(source: str) -> Texts:
    """Comments, strings of several words, and names that are defined or assigned."""
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT:
            yield token.start[0], token.string
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Constant(value=str(text)) if " " in text:
                yield node.lineno, text
            case (
                ast.FunctionDef(name=name)
                | ast.AsyncFunctionDef(name=name)
                | ast.ClassDef(name=name)
                | ast.arg(arg=name)
            ):
                yield node.lineno, words_of(name)
            case ast.Name(id=name, ctx=ast.Store()) | ast.Attribute(attr=name, ctx=ast.Store()):
                yield node.lineno, words_of(name)


def all_text(source: str) -> Texts:
    """The file, names split into words."""
    yield 1, words_of(source)


def markdown_text(source: str) -> Texts:
    """The page."""
    yield 1, source


def template_text(source: str) -> Texts:
    """The text and comments outside expressions."""
    yield 1, _TEMPLATE.sub(lambda match: "\n" * match[0].count("\n"), source)


def comments(source: str) -> Texts:
    """What follows a `#`."""
    for number, line in enumerate(source.splitlines(), 1):
        if "#" in line:
            yield number, line.partition("#")[2]


READERS: dict[str, Callable[[str], Texts]] = {
    ".py": python_texts,
    ".md": markdown_text,
    ".html": template_text,
    ".toml": comments,
    **dict.fromkeys((".graphql", ".js", ".lua", ".sh", ".yaml", ".yml"), all_text),
    **dict.fromkeys(("Dockerfile", "Makefile", "install-hooks", "pre-commit", "run"), all_text),
}
"""How to read a file, by its suffix, or by its name without one."""


def format_of(file: Path) -> str:
    """The key of a file in `READERS`."""
    return file.suffix or file.name


def is_searched(file: Path, path: str) -> bool:
    """Whether a file has text of the project; `path` is relative to its root."""
    is_library = "node_modules" in file.parts or file.name.endswith(".min.js")
    is_data = path.startswith(DATA) and file.suffix not in (".py", ".md")
    return format_of(file) in READERS and file.is_file() and not (is_library or is_data or file.name in OURSELVES)


def pages(root: Path) -> Iterator[Path]:
    """The files to search."""
    for files in (root.glob("*"), *((root / folder).rglob("*") for folder in FOLDERS)):
        yield from (file for file in sorted(files) if is_searched(file, file.relative_to(root).as_posix()))


def phrases(file: Path) -> Iterator[tuple[str, int, str]]:
    """The refused phrases of a file: the entry of `PHRASES`, the line, and the words."""
    for line, text in READERS[format_of(file)](file.read_text(encoding="utf-8")):
        for phrase, pattern in PATTERNS.items():
            for match in pattern.finditer(text):
                yield phrase, line + text.count("\n", 0, match.start()), " ".join(match[0].split())


def faults(root: Path) -> list[str]:
    """Each refused phrase, with where it is and what to write instead."""
    return [
        f"{file.relative_to(root)}:{line}: {words!r}; write: {PHRASES[phrase]}"
        for file in pages(root)
        for phrase, line, words in phrases(file)
    ]


if __name__ == "__main__":
    sys.exit("\n".join(faults(ROOT)) or 0)
