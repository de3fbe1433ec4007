"""`.ci/check_names.py`: retired words are refused as names, and so are names of two classes."""

import runpy
from pathlib import Path

import pytest

CHECK = runpy.run_path(str(Path(__file__).parent.parent / ".ci" / "check_names.py"))
NAMES, VARIABLES = CHECK["CHECKS"]


def faults(root: Path, variables: bool = False) -> list[str]:
    results: list[str] = CHECK["faults"](root, *(VARIABLES if variables else NAMES))
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

    (fault,) = faults(package.parent, variables=True)
    assert fault.startswith(f"{package.name}/module.py:{source.count(chr(10)) + 1}: ")
    assert faults(package.parent) == []


def test_names_that_only_contain_a_retired_word_are_allowed(package: Path) -> None:
    (package / "module.py").write_text("def known_metrics(): ...\ndef written_to(): ...\nfound_at = print(told)\n")

    assert faults(package.parent) == faults(package.parent, variables=True) == []


def test_classes_share_a_name_only_as_a_graphql_type_and_its_source(tmp_path: Path) -> None:
    types = tmp_path / "graphql_api" / "schema" / "types"
    types.mkdir(parents=True)
    for file in (types / "hit.py", tmp_path / "graphql_api" / "hits.py"):
        file.write_text("class Hit: ...")
    assert CHECK["duplicates"](tmp_path) == []

    (tmp_path / "graphql_api" / "pages.py").write_text("def f():\n    class Hit: ...")
    assert CHECK["duplicates"](tmp_path) == ["'Hit' names a class in each of graphql_api/hits.py, graphql_api/pages.py"]
