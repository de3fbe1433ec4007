"""An upstream that two servers share: the sandbox, each answer made once, and changed on its way out as a scenario says.

What a change does depends on the path alone, never on the order or the number of calls, so that both servers meet the same.
"""

import asyncio
import copy
from collections.abc import Iterator
from random import Random
from typing import Any

import orjson

from tests.variants.mutated_sandbox import Answers, Document, Original, as_it_is, path_of, reply

CURRENT = "/releases/current"


class Upstream:
    """What all servers of a scenario ask; `current` names the release that stands behind that word."""

    def __init__(self, original: Original, change: Answers = as_it_is, current: str | None = None) -> None:
        self._original = original
        self.change = change
        self.current = current
        self._held: tuple[asyncio.Event, str] | None = None

    def until(self, released: asyncio.Event, within: str) -> "Upstream":
        """This one, with documents whose path has this in it held back until then."""
        self._held = released, within
        return self

    def door(self, asked: list[str]) -> Any:
        """An ASGI app for one server, which writes down what was asked."""

        async def app(scope: Any, receive: Any, send: Any) -> None:
            path = path_of(scope)
            asked.append(path)
            if self._held and self._held[1] in path:
                await self._held[0].wait()
            await reply(send, *self.change(path, *await self._original.answer(self._named(path))))

        return app

    def _named(self, path: str) -> str:
        if self.current and path.startswith(CURRENT):
            return f"/releases/{self.current}{path.removeprefix(CURRENT)}"
        return path


LOST = (404, {"status": 404, "error": "Not Found"})
MOVED = (301, {"status": 301})
"""A refusal that is not tried again, and is told as UPSTREAM_INVALID_RESPONSE."""
RUBBISH: tuple[Any, ...] = (
    None,
    "",
    "  x ",
    0,
    -1,
    3.5,
    12_345_678_901,
    True,
    [],
    {},
    [None],
    ["x", None, 7, {}],
    {"nl": None},
    {"nl": 7, "fr": " "},
    {"nl": " nl ", "en": "en"},
    {"id": "x"},
    "8C15A1BF-9699-43AE-B890-F79AC3E5F461",
    "2020-01-01",
    [2020, 2, 30],
)


def _rubbish(random: Random) -> Any:
    return orjson.loads(orjson.dumps(random.choice(RUBBISH)))  # its own, since it may be hurt further


class Damage:
    """Hurts a share of all documents: lost, moved, or with keys that are gone, null, of another kind, or lists that are odd."""

    def __init__(self, seed: int, share: float = 0.5) -> None:
        self._seed = seed
        self._share = share

    def __call__(self, path: str, status: int, document: Document) -> tuple[int, Document]:
        """Changes the document at a path, always in the same way."""
        random = Random(f"{self._seed} {path}")
        below = path.partition("?")[0].count("/") > 2  # else nearly all answers would say that there is no such release
        if status != 200 or not below or random.random() >= self._share:
            return status, document
        kind = random.random()
        if kind < 0.1:
            return copy.deepcopy(LOST)
        if kind < 0.2:
            return copy.deepcopy(MOVED)
        for _ in range(random.randint(1, 4)):
            (_one_key if kind < 0.5 else _some_places)(random, document)
        return status, document


def _one_key(random: Random, document: Document) -> None:
    """One key, wherever it stands below the root."""
    places = list(_places(document))
    if names := sorted({str(key) for _, key in places}):
        name = random.choice(names)
        value = _rubbish(random)
        gone = random.random() < 0.3
        for holder, key in places:
            if str(key) == name:
                _hurt(random, holder, key, copy.deepcopy(value), gone)


def _some_places(random: Random, document: Document) -> None:
    places = list(_places(document))
    for holder, key in random.sample(places, min(len(places), 1 + len(places) // 20)):
        _hurt(random, holder, key, _rubbish(random), random.random() < 0.3)


def _hurt(random: Random, holder: Any, key: Any, value: Any, gone: bool) -> None:
    if isinstance(holder, list):
        if key < len(holder):
            holder.insert(key, copy.deepcopy(holder[key]) if random.random() < 0.3 else value)
        return
    if gone:
        holder.pop(key, None)
    elif key in holder:
        holder[key] = value


def _places(value: Any, top: bool = True) -> Iterator[tuple[Any, Any]]:
    """Every key of every object and place of every list, but for what a document is told by."""
    if isinstance(value, dict):
        for key, each in list(value.items()):
            if not (top and key in ("id", "_links", "number", "releaseNumber")):
                yield value, key
                yield from _places(each, False)
    elif isinstance(value, list):
        for place, each in enumerate(value):
            yield value, place
            yield from _places(each, False)
