"""Every command in the docs, in manifests and in our own messages can be run: programs, options, files, packages are real."""

import ast
import json
import re
import shlex
import tomllib
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_group

from graphql_api.cli import command
from graphql_api.settings import PREFIX, Settings, variable
from tests.test_docs import PAGES, ROOT

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
WHEEL = f"dist/competent_graphql-{PROJECT['version']}-py3-none-any.whl"
NPM = json.loads((ROOT / "tests" / "clients" / "package.json").read_text(encoding="utf-8"))["devDependencies"]
MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")
SETTINGS = {item.name: variable(item) for item in Settings.__dataclass_fields__.values()}
STANDS_FOR = "mcp"
"""What is taken for a value that is put into a message: the name of an extra where it is one."""
PROGRAMS = "competent-graphql|curl|docker|export|kubectl|make|npm|npx|pip|python3?|uvicorn"
_INLINE = re.compile(rf"`((?:\S*/bin/)?(?:{PROGRAMS}) [^`]+)`")
_BLOCK = re.compile(r"^ *```.*?^ *```$", re.DOTALL | re.MULTILINE)
_ELLIPSIS = re.compile(r"[…]|\.\.\.")


def commands_of(script: str) -> Iterator[list[str]]:
    """The commands of a script, as words: without comments, lines that go on joined, pipes taken apart."""
    for line in script.replace("\\\n", " ").splitlines():
        lexer = shlex.shlex(line, posix=True, punctuation_chars="|;&")
        lexer.whitespace_split = True
        words: list[str] = []
        for word in lexer:
            if set(word) <= set("|;&"):
                yield words
                words = []
            else:
                words.append(word)
        if words:
            yield words


def documented_scripts() -> Iterator[tuple[str, str]]:
    """Where a script stands, and the script: blocks and words in code type of the docs, the first lines of manifests."""
    for page in [*PAGES, ROOT / "SECURITY.md"]:
        text = page.read_text(encoding="utf-8")
        for script in re.findall(r"^[ ]*```(?:sh|bash|shell|console)\n(.*?)```", text, re.DOTALL | re.MULTILINE):
            yield page.name, script
        for script in _INLINE.findall(_BLOCK.sub("", text)):
            yield page.name, script
    for manifest in ("compose.yaml", "kubernetes.yaml"):
        head = re.findall(
            rf"^#   ((?:[A-Z_]+=\S+ )?(?:{PROGRAMS}) .*)$",
            (ROOT / "deploy" / manifest).read_text(encoding="utf-8"),
            re.MULTILINE,
        )
        yield manifest, "\n".join(head)


def texts_of(file: Path) -> Iterator[str]:
    """The texts in a module; a value that is put into one is `STANDS_FOR`."""
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value
        elif isinstance(node, ast.JoinedStr):
            yield "".join(str(value.value) if isinstance(value, ast.Constant) else STANDS_FOR for value in node.values)


def printed_commands() -> Iterator[tuple[str, str]]:
    """The commands in our own messages and help, in code type or after a colon."""
    for file in sorted((ROOT / "graphql_api").rglob("*.py")):
        for text in texts_of(file):
            for script in {*_INLINE.findall(text), *re.findall(r": ((?:pip|npm|npx|curl) \S[^`]*)", text)}:
                yield file.name, script


COMMANDS = sorted(
    {
        (where, shlex.join(words))
        for where, script in [*documented_scripts(), *printed_commands()]
        for words in commands_of(script)
    }
)


def test_commands_are_collected_from_every_source() -> None:
    sources = {where for where, _ in COMMANDS}

    assert len(COMMANDS) >= 60
    assert sources >= {"README.md", "install.md", "access.md", "compose.yaml", "kubernetes.yaml", "__init__.py"}


@pytest.mark.parametrize(("where", "line"), COMMANDS)
def test_a_command_can_be_run(where: str, line: str) -> None:
    check(shlex.split(line))


def check(words: list[str]) -> None:
    """Fail for a command that could not be run."""
    while words and re.fullmatch(r"[A-Z_]+=.*", words[0]):
        check_setting(words.pop(0))
    if not words:
        return
    program = re.sub(r"^(\S*/bin|\.venv/bin)/", "", words[0])
    assert program in CHECKS, f"{program} is not known here: is it a real program?"
    CHECKS[program](words[1:])


def check_setting(assignment: str) -> None:
    name = assignment.partition("=")[0]
    assert not name.startswith(PREFIX) or name in SETTINGS.values(), f"{name} is not a setting"


def check_ours(arguments: list[str]) -> None:
    """Parsed as the command line does, without being run."""
    arguments = [argument for argument in arguments if not _ELLIPSIS.fullmatch(argument)]
    part: Any = get_group(command)
    while hasattr(part, "commands"):
        if not arguments or arguments == ["--version"] or arguments == ["COMMAND", "--help"]:
            return
        assert arguments[0] in part.commands, f"{arguments[0]} is not a command"
        part, arguments = part.commands[arguments[0]], arguments[1:]
    try:
        context = part.make_context("competent-graphql", arguments)
    except Exception as error:  # of the library within typer
        raise AssertionError(f"{type(error).__name__}: {error}") from None
    for named in (context.params.get("file"), context.params.get("since")):
        assert named is None or str(named) in ("-", "my-schema.graphql") or (ROOT / named).exists(), named


