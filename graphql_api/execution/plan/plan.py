"""A compiled operation: selections of steps, each of which makes one field of a thing."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

from graphql_api.errors import without_trace
from graphql_api.execution.plan.asked import Asked
from graphql_api.execution.plan.run import Later, Run

Step = Callable[[Any, Run], Any]
"""Makes the value of a field from the thing that it is a field of; a Later where it has to wait."""


class Field(NamedTuple):
    """One field of a selection, under its key in the answer."""

    key: str
    step: Step
    asked: Asked
    language: str = ""
    """Of a field of a text that is one of its languages."""
    is_way: bool = False
    """Whether it is a way into a release, which is kept."""


class Fields:
    """What is selected of an object type, in the order of the answer."""

    __slots__ = ("_steps", "asked", "languages", "ways")

    def __init__(self, type_name: str, fields: Sequence[Field]) -> None:
        self._steps = tuple((each.key, each.step) for each in fields)
        self.languages = (
            tuple((each.key, each.language) for each in fields) if all(each.language for each in fields) else None
        )
        """The languages that are selected of a text, under their keys, where nothing else is."""
        self.ways = tuple((each.key, each.asked) for each in fields) if all(each.is_way for each in fields) else None
        """What is asked behind ways into a release, where nothing else is selected."""
        text = " ".join([type_name, *(each.key for each in fields)])
        below = [each.asked for each in fields]
        self.asked = Asked.of(text, below, frozenset(), False, sum(each.weight for each in below))

    def of(self, source: Any, run: Run) -> dict[str, Any]:
        """The selection of a thing, with holes where something has to wait."""
        made: dict[str, Any] = {}
        for key, step in self._steps:
            value = step(source, run)
            if type(value) is Later:
                made[key] = None
                run.leave_open(value, made, key)
            else:
                made[key] = value
        return made

    def begin(self, run: Run) -> None:
        """Make the selection of the root as the data of a run; fields that the time slice does not reach wait for the next."""
        for key, step in self._steps:
            run.data[key] = None
            value = Later(run.turn(), partial(_at_root, step)) if run.is_long else step(None, run)
            if type(value) is Later:
                run.leave_open(value, run.data, key)
            else:
                run.data[key] = value


def _at_root(step: Step, _: None, run: Run) -> Any:
    return step(None, run)


@dataclass(frozen=True, slots=True, eq=False)
class Plan:
    """A compiled operation, for one way in which its variables steer `@skip` and `@include`."""

    root: Fields

    def begin(self, run: Run) -> None:
        """Read what is at hand; what is not, the run waits for."""
        try:
            self.root.begin(run)
        except Exception as error:
            without_trace(error)
            run.failed = True
