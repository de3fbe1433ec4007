"""`.ci/check_words.py`: phrases that read as translated are refused in names and prose."""

import runpy
from pathlib import Path

import pytest

CHECK = runpy.run_path(str(Path(__file__).parent.parent / ".ci" / "check_words.py"))


def faults(root: Path) -> list[str]:
    results: list[str] = CHECK["faults"](root)
    return results


@pytest.fixture
def module(tmp_path: Path) -> Path:
    (tmp_path / "graphql_api").mkdir()
    return tmp_path / "graphql_api" / "module.py"


@pytest.mark.parametrize(
    "source",
    [
        '\n"""Documents that are at hand."""',
        "\nx = 1  # what is told of a request",
        '\nraise ValueError("Nobody answers")',
        '\n"""A look-up by uuid."""',
        '\nflag = Option(help="So many calls per second.")',
        "\ndef test_what_is_at_hand(): ...",
        "\nclass QuestionCache: ...",
        "\nasync def _work_at_once(): ...",
        "\nlet_go = 1",
        "\nMAX_AT_ONCE: int = 1",
        "\nlambda questions: 1",
        "\nx.at_once = 1",
        'def f():\n    """First line.\n\n    Then it is\n    kept.\n    """',
    ],
)
def test_a_phrase_is_refused_with_its_line(module: Path, source: str) -> None:
    module.write_text(source)

    (fault,) = faults(module.parent.parent)
    line = 4 if source.startswith("def") else 2
    assert fault.startswith(f"graphql_api/module.py:{line}: ")


def test_a_phrase_is_refused_in_pages(tmp_path: Path) -> None:
    (tmp_path / "docs" / "decisions").mkdir(parents=True)
    (tmp_path / "README.md").write_text("# Title\n\nIt runs as ever.\n")
    (tmp_path / "docs" / "decisions" / "0001.md").write_text("All are answered at\nonce.\n")

    assert faults(tmp_path) == [
        "README.md:3: 'as ever'; write: as before, again, by itself, in one call",
        "docs/decisions/0001.md:1: 'at once'; write: immediately, or: at the same time",
    ]


@pytest.mark.parametrize(
    "text",
    ["None if there is none", "missing values are None", "it keeps the last one", "a person who asked", "untold"],
)
def test_plain_english_is_allowed(module: Path, text: str) -> None:
    module.write_text(f'"""{text}."""\n')

    assert faults(module.parent.parent) == []


def test_keys_and_uses_of_names_are_not_prose(module: Path) -> None:
    module.write_text('def show(event): return library.told(event["told"])\n')

    assert faults(module.parent.parent) == []


@pytest.mark.parametrize(
    ("file", "text"),
    [
        ("Makefile", "# Compiles all files\n# anew.\n"),
        ("compose.yaml", "# Some keys\nname: asked-of\nx: '# asked of it'\n"),
        ("tests/clients/x.test.js", "const x = 1;\nconst workAtOnce = 1;\n"),
        ("deploy/run.sh", "#!/bin/sh\necho 'so many calls'\n"),
        ("graphql_api/store/x.lua", "local x = 1\n-- nobody waits\n"),
        ("schema.graphql", 'type Query {\n  "Kept at hand." a: Int }'),
        ("graphql_api/x.html", "<p>{{ told }}</p>\n<p>as ever{{ told }}</p>"),
        ("pyproject.toml", "[told]\nx = 1 # the question\n"),
    ],
)
def test_a_phrase_is_refused_in_files_of_other_formats(tmp_path: Path, file: str, text: str) -> None:
    (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / file).write_text(text)

    line = 3 if file == "compose.yaml" else 2
    assert [fault.partition(" ")[0] for fault in faults(tmp_path)] == [f"{file}:{line}:"]


@pytest.mark.parametrize(
    "file",
    ["tests/clients/node_modules/x/x.js", "graphql_api/x.min.js", "graphql_api/sandbox/data/x.toml", "tests/x.json"],
)
def test_libraries_and_data_are_not_searched(tmp_path: Path, file: str) -> None:
    (tmp_path / file).parent.mkdir(parents=True)
    (tmp_path / file).write_text("# told")

    assert faults(tmp_path) == []


@pytest.mark.slow
def test_the_text_of_the_project_passes() -> None:
    assert faults(CHECK["ROOT"]) == []
