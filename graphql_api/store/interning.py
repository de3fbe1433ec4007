"""Equal parts of documents kept as one object: the same block stands in many competences, and these in many profiles.

A release at real size takes two fifths of what it takes otherwise, and what is read of a part can be kept by the part's identity.
A document renewed to the same content stays the object that it was. Nothing that anybody reads changes by it.
"""

from sys import getsizeof
from typing import Any

import orjson

from graphql_api.competent.hal import Document, href
from graphql_api.store.steps import Steps, at_once

MOST_VARIANTS = 16
"""Different parts of one id that are known; where there are more, the others are shared with none."""
DEEPEST = 20
"""Levels of a document that are looked through; Competent's have six."""
STEP = 500
"""Objects and lists that are looked through in one turn of the event loop; a millisecond or two."""
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


class _Walk:
    """One walk through a document: the bytes that it found, and how far it may go on in this turn."""

    __slots__ = ("bytes", "left")

    def __init__(self) -> None:
        self.bytes = 0
        self.left = STEP

    def is_over(self) -> bool:
        """Count an object or a list; whether the turn ends with it."""
        self.left -= 1
        if self.left:
            return False
        self.left = STEP
        return True


class Sharing:
    """Parts by id, known for as long as a document that was taken, and not yet given back, holds them.

    Documents are walked through by generators, which yield after every STEP objects and lists; several walks may be under way
    at once. A walk that was begun has to be ended, or parts stay counted for nobody.
    """

    def __init__(self) -> None:
        self._parts: dict[str, list[_Part]] = {}

    def take(self, document: Document) -> tuple[Document, int]:
        """The document to keep in the place of this one, and how many bytes that takes more than what is kept already.

        What is handed in is used up: its parts are exchanged for those that are known.
        """
        return at_once(self.taking(document))

    def give_back(self, document: Document) -> int:
        """Let go of a document that was taken; how many bytes that frees."""
        return at_once(self.giving_back(document))

    def taking(self, document: Document) -> Steps[tuple[Document, int]]:
        """`take` in steps."""
        walk, name = _Walk(), _name(document, 0)
        new: dict[str, Any] = document  # type: ignore[assignment]  # as it is parsed
        if part := self._find(name, new):
            return part.object, 0
        plain = yield from self._take_inside(new, 0, walk)
        self._add(name, new, plain, walk)
        return new, walk.bytes

    def giving_back(self, document: Document) -> Steps[int]:
        """`give_back` in steps."""
        walk = _Walk()
        yield from self._give_back(document, 0, walk)  # type: ignore[arg-type]
        return walk.bytes

    def __len__(self) -> int:
        return sum(map(len, self._parts.values()))

    def _find(self, name: str | None, new: dict[str, Any]) -> _Part | None:
        """The known part that says the same as this object, counted once more."""
        for part in self._parts.get(name, ()) if name is not None else ():
            if part.is_same(new):
                part.count += 1
                return part
        return None

    def _add(self, name: str | None, new: dict[str, Any], plain: bool, walk: _Walk) -> None:
        if name is None:
            return
        known = self._parts.setdefault(name, [])
        if len(known) < MOST_VARIANTS:
            walk.bytes += _ENTRY
            known.append(_Part(new, plain))

    def _take_inside(self, holder: Any, depth: int, walk: _Walk) -> Steps[bool]:
        if depth == DEEPEST:
            walk.bytes += _deep_size(holder)
            return False
        if walk.is_over():
            yield
        plain, size = True, _bare_size(holder)
        for place, value in holder.items() if holder.__class__ is dict else enumerate(holder):
            kind = value.__class__
            if kind is str:
                size += getsizeof(value)
            elif kind is dict:
                name = _name(value, depth + 1)
                if part := self._find(name, value):
                    holder[place] = part.object
                    plain &= part.plain
                else:
                    text_only = yield from self._take_inside(value, depth + 1, walk)
                    self._add(name, value, text_only, walk)
                    plain &= text_only
            elif kind is list:
                plain &= yield from self._take_inside(value, depth + 1, walk)
            elif value is not None:
                plain = False
                size += _NUMBER
        walk.bytes += size
        return plain

    def _give_back(self, old: dict[str, Any], depth: int, walk: _Walk) -> Steps[None]:
        name = _name(old, depth)
        known = self._parts.get(name, []) if name is not None else []
        part = next((each for each in known if each.object is old), None)
        if part is not None:
            part.count -= 1
            if part.count:
                return
            self._forget(name, part)  # type: ignore[arg-type]
            walk.bytes += _ENTRY
        yield from self._give_back_inside(old, depth, walk)

    def _forget(self, name: str, part: _Part) -> None:
        self._parts[name].remove(part)
        if not self._parts[name]:
            del self._parts[name]

    def _give_back_inside(self, holder: Any, depth: int, walk: _Walk) -> Steps[None]:
        if depth == DEEPEST:
            walk.bytes += _deep_size(holder)
            return
        if walk.is_over():
            yield
        size = _bare_size(holder)
        for value in holder.values() if holder.__class__ is dict else holder:
            kind = value.__class__
            if kind is str:
                size += getsizeof(value)
            elif kind is dict:
                yield from self._give_back(value, depth + 1, walk)
            elif kind is list:
                yield from self._give_back_inside(value, depth + 1, walk)
            elif value is not None:
                size += _NUMBER
        walk.bytes += size


def _name(part: Document, depth: int) -> str | None:
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
