"""Equal parts of documents kept as one object: the same block stands in many competences, and these in many profiles.

A release at real size takes two fifths of what it takes otherwise, and what is read of a part can be kept by the part's identity.
A document renewed to the same content stays the object that it was. Nothing that anybody reads changes by it.
"""

from sys import getsizeof
from typing import Any

import orjson

from graphql_api.hal import Document, href

MOST_VARIANTS = 16
"""Different parts of one id that are known; where there are more, the others are shared with none."""
DEEPEST = 20
"""Levels of a document that are looked through; Competent's have six."""
MANY_KEYS = 32
"""Keys of an object beyond which they are counted: those of usual ones are the parser's, shared by all."""

_ENTRY = 160
"""Bytes of what is noted of a part."""
_NUMBER = 32


class _Part:
    """An object with an id, and how many documents and other parts hold it."""

    __slots__ = ("count", "object", "plain")

    def __init__(self, part: dict[str, Any], plain: bool) -> None:
        self.object = part
        self.plain = plain
        self.count = 1

    def is_same(self, other: dict[str, Any]) -> bool:
        """Whether the other one says the same, to the last `1` that is no `true`, which Python takes for equal."""
        if self.object is other:
            return True
        return self.object == other and (self.plain or orjson.dumps(self.object) == orjson.dumps(other))


class Sharing:
    """Parts by id, known for as long as a document that was taken, and not yet given back, holds them."""

    def __init__(self) -> None:
        self._parts: dict[str, list[_Part]] = {}
        self._bytes = 0

    def take(self, document: Document) -> tuple[Document, int]:
        """The document to keep in the place of this one, and how many bytes that takes more than what is kept already.

        What is handed in is used up: its parts are exchanged for those that are known.
        """
        self._bytes = 0
        shared, _ = self._take(document, 0)  # type: ignore[arg-type]  # as it is parsed
        return shared, self._bytes

    def give_back(self, document: Document) -> int:
        """Let go of a document that was taken; how many bytes that frees."""
        self._bytes = 0
        self._give_back(document, 0)  # type: ignore[arg-type]
        return self._bytes

    def __len__(self) -> int:
        return sum(map(len, self._parts.values()))

    def _take(self, new: dict[str, Any], depth: int) -> tuple[dict[str, Any], bool]:
        """The object in the place of this one, and whether it holds nothing but texts."""
        name = _name(new, depth)
        known = self._parts.get(name) if name is not None else None
        for part in known or ():
            if part.is_same(new):
                part.count += 1
                return part.object, part.plain
        plain = self._take_inside(new, depth)
        if name is not None and len(known or ()) < MOST_VARIANTS:
            self._bytes += _ENTRY
            self._parts.setdefault(name, []).append(_Part(new, plain))
        return new, plain

    def _take_inside(self, holder: Any, depth: int) -> bool:
        if depth == DEEPEST:
            self._bytes += _deep_size(holder)
            return False
        plain, size = True, _bare_size(holder)
        for place, value in holder.items() if holder.__class__ is dict else enumerate(holder):
            kind = value.__class__
            if kind is str:
                size += getsizeof(value)
            elif kind is dict:
                shared, text_only = self._take(value, depth + 1)
                plain &= text_only
                if shared is not value:
                    holder[place] = shared
            elif kind is list:
                plain &= self._take_inside(value, depth + 1)
            elif value is not None:
                plain = False
                size += _NUMBER
        self._bytes += size
        return plain

    def _give_back(self, old: dict[str, Any], depth: int) -> None:
        name = _name(old, depth)
        known = self._parts.get(name, []) if name is not None else []
        part = next((each for each in known if each.object is old), None)
        if part is not None:
            part.count -= 1
            if part.count:
                return
            self._forget(name, part)  # type: ignore[arg-type]
        self._give_back_inside(old, depth)

    def _forget(self, name: str, part: _Part) -> None:
        self._bytes += _ENTRY
        self._parts[name].remove(part)
        if not self._parts[name]:
            del self._parts[name]

    def _give_back_inside(self, holder: Any, depth: int) -> None:
        if depth == DEEPEST:
            self._bytes += _deep_size(holder)
            return
        size = _bare_size(holder)
        for value in holder.values() if holder.__class__ is dict else holder:
            kind = value.__class__
            if kind is str:
                size += getsizeof(value)
            elif kind is dict:
                self._give_back(value, depth + 1)
            elif kind is list:
                self._give_back_inside(value, depth + 1)
            elif value is not None:
                size += _NUMBER
        self._bytes += size


def _name(part: dict[str, Any], depth: int) -> str | None:
    """What parts that may be equal have in common: the id, or for a whole document without one its own link."""
    name = part.get("id")
    if name.__class__ is not str and depth == 0:
        name = href(part, "self")
    return name if name.__class__ is str else None


def _bare_size(holder: Any) -> int:
    """Bytes of an object or a list, without what is in it."""
    size = getsizeof(holder)
    if holder.__class__ is dict and len(holder) > MANY_KEYS:
        size += sum(map(getsizeof, holder))
    return size


def _deep_size(holder: Any) -> int:
    """Bytes of an object or a list and of all that is in it, however deep."""
    size, inside = 0, [holder]
    while inside:
        here = inside.pop()
        if here.__class__ is dict or here.__class__ is list:
            size += _bare_size(here)
            inside += here.values() if here.__class__ is dict else here
        elif here.__class__ is str:
            size += getsizeof(here)
        elif here is not None:
            size += _NUMBER
    return size
