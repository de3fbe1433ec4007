"""Writes the Python source of a compiled query: nested functions, and the objects that they refer to by name.

Only names that are passed through `name` and texts of the schema and the declarations enter the source; all other objects are
bound to generated names.
"""

import logging
import re
from collections.abc import Callable, Sequence
from itertools import count
from types import FunctionType
from typing import NamedTuple

from graphql_api.execution.compiled.fallback import Fallback

log = logging.getLogger(__name__)

_NAME = re.compile(r"[_A-Za-z][_0-9A-Za-z]*")
_BUILTINS = {"KeyError": KeyError, "id": id, "str": str, "type": type}
_numbers = count(1)


def quoted(name: str) -> str:
    """Returns a Python literal of a GraphQL name or a key of a document. Raises ValueError for anything else."""
    if not _NAME.fullmatch(name):
        raise ValueError("not a name")
    return f'"{name}"'


class Source:
    """The source of one compiled query."""

    def __init__(self) -> None:
        self._constants: dict[str, object] = {}
        self._names: dict[int, str] = {}
        self._variables: dict[str, str] = {}
        self._count = 0
        self._lines: list[str] = []

    def constant(self, value: object) -> str:
        """Returns the name by which the source refers to an object; the same one for the same object."""
        if id(value) not in self._names:
            name = self._names[id(value)] = self.new("c")
            self._constants[name] = value
        return self._names[id(value)]

    def new(self, prefix: str) -> str:
        """Returns a name that is not used yet."""
        self._count += 1
        return f"{prefix}{self._count}"

    def variable(self, prefix: str, expression: str) -> str:
        """Add a variable of the whole query, set before anything is built; returns its name."""
        if expression not in self._variables:
            name = self._variables[expression] = self.new(prefix)
            self._lines.append(f"    {name} = {expression}")
        return self._variables[expression]

    def function(self, prefix: str, parameters: str, *body: str) -> str:
        """Add a function with these lines, unless there is one already; returns its name."""
        key = "\n".join((parameters, *body))
        if key not in self._variables:
            name = self._variables[key] = self.new(prefix)
            self._lines += [f"    def {name}({parameters}):", *(f"        {line}" for line in body)]
        return self._variables[key]

    def compile(self, helpers: Sequence[str], result: str) -> Callable[[object], object]:
        """Compile the whole source: `build(execution)` binds the `helpers` of the execution and returns `result`.

        Raises Fallback if it is too large or too deep for Python.
        """
        body = "\n".join([*self._lines, f"    return {result}", ""])
        bound = [f"    {name} = execution.{name}" for name in helpers if f"{name}(" in body]
        text = "\n".join(["def build(execution):", *bound, body])
        file = f"compiled query {next(_numbers)}"
        namespace = {"__builtins__": _BUILTINS, "__name__": file, "__loader__": _Loader(text), **self._constants}
        try:
            exec(compile(text, file, "exec", dont_inherit=True), namespace)  # noqa: S102  # no text of a client is in it
        except (SyntaxError, RecursionError, MemoryError):
            raise Fallback("size") from None
        build = namespace.pop("build")  # without a cycle, so freed with its document
        assert isinstance(build, FunctionType)
        log.debug("compiled a query", extra={"fields": {"file": file, "source": text}})
        return build


class _Loader(NamedTuple):
    """Gives tracebacks the source of a compiled query: `linecache` gets it from the `__loader__` of its globals."""

    source: str

    def get_source(self, name: str) -> str:
        """Returns the source."""
        return self.source
