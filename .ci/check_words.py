"""Refuses phrases that read as translated: in docstrings, comments, messages, help texts and documentation."""

import ast
import io
import re
import sys
import tokenize
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parent.parent
FOLDERS = ("graphql_api", "benchmarks", "tests", "docs", ".ci", "deploy")
"""Searched for Python modules and Markdown pages; pages beside them in the project's folder are searched too."""
OURSELVES = (Path(__file__).name, "test_words.py", "test_names.py")
"""These files have to name the phrases that they refuse."""

PHRASES = {
    r"told": "returned, sent, logged, reported",
    r"tells? of": "reports, describes",
    r"asked of|asks? (itself )?of": "requested from",
    r"at hand": "cached, available",
    r"(for|by|to|of|from|as) who|who (waits?|asks?|comes?)": "clients that …, callers that …",
    r"whoever|whomever|somebody|nobody": "name them: a client, the operator, no caller",
    r"so many": "N, a number of",
    r"(?<!there\s)(is|are|was|were|be) (?-i:none)|what is no(ne)?|that (is|are) no": "is missing, is not a …",
    r"(is|are|was|were|be|been|being) kept": "is cached, stored, stays",
    r"let(s|ting)? go": "evicted, released",
    r"as ever|anew|of its own accord|in one go": "as before, again, by itself, in one call",
    r"no more ((\w|-)+ )?than|nothing but": "at most, only",
    r"at once": "immediately, or: at the same time",
    r"letter for letter": "exactly",
    r"worth while": "useful",
    r"of ours": "our",
    r"questions?": "query, request",
}

PATTERNS = {phrase: re.compile(rf"\b({phrase})\b".replace(" ", r"\s+"), re.IGNORECASE) for phrase in PHRASES}


def pages(root: Path) -> Iterator[Path]:
    """The Python modules and Markdown pages to search."""
    yield from sorted(root.glob("*.md"))
    for folder in FOLDERS:
        for file in sorted((root / folder).rglob("*")):
            if file.suffix in {".py", ".md"} and file.name not in OURSELVES and "node_modules" not in file.parts:
                yield file


def prose(file: Path) -> Iterator[tuple[int, str]]:
    """The texts of a file that people read, each with the line it begins at."""
    source = file.read_text(encoding="utf-8")
    if file.suffix == ".md":
        yield 1, source
        return
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT:
            yield token.start[0], token.string
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and " " in node.value:
            yield node.lineno, node.value


def phrases(file: Path) -> Iterator[tuple[str, int, str]]:
    """The refused phrases of a file: the entry of `PHRASES`, the line, and the words."""
    for line, text in prose(file):
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