def check_make(arguments: list[str]) -> None:
    targets = [argument for argument in arguments if "=" not in argument]
    for target in targets:
        assert re.search(rf"^{re.escape(target)}:", MAKEFILE, re.MULTILINE), f"make has no target {target}"
    for name in (argument.partition("=")[0] for argument in arguments if "=" in argument):
        assert re.search(rf"\$\(({name})\)|\$\({name}\b|^{name} \?=|^{name} :=", MAKEFILE, re.MULTILINE), (
            f"make knows no {name}"
        )


def check_pip(arguments: list[str]) -> None:
    """Nothing is installed by the name of this project, which is in no index; files and extras are there."""
    assert arguments[0] in ("install", "wheel")
    options, words = {"--no-deps", "--require-hashes", "-e"}, iter(arguments[1:])
    for word in words:
        if word in ("-r", "--wheel-dir"):
            value = next(words)
            assert word != "-r" or (ROOT / value).exists(), value
        elif word not in options:
            match = re.fullmatch(r"([^\[]+)(?:\[([^\]]+)\])?", word)
            assert match is not None
            assert match[1] in (".", WHEEL), f"{word} would be installed from an index"
            assert {*(match[2] or "").split(",")} - {""} <= PROJECT["optional-dependencies"].keys()


def check_npm(arguments: list[str]) -> None:
    if arguments[:3] == ["create", "vite@latest", "occupations"] or arguments == ["run", "dev"]:
        return  # the template of Vite, and its script
    packages = [argument for argument in arguments[1:] if not argument.startswith("-")]
    assert arguments[0] == "install"
    assert set(packages) <= NPM.keys(), "a package that no test uses"


def check_npx(arguments: list[str]) -> None:
    """The package is named: a command without one installs whatever package has its name."""
    assert arguments[0] == "-p", "name the package of the command with -p"
    assert arguments[1] in NPM


def check_curl(arguments: list[str]) -> None:
    urls, data = (
        [argument for argument in arguments if argument.startswith("http")],
        re.findall(r"\{.*\}", " ".join(arguments)),
    )
    if arguments == ["--http2"]:
        return
    (url,) = urls
    if re.search(r"[{}\[\]]", url):
        assert {"-g", "--globoff"} & {*arguments}, "a URL with braces needs -g"
    elif "-d" in arguments:
        json.loads(data[0])


def check_docker(arguments: list[str]) -> None:
    words = arguments[1:] if arguments[0] == "compose" else arguments
    if "-f" in words:
        file = words[words.index("-f") + 1]
        assert (ROOT / file).exists(), file
        words = words[2:]
    assert words[0] in ("build", "run", "up", "exec")
    if "competent-graphql" in words:  # what is run in the container
        check(words[len(words) - words[::-1].index("competent-graphql") - 1 :])
    if words[0] == "build":
        assert words[-1] == "."


def check_kubectl(arguments: list[str]) -> None:
    assert arguments[0] in ("apply", "create", "set", "rollout")
    if "-f" in arguments:
        file = arguments[arguments.index("-f") + 1]
        assert file == "-" or (ROOT / file).exists(), file


def check_python(arguments: list[str]) -> None:
    if arguments[0] == "-c":
        modules = [node for node in ast.walk(ast.parse(arguments[1])) if isinstance(node, ast.Import)]
        assert all(find_spec(name.name) for module in modules for name in module.names)
        return
    if arguments[0] != "-m":
        assert (ROOT / arguments[0]).is_file(), arguments[0]
        return
    assert find_spec(arguments[1]), arguments[1]


def check_pytest(arguments: list[str]) -> None:
    """Files that are there, or that a page has its reader write."""
    pages = "".join(page.read_text(encoding="utf-8") for page in PAGES)
    for argument in arguments:
        assert argument == "-q" or (ROOT / argument).exists() or f"Write `{argument}`" in pages, argument


def check_uvicorn(arguments: list[str]) -> None:
    module, _, name = arguments[0].partition(":")
    assert find_spec(module)
    assert re.search(rf"\b{name}\b", Path(str(find_spec(module).origin)).read_text(encoding="utf-8"))  # type: ignore[union-attr]


def check_export(arguments: list[str]) -> None:
    for argument in arguments:
        check_setting(argument)


CHECKS = {
    "cd": lambda arguments: None,
    "competent-graphql": check_ours,
    "curl": check_curl,
    "docker": check_docker,
    "export": check_export,
    "kubectl": check_kubectl,
    "make": check_make,
    "npm": check_npm,
    "npx": check_npx,
    "pip": check_pip,
    "pytest": check_pytest,
    "python": check_python,
    "python3": check_python,
    "uvicorn": check_uvicorn,
}


@pytest.mark.parametrize(
    "line",
    [
        "pip install 'competent-graphql[mcp]'",
        "pip install competent-graphql",
        "pip install '.[nothing]'",
        "pip install -r requirements/nothing.txt",
        "npx graphql-codegen",
        "npx -p graphql-codegen graphql-codegen",
        "npm install graphql-codegen",
        "curl http://127.0.0.1:8000/graphql?query={release{number}}",
        "competent-graphql srve",
        "competent-graphql serve --prot 1",
        "competent-graphql key new",
        "competent-graphql ask --file no/such.graphql",
        "COMPETENT_PROT=1 competent-graphql serve",
        "export COMPETENT_PROT=1",
        "make srve",
        "docker compose -f deploy/compose.yml up",
        "docker compose -f deploy/compose.yaml run competent competent-graphql kez new x",
        "python -m benchmarks.nothing",
        "pipx run competent-graphql",
    ],
)
def test_a_command_that_cannot_run_is_detected(line: str) -> None:
    with pytest.raises((AssertionError, ModuleNotFoundError)):
        check(shlex.split(line))
