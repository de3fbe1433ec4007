"""The upstream that two servers share: memoized responses of the sandbox, changed by the scenario.

Changes depend only on the path, not on order or number of calls, so that both servers see the same responses.
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
    """The upstream of all servers of a scenario; `current` is the number of the current release."""

    def __init__(self, original: Original, change: Answers = as_it_is, current: str | None = None) -> None:
        self._original = original
        self.change = change
        self.current = current
        self._held: tuple[asyncio.Event, str] | None = None

    def until(self, released: asyncio.Event, within: str) -> "Upstream":
        """Hold back documents whose path contains `within` until the event is set; returns this upstream."""
        self._held = released, within
        return self

    def door(self, paths: list[str]) -> Any:
        """An ASGI app for one server that records requested paths."""

        async def app(scope: Any, receive: Any, send: Any) -> None:
            path = path_of(scope)
            paths.append(path)
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
"""A response that is not retried and becomes UPSTREAM_INVALID_RESPONSE."""
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


def _unexpected_value(random: Random) -> Any:
    return orjson.loads(orjson.dumps(random.choice(RUBBISH)))  # a copy, as it may be damaged further


class Damage:
    """Damages a fraction of all documents: 404, 301, keys that are missing, null or of the wrong type, and odd lists."""

    def __init__(self, seed: int, share: float = 0.5) -> None:
        self._seed = seed
        self._share = share

    def __call__(self, path: str, status: int, document: Document) -> tuple[int, Document]:
        """Change the document at a path, deterministically."""
        random = Random(f"{self._seed} {path}")
        below = path.partition("?")[0].count("/") > 2  # otherwise nearly all responses would be an unknown release
        if status != 200 or not below or random.random() >= self._share:
            return status, document
        draw = random.random()
        if draw < 0.1:
            return copy.deepcopy(LOST)
        if draw < 0.2:
            return copy.deepcopy(MOVED)
        for _ in range(random.randint(1, 4)):
            (_one_key if draw < 0.5 else _some_places)(random, document)
        return status, document


def _one_key(random: Random, document: Document) -> None:
    """Damage one key at any depth below the root."""
    positions = list(_places(document))
    if names := sorted({str(key) for _, key in positions}):
        name = random.choice(names)
        value = _unexpected_value(random)
        gone = random.random() < 0.3
        for holder, key in positions:
            if str(key) == name:
                _damage(random, holder, key, copy.deepcopy(value), gone)


def _some_places(random: Random, document: Document) -> None:
    positions = list(_places(document))
    for holder, key in random.sample(positions, min(len(positions), 1 + len(positions) // 20)):
        _damage(random, holder, key, _unexpected_value(random), random.random() < 0.3)


def _damage(random: Random, holder: Any, key: Any, value: Any, gone: bool) -> None:
    if isinstance(holder, list):
        if key < len(holder):
            holder.insert(key, copy.deepcopy(holder[key]) if random.random() < 0.3 else value)
        return
    if gone:
        holder.pop(key, None)
    elif key in holder:
        holder[key] = value


def _places(value: Any, top: bool = True) -> Iterator[tuple[Any, Any]]:
    """All keys of objects and positions in lists, except those that identify a document."""
    if isinstance(value, dict):
        for key, item in list(value.items()):
            if not (top and key in ("id", "_links", "number", "releaseNumber")):
                yield value, key
                yield from _places(item, False)
    elif isinstance(value, list):
        for position, item in enumerate(value):
            yield value, position
            yield from _places(item, False)
