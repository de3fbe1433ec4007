"""`.ci/check_names.py`: retired words, names of two classes and long names of tests are refused."""

import runpy
from pathlib import Path
from typing import Any

import pytest

CHECK = runpy.run_path(str(Path(__file__).parent.parent / ".ci" / "check_names.py"))
NAMES, VARIABLES, JAVASCRIPT = CHECK["CHECKS"]


def faults(root: Path, check: Any = NAMES) -> list[str]:
    results: list[str] = CHECK["faults"](root, *check)
    return results


@pytest.fixture(params=CHECK["FOLDERS"])
def package(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """Each of the folders that are searched."""
    folder: Path = tmp_path / request.param
    folder.mkdir()
    return folder


@pytest.mark.parametrize(
    "source", ["def told(): ...", "async def _told(): ...", "class Told: ...", "class A:\n    def told(self): ..."]
)
def test_a_retired_word_is_refused_as_a_name(package: Path, source: str) -> None:
    (package / "module.py").write_text(source)

    (fault,) = faults(package.parent)
    assert fault.startswith(f"{package.name}/module.py:{source.count(chr(10)) + 1}: ")


def test_a_retired_word_is_refused_as_the_name_of_a_module(package: Path) -> None:
    (package / "kept.py").write_text("")
    (package / "recent").mkdir()
    (package / "recent" / "__init__.py").write_text("")

    assert [fault.partition(":")[0] for fault in faults(package.parent)] == [
        f"{package.name}/kept.py",
        f"{package.name}/recent/__init__.py",
    ]


@pytest.mark.parametrize(
    "source",
    [
        "told = 1",
        "kind: int = 1",
        "def f(_asked): ...",
        "def f(*, each=1): ...",
        "lambda found: 1",
        "for each in []: ...",
        "[1 for each in []]",
        "(told := 1)",
        "with open(x) as told: ...",
        "class A:\n    KEPT = 1",
        "class A:\n    def f(self): self._kept = 1",
    ],
)
def test_a_retired_word_is_refused_as_a_variable(package: Path, source: str) -> None:
    (package / "module.py").write_text(source)

    (fault,) = faults(package.parent, VARIABLES)
    assert fault.startswith(f"{package.name}/module.py:{source.count(chr(10)) + 1}: ")
    assert faults(package.parent) == []


def test_names_that_only_contain_a_retired_word_are_allowed(package: Path) -> None:
    (package / "module.py").write_text("def known_metrics(): ...\ndef written_to(): ...\nfound_at = print(told)\n")

    assert faults(package.parent) == faults(package.parent, VARIABLES) == []


@pytest.mark.parametrize(
    "source",
    [
        "const told = 1;",
        "const f = (each) => 1;",
        "items.map((each) => each.name);",
        "/* a comment\n*/ function chosen() {}",
        "// it's a comment\nlet found;",
    ],
)
def test_a_retired_word_is_refused_as_a_name_in_javascript(package: Path, source: str) -> None:
    (package / "script.js").write_text(source)
    (package / "library.min.js").write_text(source)

    line = 1 + source.count("\n")
    assert {fault.partition(" ")[0] for fault in faults(package.parent, JAVASCRIPT)} == {
        f"{package.name}/script.js:{line}:"
    }


@pytest.mark.parametrize(
    "source",
    ["// told", "const text = 'each';", "node.kept;", "({ found: 1 });", "({ kind }) => 1;", "const toldAll = `told`;"],
)
def test_javascript_properties_comments_and_strings_are_not_names(package: Path, source: str) -> None:
    (package / "script.js").write_text(source)

    assert faults(package.parent, JAVASCRIPT) == []


def test_classes_share_a_name_only_as_a_graphql_type_and_its_source(tmp_path: Path) -> None:
    types = tmp_path / "graphql_api" / "schema" / "types"
    types.mkdir(parents=True)
    for file in (types / "hit.py", tmp_path / "graphql_api" / "hits.py"):
        file.write_text("class Hit: ...")
    assert CHECK["duplicates"](tmp_path) == []

    (tmp_path / "graphql_api" / "pages.py").write_text("def f():\n    class Hit: ...")
    assert CHECK["duplicates"](tmp_path) == ["'Hit' names a class in each of graphql_api/hits.py, graphql_api/pages.py"]


def test_a_name_of_a_test_over_70_characters_is_refused(package: Path) -> None:
    fits, too_long = f"test_{'a' * 65}", f"test_{'b' * 66}"
    (package / "test_module.py").write_text(f"def {fits}(): ...\nasync def {too_long}(): ...\n")

    (fault,) = CHECK["long_tests"](package.parent)
    assert fault.startswith(f"{package.name}/test_module.py:2: '{too_long}' has 71 characters")
